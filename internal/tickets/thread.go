package tickets

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
)

// Clue is what an email tells about the thread that it belongs to.
type Clue struct {
	TokenHash  []byte   // of the reply address it came to; nil where there is none
	References []string // Message-IDs, the likeliest parent first
	MessageID  string   // its own: a reply may have come before it
}

// Thread is the ticket that an email points at.
type Thread struct {
	Ticket       *Ticket
	By           string          // "token", "letters", "references" or "awaited"
	participants map[string]bool // normalised addresses
}

// Has reports whether a reply from this address joins; a stranger's is held.
func (t *Thread) Has(address string) bool { return t.participants[address] }

// Ours reports whether the thread was found by something that only our letters tell.
func (t *Thread) Ours() bool { return t.By == "token" || t.By == "letters" }

// FindThreads looks up many clues in a few queries and locks the tickets, in one order. The result is
// aligned with the clues; nil where a clue leads nowhere. Clues of one ticket share its Ticket.
func FindThreads(tx *db.Tx, clues []Clue) ([]*Thread, error) {
	byToken, err := ticketsOfTokens(tx, clues)
	if err != nil {
		return nil, err
	}
	byLetter, err := ticketsOfReferences(tx, sqlTicketsOfLetters, clues)
	if err != nil {
		return nil, err
	}
	byReference, err := ticketsOfReferences(tx, sqlTicketsOfMessages, clues)
	if err != nil {
		return nil, err
	}
	byReply, err := ticketsAwaiting(tx, clues)
	if err != nil {
		return nil, err
	}
	threads := make([]*Thread, len(clues))
	found := map[uuid.UUID]bool{}
	of := make([]uuid.UUID, len(clues))
	for i, c := range clues {
		if id, ok := byToken[string(c.TokenHash)]; ok && c.TokenHash != nil {
			of[i], threads[i], found[id] = id, &Thread{By: "token"}, true
			continue
		}
		// Our own letters come first: their ids are random, a client's may be anything.
		for _, by := range []struct {
			name string
			ids  map[string]uuid.UUID
		}{{"letters", byLetter}, {"references", byReference}} {
			for _, ref := range c.References {
				if id, ok := by.ids[ref]; ok && threads[i] == nil {
					of[i], threads[i], found[id] = id, &Thread{By: by.name}, true
				}
			}
		}
		if id, ok := byReply[c.MessageID]; ok && threads[i] == nil {
			of[i], threads[i], found[id] = id, &Thread{By: "awaited"}, true
		}
	}
	return threads, attach(tx, threads, of, found)
}

