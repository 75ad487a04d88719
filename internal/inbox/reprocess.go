package inbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
)

// What becomes of an email that is read again: what the rules say, or what a person decides.
const (
	AsRuled = ""
	AsOpen  = "open" // a ticket of its own
	AsJoin  = "join" // a message on a ticket
)

// Again is how an email is read again.
type Again struct {
	Apply       bool // else only the differences are found, and nothing is changed
	Acknowledge bool // the sender of a ticket that it opens is written to; nobody else ever is
	As          string
	TicketID    uuid.UUID // of AsJoin; zero: the ticket that the email is held for
}

// Reprocessed is what reading an email again came to.
type Reprocessed struct {
	Email       Email // as it is now, or would be; a ticket that would be opened is not in it
	Applied     bool
	Differences []Difference
}

// Reprocess reads the stored bytes of a routed email again, with the rules of today. One that was set aside may
// open or continue a ticket; one that is a message on a ticket has that message's text, HTML, problems and missing
// files brought up to date: never a second message, and no letter but an acknowledgement that is asked for. With
// As it is released by a person's decision; doing that twice is a Conflict, and so are bytes that are not kept.
// Where nothing differs nothing is changed or recorded.
func (s *Service) Reprocess(ctx context.Context, by event.Actor, id int64, a Again) (Reprocessed, error) {
	if a.TicketID != uuid.Nil && a.As != AsJoin {
		return Reprocessed{}, fault.New(fault.Invalid, "ticket_without_join", "ticket_id is for as join").In("ticket_id")
	}
	x, err := s.readAgain(ctx, by, id, a.Apply)
	if err != nil {
		return Reprocessed{}, err
	}
	var out Reprocessed
	err = s.db.Change(ctx, by, func(tx *db.Tx) error {
		p := newReprocessing(s, tx, *x, a)
		if err := p.run(id); err != nil {
			return err
		}
		if err := p.finish(); err != nil {
			return err
		}
		out = Reprocessed{Email: p.after, Applied: a.Apply && len(p.differences) > 0, Differences: p.differences}
		if !out.Applied {
			return db.NoChange
		}
		tx.As(by)
		tx.Record(event.Event{Kind: event.EmailReprocessed, SubjectID: emailSubject(id), Label: *p.after.Disposition,
			Detail: map[string]any{"differences": recorded(p.differences)}})
		return nil
	})
	return out, err
}

func notHere(id int64) error {
	return fault.New(fault.NotFound, "inbound_email_not_found", "there is no inbound email %d", id)
}

func notRouted(id int64) error {
	return fault.New(fault.Conflict, "email_not_routed", "inbound email %d has no disposition yet; wait until it has one", id)
}

