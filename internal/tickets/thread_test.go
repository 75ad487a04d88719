package tickets

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/token"
)

// find runs FindThreads in a change of its own.
func (s *scene) find(clues ...Clue) (threads []*Thread) {
	s.t.Helper()
	s.change(func(tx *db.Tx) (err error) {
		if threads, err = FindThreads(tx, clues); err == nil && len(threads) != len(clues) {
			s.t.Errorf("%d threads for %d clues", len(threads), len(clues))
		}
		if err == nil {
			err = db.NoChange
		}
		return err
	})
	return threads
}

// Tried: four tickets, each known by one kind of clue, and emails that name several of them; ids that a
// forger chose to equal one of our letters'; ids that are empty.
func TestCluesAreBelievedInTheirOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	byToken := s.open(func(o *Opening) { o.Acknowledge = true })
	byLetter := s.open(func(o *Opening) { o.Acknowledge = true })
	byClient := s.open(func(o *Opening) { o.Content.RFCMessageID = "client@x.example" })
	byReply := s.open()
	for _, o := range []Ticket{byReply, byReply, byClient} { // said twice; and another ticket waits for it later
		must(t, s.db.Bookkeep(soon(t), "test", func(tx *db.Tx) error { AwaitParent(tx, &o, "awaited@x.example"); return nil }))
	}
	tok := s.letters(byToken.ID)[0].replyToken(t)
	ours := s.letters(byLetter.ID)[0].RFCMessageID
	forged := s.open(func(o *Opening) { o.Content.RFCMessageID = ours })
	nameless := s.open(func(o *Opening) { o.Content.RFCMessageID = "" })
	hash := ReplyTokenHash(tok)
	for what, c := range map[string]struct {
		clue Clue
		want uuid.UUID
		by   string
	}{
		"token":                    {Clue{TokenHash: hash}, byToken.ID, "token"},
		"token above all":          {Clue{TokenHash: hash, References: []string{ours, "client@x.example"}, MessageID: "awaited@x.example"}, byToken.ID, "token"},
		"unknown token":            {Clue{TokenHash: ReplyTokenHash(token.ForAddress()), References: []string{"client@x.example"}}, byClient.ID, "references"},
		"token of another purpose": {Clue{TokenHash: token.Hash("bounce", tok)}, uuid.Nil, ""},
		"our letter":               {Clue{References: []string{ours}}, byLetter.ID, "letters"},
		"a client's email":         {Clue{References: []string{"client@x.example"}, MessageID: "awaited@x.example"}, byClient.ID, "references"},
		"the likeliest first":      {Clue{References: []string{"unknown@x.example", ours, "client@x.example"}}, byLetter.ID, "letters"},
		"awaited":                  {Clue{MessageID: "awaited@x.example"}, byReply.ID, "awaited"},
		"awaited, unknown parents": {Clue{References: []string{"unknown@x.example"}, MessageID: "awaited@x.example"}, byReply.ID, "awaited"},
		"nothing":                  {Clue{}, uuid.Nil, ""},
		"empty ids":                {Clue{TokenHash: []byte{}, References: []string{"", ""}, MessageID: ""}, uuid.Nil, ""},
		"other case":               {Clue{References: []string{"CLIENT@x.example"}}, uuid.Nil, ""},
	} {
		got := s.find(c.clue)[0]
		switch {
		case c.want == uuid.Nil && got != nil:
			t.Errorf("%s leads to %s by %s", what, got.Ticket.Subject, got.By)
		case c.want != uuid.Nil && (got == nil || got.Ticket.ID != c.want || got.By != c.by):
			t.Errorf("%s: %s, want %s by %s", what, asJSON(got), c.want, c.by)
		}
		if got != nil && (got.Ticket.ID == forged.ID || got.Ticket.ID == nameless.ID) {
			t.Errorf("%s leads to a forger's ticket", what)
		}
	}
}

// Tried: several emails of one ticket among others in one batch.
func TestCluesOfOneTicketShareIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	one := s.open(func(o *Opening) { o.Content.RFCMessageID, o.Cc = "one@x.example", []Person{bob} })
	two := s.open(func(o *Opening) { o.Content.RFCMessageID, o.From = "two@x.example", bob })
	got := s.find(Clue{References: []string{"two@x.example"}}, Clue{}, Clue{References: []string{"one@x.example"}}, Clue{References: []string{"one@x.example"}})
	if got[1] != nil || got[0].Ticket.ID != two.ID || got[2].Ticket.ID != one.ID || got[2].Ticket != got[3].Ticket {
		t.Errorf("threads %s", asJSON(got))
	}
	for address, want := range map[string][2]bool{ann.Norm: {false, true}, bob.Norm: {true, true}, "": {false, false}, "eve@x.example": {false, false}, "ANN@client.example": {false, false}} {
		if got[0].Has(address) != want[0] || got[2].Has(address) != want[1] {
			t.Errorf("%q takes part: %v, %v", address, got[0].Has(address), got[2].Has(address))
		}
	}
}

// Tried: batches that name the same tickets in opposite order; each must see what the others wrote.
func TestBatchesOfTheSameTicketsNeitherDeadlockNorLoseAReply(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const tickets, batches = 6, 8
	var clues []Clue
	var ids []uuid.UUID
	for i := range tickets {
		id := fmt.Sprintf("m%d@x.example", i)
		ids = append(ids, s.open(func(o *Opening) { o.Content.RFCMessageID = id }).ID)
		clues = append(clues, Clue{References: []string{id}})
	}
	var wait sync.WaitGroup
	for b := range batches {
		wait.Go(func() {
			mine := slices.Clone(clues)
			if b%2 == 0 {
				slices.Reverse(mine)
			}
			tries := 0
			err := s.db.Change(soon(t), sam, func(tx *db.Tx) error {
				tries++
				threads, err := FindThreads(tx, mine)
				for _, thread := range threads {
					s.ReplyIn(tx, thread.Ticket, Reply{From: ann, Content: Content{Body: "more"}})
				}
				return err
			})
			if err != nil || tries != 1 {
				t.Errorf("batch %d: %d tries, %v", b, tries, err)
			}
		})
	}
	wait.Wait()
	for _, id := range ids {
		if f := s.get(id); f.Ticket.Messages != batches+1 || f.Ticket.Version != batches+1 || len(f.Messages) != batches+1 {
			t.Errorf("%d messages counted, %d there, version %d", f.Ticket.Messages, len(f.Messages), f.Ticket.Version)
		}
	}
}

func TestBurstTicketsAreFoundWhileOpen(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	flood := s.open(func(o *Opening) { o.Burst = "ann's" })
	s.open() // Ann's other ticket takes no flood
	over := s.open(func(o *Opening) { o.Burst, o.From = "bob's", bob })
	_, err := s.set(over.ID, Patch{Status: ptr(Closed)})
	must(t, err)
	s.change(func(tx *db.Tx) error {
		got, err := Bursts(tx, []string{"ann's", "bob's", "eve's"})
		if err != nil || len(got) != 1 || got["ann's"] == nil || got["ann's"].ID != flood.ID {
			t.Errorf("bursts %s: %v", asJSON(got), err)
		}
		return db.NoChange
	})
}
