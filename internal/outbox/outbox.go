// Package outbox keeps the letters we owe until a server has taken them.
package outbox

import (
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/mail/letter"
)

// The kinds of letter.
const (
	Acknowledgement = "acknowledgement"
	Notice          = "notice"
	HeldNotice      = "held_notice"
	Answer          = "answer"
	Outage          = "outage" // to the operator
	Trial           = "trial"  // of a letter template, to staff
)

// State is where a letter stands.
type State string

// The states of a letter. An unknown letter was handed over whole and no answer came, or the
// process died while it was sending it: it is sent once more under the same Message-ID and then stays unknown.
const (
	Queued  State = "queued"
	Sending State = "sending"
	Sent    State = "sent"
	Failed  State = "failed"
	Unknown State = "unknown"
)

// Letter is one email that we owe to one recipient.
type Letter struct {
	ID            uuid.UUID     `db:"id"`
	Kind          string        `db:"kind"`
	MailboxID     uuid.UUID     `db:"mailbox_id"`
	ClientID      uuid.NullUUID `db:"client_id"`
	TicketID      uuid.NullUUID `db:"ticket_id"`
	MessageRef    uuid.NullUUID `db:"message_ref"`
	Recipients    []string      `db:"recipients"`
	Subject       string        `db:"subject"`
	RFCMessageID  string        `db:"rfc_message_id"`
	State         State         `db:"state"`
	Attempts      int           `db:"attempts"`
	Unknowns      int           `db:"unknowns"`
	NextAttemptAt time.Time     `db:"next_attempt_at"`
	GiveUpAt      time.Time     `db:"give_up_at"`
	LastCode      *int          `db:"last_code"`
	LastError     *string       `db:"last_error"`
	SentAt        *time.Time    `db:"sent_at"`
	CreatedAt     time.Time     `db:"created_at"`
}

// Draft is a letter before it is rendered to bytes.
type Draft struct {
	Kind        string
	Mailbox     mailboxes.Mailbox
	ClientID    uuid.UUID
	TicketID    uuid.UUID
	MessageRef  uuid.UUID
	Recipient   string           // whom this copy goes to
	To, Cc      []letter.Address // what its header says
	ReplyTag    string           // of the reply address; empty: replies go to the mailbox
	FromName    string
	Words       letter.Rendered
	InReplyTo   string
	References  []string
	Attachments []letter.Attachment
}

// Outbox queues letters in the transaction of the change that owes them, and keeps account of attempts.
type Outbox struct {
	db       *db.DB
	vault    *vault.Vault
	patience time.Duration
	looks    gather[uuid.UUID, looked]
	claims   gather[Owed, claimed]
	accepted gather[acceptance, bool]
	signings gather[signing, bool]
}

// New makes the outbox. patience is how long a letter is tried before it fails; servers that refuse for
// the moment are expected to be back within days (RFC 5321 section 4.5.4.1).
func New(d *db.DB, v *vault.Vault, patience time.Duration) *Outbox {
	o := &Outbox{db: d, vault: v, patience: patience}
	o.looks.write, o.claims.write, o.accepted.write, o.signings.write = o.lookAll, o.claimAll, o.settleAccepted, o.keepSignatures
	o.claims.weight = func(l Owed) int { return l.size }
	return o
}
