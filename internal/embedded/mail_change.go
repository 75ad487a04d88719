package embedded

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// mailChange is one thing that happened to the mailboxes: a record of the
// journal. It names folders by UIDVALIDITY, which no two ever share, and
// messages by UID, so that replaying it always means the same. Applying one
// that names what is gone does nothing.
type mailChange interface {
	kind() byte
	apply(s *mailState, raw mailSpan) error
}

// mailSpan is a run of bytes in the journal.
type mailSpan struct{ at, size int64 }

type folderMade struct {
	Folder uint32 `json:"folder"`
	Owner  string `json:"owner"`
	Name   string `json:"name"`
}

type folderDeleted struct {
	Folder uint32 `json:"folder"`
}

type folderRenamed struct {
	Folder uint32 `json:"folder"`
	Name   string `json:"name"`
}

type folderSubscribed struct {
	Folder     uint32 `json:"folder"`
	Subscribed bool   `json:"subscribed"`
}

// messageStored is an email taken by SMTP (a target for each recipient) or
// APPEND. Its raw bytes are the trace header of each target, then the email.
type messageStored struct {
	Time          time.Time       `json:"time"`
	Authenticated bool            `json:"authenticated,omitempty"` // handed in with SMTP AUTH
	Flags         []imap.Flag     `json:"flags,omitempty"`
	Targets       []messageTarget `json:"targets"`
}

type messageTarget struct {
	Folder uint32   `json:"folder"`
	UID    imap.UID `json:"uid"`
	Head   int64    `json:"head,omitempty"` // bytes of its trace header
}

type flagsChanged struct {
	Folder uint32            `json:"folder"`
	UIDs   imap.UIDSet       `json:"uids"`
	Op     imap.StoreFlagsOp `json:"op"`
	Flags  []imap.Flag       `json:"flags"`

	source *imapserver.SessionTracker // needs no notice: its client asked
}

type messagesExpunged struct {
	Folder uint32      `json:"folder"`
	UIDs   imap.UIDSet `json:"uids"`
}

// messagesCopied is COPY, or MOVE when Move is set: one record, so that a crash
// leaves the messages in one place or the other. Those of UIDs that still exist
// get First, First+1 and so on.
type messagesCopied struct {
	From  uint32      `json:"from"`
	To    uint32      `json:"to"`
	UIDs  imap.UIDSet `json:"uids"`
	First imap.UID    `json:"first"`
	Move  bool        `json:"move,omitempty"`

	source, dest imap.UIDSet // what was copied, filled in by apply
}

func (*folderMade) kind() byte       { return 'c' }
func (*folderDeleted) kind() byte    { return 'd' }
func (*folderRenamed) kind() byte    { return 'r' }
func (*folderSubscribed) kind() byte { return 's' }
func (*messageStored) kind() byte    { return 'm' }
func (*flagsChanged) kind() byte     { return 'f' }
func (*messagesExpunged) kind() byte { return 'x' }
func (*messagesCopied) kind() byte   { return 'k' }

// decodeMailChange fails for a kind that a later version may have written:
// leaving it out would shift what follows.
func decodeMailChange(kind byte, meta []byte) (mailChange, error) {
	kinds := []mailChange{
		new(folderMade), new(folderDeleted), new(folderRenamed), new(folderSubscribed),
		new(messageStored), new(flagsChanged), new(messagesExpunged), new(messagesCopied),
	}
	for _, change := range kinds {
		if change.kind() != kind {
			continue
		}
		if err := json.Unmarshal(meta, change); err != nil {
			return nil, fmt.Errorf("record of kind %q: %w", kind, err)
		}
		return change, nil
	}
	return nil, fmt.Errorf("unknown kind of record %q", kind)
}
