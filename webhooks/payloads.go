// Package webhooks is what a subscriber receives.
package webhooks

import "time"

// Contact is the snapshot in contact events.
type Contact struct {
	ID       string   `json:"id"`
	ClientID string   `json:"client_id,omitempty"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Email    string   `json:"email,omitempty"`
	CRMRef   string   `json:"crm_ref,omitempty"`
	Tags     []string `json:"tags"`
	Sequence int64    `json:"sequence"`
}

// Ticket is the snapshot in ticket events. Internal notes are never part of one.
type Ticket struct {
	ID              string    `json:"id"`
	Number          int64     `json:"number"`
	ClientID        string    `json:"client_id,omitempty"`
	ContactID       string    `json:"contact_id,omitempty"`
	MailboxID       string    `json:"mailbox_id,omitempty"`
	Channel         string    `json:"channel"`
	Subject         string    `json:"subject"`
	Status          string    `json:"status"`
	Priority        string    `json:"priority"`
	PriorityReasons []string  `json:"priority_reasons"`
	Tags            []string  `json:"tags"`
	Authenticity    string    `json:"authenticity"`
	CreatedAt       time.Time `json:"created_at"`
	Sequence        int64     `json:"sequence"`
	Message         *Message  `json:"message,omitempty"`
}

// MergedTicket is the data of ticket.merged: the ticket whose thread is now part of another one. What it had
// is that other one's; nothing more is told of it.
type MergedTicket struct {
	ID       string `json:"id"`
	Number   int64  `json:"number"`
	Sequence int64  `json:"sequence"`
	Into     Ticket `json:"into"`
}

// MailboxOutage is the data of mailbox.failing and mailbox.recovered: one server of a support address does not
// do its work, or does it again.
type MailboxOutage struct {
	ID        string     `json:"id"`
	Email     string     `json:"email"`
	Side      string     `json:"side"` // imap: emails are not read; smtp: letters are not sent
	Since     time.Time  `json:"since"`
	Reason    string     `json:"reason"`
	Summary   string     `json:"summary"` // the reason in words
	Remedy    string     `json:"remedy"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	DurationS int64      `json:"duration_s,omitempty"` // whole seconds, once it ended
	Sequence  int64      `json:"sequence"`
}

// Message is the message that a ticket event is about; its text is read through the API.
type Message struct {
	ID          string `json:"id"`
	Origin      string `json:"origin"`
	Attachments int    `json:"attachments"`
}