func ticketsOfTokens(tx *db.Tx, clues []Clue) (map[string]uuid.UUID, error) {
	var hashes [][]byte
	for _, c := range clues {
		if c.TokenHash != nil {
			hashes = append(hashes, c.TokenHash)
		}
	}
	byToken := map[string]uuid.UUID{}
	if len(hashes) == 0 {
		return byToken, nil
	}
	rows, err := tx.Query(sqlTicketsOfTokens, hashes)
	if err != nil {
		return nil, fmt.Errorf("find reply tokens: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		var id uuid.UUID
		if err := rows.Scan(&hash, &id); err != nil {
			return nil, err
		}
		byToken[string(hash)] = id
	}
	return byToken, rows.Err()
}

func ticketsOfReferences(tx *db.Tx, sql string, clues []Clue) (map[string]uuid.UUID, error) {
	var ids []string
	for _, c := range clues {
		for _, ref := range c.References {
			// An empty id would match every email that has none.
			if ref != "" {
				ids = append(ids, ref)
			}
		}
	}
	return ticketsByMessageID(tx, sql, ids)
}

// ticketsAwaiting finds the tickets of replies that came before these emails.
func ticketsAwaiting(tx *db.Tx, clues []Clue) (map[string]uuid.UUID, error) {
	var ids []string
	for _, c := range clues {
		if c.MessageID != "" {
			ids = append(ids, c.MessageID)
		}
	}
	return ticketsByMessageID(tx, sqlTicketsAwaiting, ids)
}

// ticketsByMessageID keeps the first ticket of each id.
func ticketsByMessageID(tx *db.Tx, sql string, ids []string) (map[string]uuid.UUID, error) {
	found := map[string]uuid.UUID{}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := tx.Query(sql, ids)
	if err != nil {
		return nil, fmt.Errorf("find tickets by Message-ID: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var ref string
		var id uuid.UUID
		if err := rows.Scan(&ref, &id); err != nil {
			return nil, err
		}
		if _, known := found[ref]; !known {
			found[ref] = id
		}
	}
	return found, rows.Err()
}

// AwaitParent remembers that the ticket's newest message answers an email that has not come yet.
func AwaitParent(tx *db.Tx, t *Ticket, parent string) {
	tx.Insert(awaitingParents, parent, t.ID)
}

// attach loads the tickets under their locks, and their participants.
func attach(tx *db.Tx, threads []*Thread, of []uuid.UUID, found map[uuid.UUID]bool) error {
	if len(found) == 0 {
		return nil
	}
	byID, err := lockThreads(tx, slices.Collect(maps.Keys(found)))
	if err != nil {
		return fmt.Errorf("lock tickets: %w", err)
	}
	people := make(map[uuid.UUID]map[string]bool, len(byID))
	rows, err := tx.Query(sqlParticipantsOfTickets, slices.Collect(maps.Keys(byID)))
	if err != nil {
		return fmt.Errorf("find participants: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var address string
		if err := rows.Scan(&id, &address); err != nil {
			return err
		}
		if people[id] == nil {
			people[id] = map[string]bool{}
		}
		people[id][address] = true
	}
	for i, thread := range threads {
		if thread == nil {
			continue
		}
		t := byID[of[i]]
		for t.MergedInto.Valid {
			t = byID[t.MergedInto.UUID]
		}
		thread.Ticket, thread.participants = t, people[t.ID]
	}
	return rows.Err()
}

// lockThreads locks tickets, in one order. One that was merged between the look-up and its lock has its
// thread in another ticket, which is locked too.
func lockThreads(tx *db.Tx, ids []uuid.UUID) (map[uuid.UUID]*Ticket, error) {
	byID := make(map[uuid.UUID]*Ticket, len(ids))
	for len(ids) > 0 {
		locked, err := db.All[Ticket](tx, sqlLockTickets, ids)
		if err != nil {
			return nil, err
		}
		ids = nil
		for i := range locked {
			byID[locked[i].ID] = &locked[i]
		}
		for _, t := range locked {
			if into := t.MergedInto; into.Valid && byID[into.UUID] == nil {
				ids = append(ids, into.UUID)
			}
		}
	}
	return byID, nil
}

// Bursts locks the open tickets that take the rest of floods, by the limits that were reached.
func Bursts(tx *db.Tx, limits []string) (map[string]*Ticket, error) {
	type burst struct {
		Ticket
		Key string `db:"burst_key"`
	}
	found, err := db.All[burst](tx, sqlOpenBursts, limits)
	if err != nil {
		return nil, fmt.Errorf("find burst tickets: %w", err)
	}
	bursts := make(map[string]*Ticket, len(found))
	for i := range found {
		bursts[found[i].Key] = &found[i].Ticket
	}
	return bursts, nil
}

// Answered finds those of the contacts whom staff have ever answered.
func Answered(tx *db.Tx, contacts []uuid.UUID) (map[uuid.UUID]bool, error) {
	found, err := db.Column[uuid.UUID](tx, sqlAnswered, contacts)
	if err != nil {
		return nil, fmt.Errorf("find whom staff have answered: %w", err)
	}
	answered := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		answered[id] = true
	}
	return answered, nil
}
