package inbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// The bounds of one trial: what is not reached is for the next one.
const (
	trialTime  = 10 * time.Second
	trialBytes = 100 << 20
)

// Trial is a rule that is tried on stored emails.
type Trial struct {
	On     string
	When   string
	Then   rules.Then
	Before int64 // the last email of the trial before; 0: from the newest one on
	Limit  int   // how many emails are looked at
}

// Tried is what a trial came to, newest email first.
type Tried struct {
	LookedAt int
	Unread   int // among them: their bytes are not kept, or could not be read
	Matches  []Match
	Before   int64 // where the next trial goes on; 0: there is no older email
}

// Match is an email for which the condition holds, or fails.
type Match struct {
	Email   Email
	IsReply bool
	Failure string // of the condition; then nothing changes
	Changes []Difference
}

// past is a row that a trial looks at.
type past struct {
	Email
	Priority     tickets.Priority `db:"priority"`
	Tags         []string         `db:"tags"`
	Custom       map[string]any   `db:"custom"`
	Acknowledged bool             `db:"acknowledged"`
	Requester    string           `db:"requester"`
}

// TryRule finds which of the newest emails that opened or continued tickets a rule would have been followed for,
// and what would differ then from how they and their tickets are now. It only reads: nothing is changed, counted or
// sent.
func (s *Service) TryRule(ctx context.Context, by event.Actor, t Trial) (Tried, error) {
	if err := rules.Check(t.On, t.Then); err != nil {
		return Tried{}, err
	}
	if _, err := rules.Compile(t.When); err != nil {
		return Tried{}, err
	}
	rows, desk, err := s.candidates(ctx, by, t)
	if err != nil {
		return Tried{}, err
	}
	out, until, size := Tried{Matches: []Match{}}, time.Now().Add(trialTime), int64(0)
	for _, p := range rows {
		if out.LookedAt == t.Limit || out.LookedAt > 0 && (time.Now().After(until) || size+p.Size > trialBytes) {
			return out, nil
		}
		out.LookedAt++
		out.Before, size = p.ID, size+p.Size
		match, read, err := s.tryOn(ctx, p, desk)
		if err != nil {
			return Tried{}, err
		}
		if !read {
			out.Unread++
		}
		if match != nil {
			out.Matches = append(out.Matches, *match)
		}
	}
	out.Before = 0
	return out, nil
}

// candidates finds what a trial looks at, and the desk around it as routing would see it.
func (s *Service) candidates(ctx context.Context, by event.Actor, t Trial) (rows []past, desk *round, err error) {
	desk = &round{s: s, boxes: map[uuid.UUID]*mailboxes.Mailbox{}, own: map[string]bool{}, book: t.book()}
	before := t.Before
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.db.View(ctx, by, func(v *db.View) error {
		if rows, err = db.All[past](v, sqlTriable, before, t.Limit+1); err != nil {
			return fmt.Errorf("find emails: %w", err)
		}
		boxes, err := mailboxes.All(v)
		if err != nil {
			return fmt.Errorf("read mailboxes: %w", err)
		}
		for i := range boxes {
			desk.boxes[boxes[i].ID], desk.own[boxes[i].AddressNorm] = &boxes[i], true
		}
		norms := map[string]bool{}
		for _, p := range rows {
			for _, address := range []string{textOf(p.FromAddress), p.Requester} {
				if norm, ok := message.NormalizeAddress(address); ok {
					norms[norm] = true
				}
			}
		}
		desk.senders, err = contacts.KnownAs(v, slices.Collect(maps.Keys(norms)))
		return err
	})
	return rows, desk, err
}

func (t Trial) book() *rules.Book {
	return rules.NewBook([]rules.Rule{{Name: "this rule", On: t.On, When: t.When, Then: t.Then}})
}

// tryOn asks the rule of one email; read is false where its bytes say nothing.
func (s *Service) tryOn(ctx context.Context, p past, desk *round) (m *Match, read bool, err error) {
	b, err := s.blobs.OpenOne(ctx, blob.Sum(p.SHA256))
	if errors.Is(err, blob.ErrMissing) || len(p.SHA256) == 0 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("open inbound email %d: %w", p.ID, err)
	}
	x := &reading{row: stored{ID: p.ID, MailboxID: p.MailboxID, SHA256: p.SHA256, Size: p.Size, Arrived: p.InternalDate}}
	if err := s.parse(ctx, x, b, nil); err != nil {
		return nil, false, fmt.Errorf("inbound email %d: %w", p.ID, err)
	}
	if x.email == nil {
		return nil, false, nil
	}
	x.knowSender()
	desk.claimOwnList(x)
	desk.takeForm(x)
	reply := *p.Disposition == Replied
	o := desk.book.Decide(desk.factsOf(x, reply))
	switch {
	case len(o.Failed) > 0:
		return &Match{Email: p.Email, IsReply: reply, Failure: o.Failed[0].Why, Changes: []Difference{}}, true, nil
	case len(o.Matched) == 0:
		return nil, true, nil
	}
	return &Match{Email: p.Email, IsReply: reply, Changes: p.changes(o)}, true, nil
}

// changes is what differs from now.
func (p past) changes(o rules.Outcome) []Difference {
	changes := []Difference{}
	add := func(field, from, to string) {
		changes = append(changes, Difference{Field: field, From: &from, To: &to})
	}
	if o.SetAside {
		add("disposition", *p.Disposition, map[bool]string{true: Held, false: Spam}[*p.Disposition == Replied])
		return changes
	}
	if o.Priority != "" && o.Priority != p.Priority.String() {
		add("priority", p.Priority.String(), o.Priority)
	}
	tags := slices.Clone(p.Tags)
	for _, tag := range o.Tags {
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > len(p.Tags) {
		add("tags", strings.Join(p.Tags, ", "), strings.Join(tags, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Custom)) {
		value := o.Custom[name]
		if before, there := p.Custom[name]; !there || before != value {
			was := ""
			if there {
				was = fmt.Sprint(before)
			}
			add("custom."+name, was, fmt.Sprint(value))
		}
	}
	if o.NoAcknowledgement && p.Acknowledged {
		add("acknowledgement", "sent", "none")
	}
	return changes
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
