// Package jobs lists what may be queued: one args type per kind, and the queues.
//
// Args hold ids only: no addresses, bodies or tokens. Every kind is harmless when it runs twice and
// says why.
package jobs

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// The queues, each with workers of its own, so that none starves another.
const (
	Inbound  = "inbound"
	Letters  = "letters"
	Webhooks = "webhooks"
	Upkeep   = "upkeep"
)

// onlyOneWaiting keeps one job per args that is not finished yet.
var onlyOneWaiting = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateScheduled, rivertype.JobStateRetryable,
}}

// WatchQueue is the queue in which a process works the polls of the mailboxes that it watches.
func WatchQueue(process string) string {
	sum := sha256.Sum256([]byte(process)) // of any id, what the queue takes for a name
	return "watch-" + hex.EncodeToString(sum[:8])
}

// onlyOneWaitingHere is onlyOneWaiting in each queue: what waits where a process died keeps nobody else from
// asking.
func onlyOneWaitingHere() river.UniqueOpts {
	opts := onlyOneWaiting
	opts.ByQueue = true
	return opts
}

// PollMailbox reads what is new in a mailbox. A second run finds nothing new: the cursor moved in the
// transaction that stored the rows.
type PollMailbox struct {
	MailboxID string `json:"mailbox_id"`
	Queue     string `json:"-"` // of the process that watches it; empty: that of whoever works the inbound queue
}

// Kind names the job.
func (PollMailbox) Kind() string { return "poll_mailbox" }

// InsertOpts keeps one poll per mailbox; a failed one is not retried, since the next tick polls again.
func (a PollMailbox) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: cmp.Or(a.Queue, Inbound), MaxAttempts: 1, UniqueOpts: onlyOneWaitingHere()}
}

// TidyMailbox marks or moves, on the mail server, the emails of a mailbox that have their disposition. A
// second run finds them done; one that was moved already is not there any more.
type TidyMailbox struct {
	MailboxID string `json:"mailbox_id"`
	Queue     string `json:"-"` // as in PollMailbox; empty: upkeep
}

// Kind names the job.
func (TidyMailbox) Kind() string { return "tidy_mailbox" }

// InsertOpts keeps one at a time per mailbox; the next poll asks again after a failure.
func (a TidyMailbox) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: cmp.Or(a.Queue, Upkeep), MaxAttempts: 1, UniqueOpts: onlyOneWaitingHere()}
}

// IngestEmails routes stored emails, up to a batch of them. A second run skips the rows that have a
// disposition, under their locks.
type IngestEmails struct {
	EmailIDs []int64 `json:"email_ids"`
}

// Kind names the job.
func (IngestEmails) Kind() string { return "ingest_emails" }

// InsertOpts retries for most of a day: an email is set aside by its own attempt counter, not by the queue's. A
// backlog leaves the next free place to the polls.
func (IngestEmails) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Inbound, MaxAttempts: 1000, Priority: 2}
}

// SendLetter hands one letter to a mail server. A second run sends nothing once a server has taken the
// letter; where that is unknown the Message-ID is the same.
type SendLetter struct {
	LetterID string `json:"letter_id"`
}

// Kind names the job.
func (SendLetter) Kind() string { return "send_letter" }

// InsertOpts leaves the number of attempts to the letter's own schedule.
func (SendLetter) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Letters, MaxAttempts: 1000}
}

// SweepInbox queues stored emails again that no job is working on. A second run queues jobs that find
// nothing to do.
type SweepInbox struct{}

// Kind names the job.
func (SweepInbox) Kind() string { return "sweep_inbox" }

// InsertOpts keeps one sweep at a time.
func (SweepInbox) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Upkeep, MaxAttempts: 1, UniqueOpts: onlyOneWaiting}
}

// SweepLetters queues due letters again that no job is working on. A second run changes nothing that the
// first did not.
type SweepLetters struct{}

// Kind names the job.
func (SweepLetters) Kind() string { return "sweep_letters" }

// InsertOpts keeps one sweep at a time.
func (SweepLetters) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Upkeep, MaxAttempts: 1, UniqueOpts: onlyOneWaiting}
}

// CompareMailboxes asks for the comparison of every mailbox that was not compared since the night began. A
// second run asks for those that are still to be compared.
type CompareMailboxes struct{}

// Kind names the job.
func (CompareMailboxes) Kind() string { return "compare_mailboxes" }

// InsertOpts keeps one at a time.
func (CompareMailboxes) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Upkeep, MaxAttempts: 1, UniqueOpts: onlyOneWaiting}
}

// CompareMailbox holds the folders of a mailbox on its server against the ledger and accepts what is missing. A
// second run finds nothing missing and writes another report.
type CompareMailbox struct {
	MailboxID string `json:"mailbox_id"`
	Queue     string `json:"-"` // as in TidyMailbox
}

// Kind names the job.
func (CompareMailbox) Kind() string { return "compare_mailbox" }

// InsertOpts keeps one at a time per mailbox and queue; after a failure the next hour asks again. Polls go first.
func (a CompareMailbox) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: cmp.Or(a.Queue, Upkeep), MaxAttempts: 1, Priority: 4, UniqueOpts: onlyOneWaitingHere()}
}

// Purge removes what the retention settings no longer keep, orphaned bytes, and makes the next months'
// partitions. A second run finds less to do.
type Purge struct{}

// Kind names the job.
func (Purge) Kind() string { return "purge" }

// InsertOpts keeps one purge at a time.
func (Purge) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Upkeep, MaxAttempts: 3, UniqueOpts: onlyOneWaiting}
}

// All is one value of every kind, for completeness tests and for registering workers.
func All() []river.JobArgs {
	return []river.JobArgs{PollMailbox{}, IngestEmails{}, SendLetter{}, SweepInbox{}, SweepLetters{}, Purge{}, TidyMailbox{}, CompareMailboxes{}, CompareMailbox{}}
}

// Longest is the time the longest job may take before it is cancelled.
const Longest = 10 * time.Minute
