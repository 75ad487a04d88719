package tickets

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// Opening is a ticket to be opened.
type Opening struct {
	Number      int64
	Mailbox     *mailboxes.Mailbox // nil: the desk has none; then no letters are owed
	Channel     string
	Contact     contacts.Linked // zero: linked to nobody
	From        Person
	Cc          []Person
	Subject     string
	Content     Content
	Importance  string
	Priority    Priority // zero: found from the signals
	Tags        []string
	Custom      map[string]any
	Acknowledge bool
	Quiet       bool   // staff get no notice
	Burst       string // the limit whose rest it takes; empty: it takes no flood
	Note        string // for staff, below the first message; empty: none
	Marks       Marks
	Imported    Status // of a ticket of the past, whose Content.Past is set; empty: the ticket is new
}

// ReserveNumbers draws n ticket numbers. A rollback leaves a gap, as with any number drawn.
func ReserveNumbers(tx *db.Tx, n int) ([]int64, error) {
	numbers, err := db.Column[int64](tx, sqlReserveNumbers, n)
	if err != nil {
		return nil, fmt.Errorf("draw ticket numbers: %w", err)
	}
	return numbers, nil
}

// OpenIn opens a ticket in the caller's transaction, with its first message, the acknowledgement and the
// notices. It only queues writes: many tickets cost one round trip.
func (s *Service) OpenIn(tx *db.Tx, o Opening) (*Ticket, error) {
	t := newTicket(tx, o)
	tx.Insert(intoTickets, t.ID, t.Number, t.ClientID, t.ContactID, t.MailboxID, t.Channel, t.Subject, t.Status, t.Priority,
		t.PriorityReasons, t.Authenticity, t.RequesterAddress, t.RequesterName, t.SuggestedClients, t.Tags, t.Custom, t.Burst, t.Messages,
		t.CreatedAt)
	queueParticipants(tx, t, o.From, o.Cc)
	m := queueMessage(tx, t, authorship{FromClient, Everyone, o.From}, o.Content)
	if o.Note != "" {
		queueMessage(tx, t, authorship{FromSystem, Internal, Person{Name: tx.Actor().Name}}, Content{Body: o.Note})
	}
	if t.Burst {
		tx.Queue(sqlSetBurstKey, t.ID, o.Burst)
	}
	if o.Imported != "" {
		recordImport(tx, event.TicketImported, t, m)
		return t, nil
	}
	if o.Mailbox != nil {
		if err := s.lettersOfOpening(tx, t, &m, o); err != nil {
			return nil, err
		}
	}
	record(tx, event.TicketOpened, t, o.Marks.tell(map[string]any{"channel": t.Channel, "priority": t.Priority.String()}),
		snapshot(t, &m, len(o.Content.Files)))
	return t, nil
}

func newTicket(tx *db.Tx, o Opening) *Ticket {
	t := &Ticket{ID: db.NewID(), Number: o.Number, Channel: o.Channel, Subject: o.Subject, Status: Open,
		Authenticity: or(o.Content.Authenticity, "none"), RequesterAddress: o.From.Norm, RequesterName: o.From.Name,
		SuggestedClients: o.Contact.Suggested, Tags: o.Tags, Custom: o.Custom, Burst: o.Burst != "", Messages: 1, Version: 1,
		CreatedAt: tx.Now(), UpdatedAt: tx.Now(), LastMessageAt: tx.Now()}
	if o.Imported != "" {
		t.ageTo(o.Content.Past, o.Imported)
	}
	if o.Note != "" {
		t.Messages++
	}
	if t.SuggestedClients == nil {
		t.SuggestedClients = []uuid.UUID{}
	}
	if t.Tags == nil {
		t.Tags = []string{}
	}
	if t.Custom == nil {
		t.Custom = map[string]any{}
	}
	if o.Contact.Contact.ID != uuid.Nil {
		t.ContactID = uuid.NullUUID{UUID: o.Contact.Contact.ID, Valid: true}
		t.ClientID = o.Contact.Contact.ClientID
		t.RequesterName = or(o.From.Name, o.Contact.Contact.Name)
	}
	signals := Signals{VIP: o.Contact.Contact.IsVIP(), Importance: o.Importance, Subject: o.Subject, Body: o.Content.Body}
	if o.Mailbox != nil {
		t.MailboxID = uuid.NullUUID{UUID: o.Mailbox.ID, Valid: true}
		signals.Default = Priority(o.Mailbox.Priority)
	}
	if t.Priority, t.PriorityReasons = Prioritise(signals); o.Priority != 0 {
		t.Priority, t.PriorityReasons = o.Priority, []string{"set when the ticket was opened"}
	}
	o.Marks.put(t)
	return t
}

// queueParticipants notes whose replies join the thread and to whom answers go.
func queueParticipants(tx *db.Tx, t *Ticket, from Person, cc []Person) {
	if from.Norm != "" {
		tx.Insert(intoParticipants, t.ID, from.Norm, t.ClientID, "requester", from.Name)
	}
	for _, p := range cc {
		if p.Norm != "" && p.Norm != from.Norm { // an empty one would let any nameless sender join
			tx.Insert(intoParticipants, t.ID, p.Norm, t.ClientID, "cc", p.Name)
		}
	}
}

// authorship is who writes a message, and who may read it.
type authorship struct {
	origin, visibility string
	author             Person
}

// queueMessage adds a message and its files to the thread.
func queueMessage(tx *db.Tx, t *Ticket, by authorship, c Content) Message {
	m := Message{ID: db.NewID(), TicketID: t.ID, ClientID: t.ClientID, Visibility: by.visibility, Origin: by.origin,
		AuthorName: by.author.Name, AuthorAddress: by.author.Norm, AuthorID: tx.Actor().ID, Body: c.Body,
		FullText: nullText(c.FullText), HTML: nullText(c.HTML), RFCMessageID: c.RFCMessageID,
		Authenticity: or(c.Authenticity, "none"), Automatic: c.Automatic, Problems: c.Problems, CreatedAt: tx.Now()}
	if !c.Past.IsZero() {
		m.ID, m.CreatedAt = db.NewIDOf(c.Past), c.Past
	}
	if c.EmailID != 0 {
		m.EmailID = &c.EmailID
	}
	if m.Problems == nil {
		m.Problems = []string{}
	}
	tx.Insert(intoMessages, m.ID, m.TicketID, m.ClientID, m.Visibility, m.Origin, m.AuthorName, m.AuthorAddress, m.AuthorID,
		m.Body, m.FullText, m.HTML, m.RFCMessageID, m.EmailID, m.Authenticity, m.Automatic, m.Problems, m.CreatedAt)
	for _, f := range c.Files {
		tx.Insert(intoAttachments, db.NewID(), m.ID, t.ID, t.ClientID, m.Visibility, f.Name, f.Type, f.Size, f.Sum[:], f.Inline, f.ContentID)
	}
	return m
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func nullText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