// readAgain parses the stored bytes, outside of any transaction. What is attached is stored only where it will be
// used. The attempts that failed before do not count: that is what reading again is for.
func (s *Service) readAgain(ctx context.Context, by event.Actor, id int64, store bool) (*reading, error) {
	e, err := s.Get(ctx, by, id)
	if err != nil {
		return nil, err
	}
	gone := fault.New(fault.Conflict, "bytes_gone", "the bytes of inbound email %d are not kept here, so that it cannot be read again", id)
	switch {
	case e.Disposition == nil:
		return nil, notRouted(id)
	case len(e.SHA256) == 0:
		return nil, gone
	}
	var row stored
	err = s.db.View(ctx, by, func(v *db.View) (err error) {
		row, _, err = db.One[stored](v, sqlReread, id, s.rules.ReplyWait)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read inbound email %d: %w", id, err)
	}
	b, err := s.blobs.OpenOne(ctx, blob.Sum(e.SHA256))
	if errors.Is(err, blob.ErrMissing) {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	row.SHA256, row.Attempts, row.WaitsStill = e.SHA256, 0, false
	put := s.blobs.Put
	if !store {
		put = func(context.Context, ...*blob.Spool) error { return nil }
	}
	return s.understand(ctx, row, b, put)
}

// reprocessing is one email that is read again, in one transaction.
type reprocessing struct {
	*round
	x           *reading
	want        Again
	decided     string // who decided, where a person did
	after       Email
	opened      *tickets.Ticket
	differences []Difference
}

// newReprocessing works on a copy of what was read: the transaction may be tried again from its beginning.
func newReprocessing(s *Service, tx *db.Tx, x reading, a Again) *reprocessing {
	email := *x.email
	x.email = &email
	return &reprocessing{round: &round{s: s, tx: tx, readings: []*reading{&x}}, x: &x, want: a, decided: tx.Actor().Name}
}

// run leads to one verdict. It takes the locks in the order in which routing takes them.
func (p *reprocessing) run(id int64) error {
	before, found, err := db.One[Email](p.tx, sqlLockEmail, id)
	switch {
	case err != nil:
		return fmt.Errorf("lock inbound email %d: %w", id, err)
	case !found:
		return notHere(id)
	case before.Disposition == nil:
		return notRouted(id)
	}
	p.again = &before
	for _, step := range []func() error{p.lockThreads, p.lockKey, p.knowOurselves, p.openBook} {
		if err := step(); err != nil {
			return err
		}
	}
	if joined, err := p.rewrite(); joined || err != nil {
		return err
	}
	switch {
	case p.want.As != AsRuled:
		return p.release()
	case p.x.unread: // it still says nothing
		return nil
	}
	return p.reroute()
}

// openBook takes the rules of today.
func (p *reprocessing) openBook() error {
	version, err := rules.Version(p.tx)
	if err != nil {
		return fmt.Errorf("read the version of the rules: %w", err)
	}
	p.book, err = p.s.triage.Open(p.tx, version)
	return err
}

// lockKey makes copies of one email that are read again at once wait for each other, and those that come in.
func (p *reprocessing) lockKey() error {
	if _, err := p.tx.Exec(sqlTakeKeys, [][]byte{p.x.key[:]}, []int64{p.x.row.ID}); err != nil {
		return fmt.Errorf("take the key: %w", err)
	}
	if _, err := p.tx.Exec(sqlLockKey, p.x.key[:]); err != nil {
		return fmt.Errorf("lock the key: %w", err)
	}
	return nil
}

// reroute is the road of an email that came in, but for the limits: those hold back floods, and nobody is flooded
// by what a person asks for.
func (p *reprocessing) reroute() error {
	if err := p.findDuplicates(); err != nil || len(p.readings) == 0 {
		return err
	}
	if err := p.routeAll(); err != nil || len(p.opens) == 0 {
		return err
	}
	return p.openOne(openedReason(p.x))
}

func (p *reprocessing) openOne(reason string) error {
	x := p.x
	p.opens = []*reading{x}
	p.tx.As(event.System("inbox")) // as in openAll
	linked, err := p.link()
	if err != nil {
		return err
	}
	numbers := []int64{-x.row.ID} // for the look alone: a number that is drawn is gone
	if p.want.Apply {
		if numbers, err = tickets.ReserveNumbers(p.tx, 1); err != nil {
			return err
		}
	}
	known := linked[x.from.Norm]
	p.tx.As(actorOf(x, &known))
	p.opened, err = p.open(x, known, allowance{acknowledge: p.want.Acknowledge && p.acknowledgeable()}, numbers[0])
	if err != nil {
		return err
	}
	p.settle(x, Opened, reason, p.opened.ID)
	return nil
}

// finish writes the ledger, takes the email from those that its ticket counts as held, and finds what differs.
func (p *reprocessing) finish() error {
	if err := p.writeLedger(); err != nil {
		return err
	}
	for _, v := range p.verdicts {
		if was := p.again.TicketID; *p.again.Disposition == Held && was.Valid && (v.disposition != Held || v.ticket != was.UUID) {
			tickets.LessHeldIn(p.tx, was.UUID)
		}
	}
	after, _, err := db.One[Email](p.tx, sqlEmail, p.x.row.ID)
	if err != nil {
		return fmt.Errorf("read inbound email %d again: %w", p.x.row.ID, err)
	}
	p.after = after
	return p.compare()
}

// heldFor reports whether an email that is read again is held for this ticket already.
func heldFor(again *Email, ticket uuid.UUID) bool {
	return again != nil && *again.Disposition == Held && again.TicketID.UUID == ticket
}
