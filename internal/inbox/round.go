package inbox

import (
	"bytes"
	"cmp"
	"fmt"
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

// round routes emails that do not depend on each other, in one transaction: it asks everything in a few
// queries, decides each email, and queues all writes.
type round struct {
	s        *Service
	tx       *db.Tx
	readings []*reading
	boxes    map[uuid.UUID]*mailboxes.Mailbox
	own      map[string]bool // addresses of the desk's mailboxes
	ours     map[string]bool // Message-IDs of letters that we sent
	opens    []*reading
	verdicts []verdict
	waiting  []*reading
	tooMany  map[*reading]bool // replies that are only noted
	book     *rules.Book
	senders  map[string]contacts.Known // whom the rules may ask about
	asked    time.Duration             // by the rules, of all emails
	routed   int
	again    *Email // the row of an email that is read again, as it was; nil for emails that came in
}

// verdict is what the ledger keeps of a routed email.
type verdict struct {
	r           *reading
	disposition string
	reason      string
	ticket      uuid.UUID
}

func (r *round) route() error {
	for _, step := range []func() error{r.lock, r.lockThreads, r.knowOurselves, r.waitForParents, r.findDuplicates, r.keepFiles, r.routeAll, r.openAll, r.writeLedger} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// lock takes the rows, in one order, and drops those that somebody else has routed meanwhile.
func (r *round) lock() error {
	ids := make([]int64, len(r.readings))
	for i, reading := range r.readings {
		ids[i] = reading.row.ID
	}
	type locked struct {
		ID    int64 `db:"id"`
		Rules int64 `db:"rules"`
	}
	open, err := db.All[locked](r.tx, sqlLockToRoute, ids)
	if err != nil {
		return fmt.Errorf("lock emails: %w", err)
	}
	r.readings = slices.DeleteFunc(slices.Clone(r.readings), func(x *reading) bool {
		return !slices.ContainsFunc(open, func(row locked) bool { return row.ID == x.row.ID })
	})
	if len(open) > 0 {
		r.book, err = r.s.triage.Open(r.tx, open[0].Rules)
	}
	return err
}

// lockThreads makes an email wait for another one that is being routed and that it answers, or that
// answers it: where neither saw the other, one thread would become two tickets.
func (r *round) lockThreads() error {
	var ids []string
	for _, reading := range r.readings {
		if id := reading.email.MessageID; id != "" {
			ids = append(ids, id)
		}
		if refs := references(reading.email); len(refs) > 0 {
			ids = append(ids, refs[0])
		}
	}
	if _, err := r.tx.Exec(sqlLockThreads, ids); err != nil {
		return fmt.Errorf("lock threads: %w", err)
	}
	return nil
}

func (r *round) knowOurselves() error {
	boxes, err := mailboxes.All(r.tx)
	if err != nil {
		return fmt.Errorf("read mailboxes: %w", err)
	}
	r.boxes, r.own = map[uuid.UUID]*mailboxes.Mailbox{}, map[string]bool{}
	for i := range boxes {
		r.boxes[boxes[i].ID] = &boxes[i]
		r.own[boxes[i].AddressNorm] = true
	}
	var ids []string
	for _, reading := range r.readings {
		r.claimOwnList(reading)
		if reading.email.MessageID != "" {
			ids = append(ids, reading.email.MessageID)
		}
	}
	ours, err := db.Column[string](r.tx, sqlOurLetters, ids)
	r.ours = map[string]bool{}
	for _, id := range ours {
		r.ours[id] = true
	}
	for _, reading := range r.readings {
		r.takeForm(reading)
	}
	return err
}

// claimOwnList takes what came by a list that is the support address itself for what it is: an email to
// support. Groups of mail providers hand on customers' emails that way.
func (r *round) claimOwnList(x *reading) {
	if x.email.Class != message.ClassList {
		return
	}
	for _, list := range x.email.Lists {
		for own := range r.own {
			if list == own || list == strings.ReplaceAll(own, "@", ".") {
				x.email.Class = message.ClassHuman
				x.email.Reasons = append(x.email.Reasons, "the list is the support address itself")
			}
		}
	}
}

// findDuplicates lets the first row with a key own it; any other copy, from another folder, mailbox or
// generation of UIDs, goes where that one went.
func (r *round) findDuplicates() error {
	byKey := slices.Clone(r.readings)
	// One order for all transactions: two that bring the same emails cannot deadlock.
	slices.SortFunc(byKey, func(a, b *reading) int { return bytes.Compare(a.key[:], b.key[:]) })
	keys, ids := make([][]byte, len(byKey)), make([]int64, len(byKey))
	for i, reading := range byKey {
		keys[i], ids[i] = reading.key[:], reading.row.ID
	}
	type owner struct {
		Key     []byte        `db:"key"`
		EmailID int64         `db:"email_id"`
		Ticket  uuid.NullUUID `db:"ticket_id"`
		Ruled   bool          `db:"ruled_here"`
	}
	taken, err := db.Column[[]byte](r.tx, sqlTakeKeys, keys, ids)
	if err != nil {
		return fmt.Errorf("take keys: %w", err)
	}
	if len(taken) == len(keys) {
		return nil
	}
	if _, err := r.tx.Exec(sqlLockKeys, keys); err != nil {
		return fmt.Errorf("lock keys: %w", err)
	}
	owners, err := db.All[owner](r.tx, sqlKeyOwners, keys, ids, ruledAside)
	if err != nil {
		return fmt.Errorf("find the owners of keys: %w", err)
	}
	first, theirs := map[[32]byte]owner{}, []uuid.UUID{}
	for _, o := range owners {
		first[[32]byte(o.Key)] = o
		theirs = append(theirs, o.Ticket.UUID)
	}
	now, err := r.ticketsNow(theirs)
	if err != nil {
		return err
	}
	r.readings = slices.DeleteFunc(r.readings, func(x *reading) bool {
		o, ok := first[x.key]
		if !ok || o.EmailID == x.row.ID {
			return false
		}
		if loop, _ := r.ownLoop(x); !o.Ticket.Valid && !o.Ruled && loop == "" && asideNow(x, nil) == "" {
			// The other copy was set aside, for marks of its way that are not part of the key and that this
			// one does not bear. What a rule set aside where this one lies is the same email, found again.
			r.tx.Queue(sqlMoveKey, x.key[:], x.row.ID)
			return false
		}
		r.aside(x, Duplicate, fmt.Sprintf("the same email as inbound email %d", o.EmailID), now[o.Ticket.UUID])
		return true
	})
	return nil
}

// ticketsNow follows tickets to those that they were merged into.
func (r *round) ticketsNow(ids []uuid.UUID) (map[uuid.UUID]uuid.UUID, error) {
	type ticket struct {
		ID  uuid.UUID `db:"id"`
		Now uuid.UUID `db:"now"`
	}
	found, err := db.All[ticket](r.tx, sqlTicketsNow, ids)
	if err != nil {
		return nil, fmt.Errorf("follow merged tickets: %w", err)
	}
	now := make(map[uuid.UUID]uuid.UUID, len(found))
	for _, t := range found {
		now[t.ID] = t.Now
	}
	return now, nil
}

// keepFiles stores what is attached to emails that are not duplicates.
func (r *round) keepFiles() error {
	var files []blob.Packed
	for _, x := range r.readings {
		files = append(files, x.bytes...)
	}
	blob.Queue(r.tx, files)
	return nil
}

// routeAll decides every email but the openings, which are gathered.
func (r *round) routeAll() error {
	var threaded []*reading
	for _, reading := range r.readings {
		if disposition, reason := r.ownLoop(reading); disposition != "" {
			r.aside(reading, disposition, reason, uuid.Nil)
		} else {
			threaded = append(threaded, reading)
		}
	}
	clues := make([]tickets.Clue, len(threaded))
	for i, reading := range threaded {
		clues[i] = clueOf(reading.email)
	}
	threads, err := tickets.FindThreads(r.tx, clues)
	if err != nil {
		return err
	}
	if err := r.takeReplies(threaded, threads); err != nil {
		return err
	}
	if err := r.knowSenders(threaded); err != nil {
		return err
	}
	for i, reading := range threaded {
		if err := r.routeOne(reading, threads[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) ownLoop(x *reading) (disposition, reason string) {
	switch {
	case r.isOwn(x.from.Norm):
		return OwnLoop, "it comes from an address of the desk itself"
	case r.ours[x.email.MessageID]:
		return OwnLoop, "it is a letter that the desk sent itself"
	}
	return "", ""
}

// asideNow is the disposition of mail that no person wrote to us; empty for mail that may open or continue a
// ticket. Somebody who takes part in the ticket continues it by whatever list the reply came.
func asideNow(x *reading, t *tickets.Thread) string {
	switch {
	case takesPart(x, t) && x.email.Class == message.ClassList:
		return ""
	case x.email.Spam || x.email.Class == message.ClassSpam:
		return Spam
	}
	return asideOf(x.email.Class)
}

// routeOne joins, holds or sets aside one email, or leaves it to be opened.
func (r *round) routeOne(x *reading, t *tickets.Thread) error {
	disposition := asideNow(x, t)
	switch {
	case t != nil && !t.Ours() && !takesPart(x, t):
		// It names an email that somebody else sent. Anybody may send one under any id, such as that of a
		// newsletter, so that this is no claim to the ticket.
		t = nil
	case t != nil && x.form && disposition == "":
		return r.hold(x, t, formReason)
	case t != nil && !takesPart(x, t) && disposition == "":
		return r.hold(x, t, strangerReason)
	case takesPart(x, t) && disposition == Spam:
		return r.hold(x, t, "a filter on the way marked it as spam")
	}
	box := r.boxes[x.row.MailboxID]
	switch {
	case disposition == AutoReply && takesPart(x, t):
		r.reply(x, t, box)
		r.settle(x, AutoReply, orReason(x.email.Reasons, "automatic mail")+"; noted on the ticket", t.Ticket.ID)
	case disposition != "":
		ticket := uuid.Nil
		if t != nil {
			ticket = t.Ticket.ID
		}
		r.aside(x, disposition, orReason(x.email.Reasons, "automatic mail"), ticket)
	case t != nil && (t.Ticket.Status != tickets.Closed || box.Reopens || x.past()):
		if why, err := r.consult(x, true); why != "" || err != nil {
			return cmp.Or(err, r.hold(x, t, why))
		}
		r.reply(x, t, box)
		if r.tooMany[x] {
			r.settle(x, Flood, "too many replies from this sender; noted on the ticket, which it does not move", t.Ticket.ID)
			break
		}
		r.settle(x, Replied, "it continues the ticket; found by "+t.By, t.Ticket.ID)
	default:
		why, err := r.consult(x, false)
		if err != nil {
			return err
		}
		if why != "" {
			r.aside(x, Spam, why, uuid.Nil)
			break
		}
		r.opens = append(r.opens, x)
	}
	return nil
}

func (r *round) reply(x *reading, t *tickets.Thread, box *mailboxes.Mailbox) {
	r.tx.As(actorOf(x, nil))
	c := contentOf(x)
	c.Automatic = x.email.Class == message.ClassAutoReply || r.tooMany[x]
	if x.past() {
		r.s.tickets.KeepIn(r.tx, t.Ticket, x.from, c)
		return
	}
	r.s.tickets.ReplyIn(r.tx, t.Ticket, tickets.Reply{From: x.from, Content: c, Reopens: box.Reopens, Marks: marksOf(x)})
}

// aside gives an email a disposition without changing a ticket; the record says so.
func (r *round) aside(x *reading, disposition, reason string, ticket uuid.UUID) {
	if r.again == nil { // else the record of the reading again says it
		r.tx.As(event.System("inbox"))
		r.tx.Record(event.Event{Kind: event.EmailSetAside, SubjectID: emailSubject(x.row.ID), Label: disposition,
			Detail: map[string]any{"disposition": disposition}})
	}
	r.settle(x, disposition, reason, ticket)
}

func (r *round) settle(x *reading, disposition, reason string, ticket uuid.UUID) {
	if x.row.Oversize && (disposition == Opened || disposition == Replied) {
		disposition, reason = Oversize, "only its beginning was fetched: it is larger than the limit; "+reason
	}
	if x.form && disposition != Held {
		reason += "; " + formReason
	}
	if x.unread && disposition == Opened {
		disposition = Quarantined
	}
	r.verdicts = append(r.verdicts, verdict{r: x, disposition: disposition, reason: reason, ticket: ticket})
	r.routed++
}

func (r *round) writeLedger() error {
	if len(r.verdicts) == 0 {
		return nil
	}
	n := len(r.verdicts)
	ids, ticketIDs := make([]int64, n), make([]*uuid.UUID, n)
	dispositions, reasons, classes, from, subjects := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, v := range r.verdicts {
		ids[i], ticketIDs[i] = v.r.row.ID, db.NullID(v.ticket)
		dispositions[i], reasons[i], classes[i] = v.disposition, bounded(message.CleanText(v.reason), 1000), string(v.r.email.Class)
		from[i], subjects[i] = bounded(message.CleanText(v.r.email.From.Address), 320), bounded(message.CleanText(v.r.email.Subject), 500)
	}
	r.countFailures()
	r.tx.Queue(sqlSettleEmails, ids, dispositions, reasons, classes, ticketIDs, from, subjects)
	return wake(r.tx, ids)
}

func orReason(reasons []string, otherwise string) string {
	if len(reasons) == 0 {
		return otherwise
	}
	return strings.Join(reasons, "; ")
}
