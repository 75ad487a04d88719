package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/tickets"
)

// Difference is one thing that reading an email again changes; nil where there was or is none.
type Difference struct {
	Field    string
	From, To *string
	words    bool // what somebody wrote: the record keeps its length and hash alone
}

// maxShown bounds how much of a text a difference shows, in bytes.
const maxShown = 10_000

// NewTicket stands for a ticket that would be opened.
const NewTicket = "a new ticket"

// differ notes a difference, where there is one.
func (p *reprocessing) differ(d Difference) {
	if a, b := d.From, d.To; a == nil && b == nil || a != nil && b != nil && *a == *b {
		return
	}
	p.differences = append(p.differences, d)
}

// compare holds the row of the ledger against what it was.
func (p *reprocessing) compare() error {
	was, is := p.again, &p.after
	names, err := p.ticketNames(was.TicketID, is.TicketID)
	if err != nil {
		return err
	}
	found := p.differences // of the message; the row's come first
	p.differences = nil
	p.differ(Difference{Field: "class", From: was.Class, To: is.Class})
	p.differ(Difference{Field: "disposition", From: was.Disposition, To: is.Disposition})
	p.differ(Difference{Field: "reason", From: was.Reason, To: is.Reason})
	p.differ(Difference{Field: "ticket", From: names[was.TicketID], To: names[is.TicketID]})
	p.differ(Difference{Field: "from", From: was.FromAddress, To: is.FromAddress, words: true})
	p.differ(Difference{Field: "subject", From: was.Subject, To: is.Subject, words: true})
	if p.opened != nil {
		level := p.opened.Priority.String()
		p.differ(Difference{Field: "priority", To: &level})
		if err := p.compareLetters(); err != nil {
			return err
		}
	}
	if len(found) == 0 && *is.Disposition != *was.Disposition && is.TicketID.Valid && *is.Disposition != Held {
		p.compareMessage(tickets.Message{}, contentOf(p.x))
	}
	p.differences = append(p.differences, found...)
	if !p.want.Apply && p.opened != nil {
		p.after.TicketID = uuid.NullUUID{}
	}
	return nil
}

// compareMessage holds a message against what it is to say; the content's files are those that it lacks.
func (p *reprocessing) compareMessage(m tickets.Message, c tickets.Content) {
	p.differ(Difference{Field: "reply", From: nullText(m.Body), To: nullText(c.Body), words: true})
	p.differ(Difference{Field: "full_text", From: m.FullText, To: nullText(c.FullText), words: true})
	p.differ(Difference{Field: "html", From: m.HTML, To: nullText(c.HTML), words: true})
	p.differ(Difference{Field: "problems", From: nullText(strings.Join(m.Problems, "; ")), To: nullText(strings.Join(c.Problems, "; ")), words: true})
	if n := len(c.Files); n > 0 {
		more := fmt.Sprintf("%d more", n)
		p.differ(Difference{Field: "attachments", To: &more})
	}
}

func (p *reprocessing) compareLetters() error {
	var owed bool
	if err := p.tx.QueryRow(sqlIsAcknowledged, p.opened.ID).Scan(&owed); err != nil {
		return fmt.Errorf("find the acknowledgement: %w", err)
	}
	if owed {
		queued := "queued"
		p.differ(Difference{Field: "acknowledgement", To: &queued})
	}
	return nil
}

// ticketNames names tickets as people do; none has no name.
func (p *reprocessing) ticketNames(ids ...uuid.NullUUID) (map[uuid.NullUUID]*string, error) {
	type named struct {
		ID     uuid.NullUUID `db:"id"`
		Number int64         `db:"number"`
	}
	found, err := db.All[named](p.tx, sqlNumbersOfTickets, []uuid.UUID{ids[0].UUID, ids[1].UUID})
	if err != nil {
		return nil, fmt.Errorf("name tickets: %w", err)
	}
	names := map[uuid.NullUUID]*string{}
	for _, t := range found {
		name := fmt.Sprintf("#%d", t.Number)
		if t.Number < 0 {
			name = NewTicket
		}
		names[t.ID] = &name
	}
	return names, nil
}

// Shown is a difference's two sides, each cut where it is very long.
func (d Difference) Shown() (from, to *string) { return shortened(d.From), shortened(d.To) }

func shortened(s *string) *string {
	if s == nil || len(*s) <= maxShown {
		return s
	}
	cut := bounded(*s, maxShown) + "…"
	return &cut
}

// recorded is what the record keeps of differences. It outlives the texts, which may have to be erased.
func recorded(differences []Difference) []map[string]any {
	var out []map[string]any
	for _, d := range differences {
		out = append(out, map[string]any{"field": d.Field, "from": d.side(d.From), "to": d.side(d.To)})
	}
	return out
}

func (d Difference) side(s *string) any {
	if s == nil || !d.words {
		return s
	}
	sum := sha256.Sum256([]byte(*s))
	return map[string]any{"bytes": len(*s), "sha256": hex.EncodeToString(sum[:])}
}
