package embedded

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

const (
	mailInbox = "INBOX"
	mailDelim = "/"

	maxMailUID = 1<<32 - 1
)

// mailState is what the journal adds up to: the folders and where in the file
// the bytes of each message lie. Its users hold mailStore.mu.
type mailState struct {
	owners   map[string]map[string]*mailFolder // address -> folder name
	folders  map[uint32]*mailFolder            // UIDVALIDITY
	newestID uint32
}

type mailFolder struct {
	id          uint32 // UIDVALIDITY
	owner, name string
	subscribed  bool
	messages    []mailMessage // ascending UID
	uidNext     imap.UID      // above every UID that clients have seen
	uidPlanned  imap.UID      // above every UID given out, durable or not yet
	tracker     *imapserver.MailboxTracker
	views       map[*mailView]struct{}
}

// mailMessage is copied freely: nothing it points to is ever changed.
type mailMessage struct {
	uid        imap.UID
	time       time.Time
	flags      []imap.Flag
	head, body mailSpan
}

func (m mailMessage) size() int64 { return m.head.size + m.body.size }

func newMailState() *mailState {
	return &mailState{owners: map[string]map[string]*mailFolder{}, folders: map[uint32]*mailFolder{}}
}

func (s *mailState) folder(owner, name string) *mailFolder { return s.owners[owner][name] }

// newID gives a UIDVALIDITY that is new here and, being the time, greater than
// those of an earlier data directory (RFC 3501 2.3.1.1).
func (s *mailState) newID(now time.Time) uint32 {
	s.newestID = max(s.newestID+1, uint32(now.Unix()))
	return s.newestID
}

// planUIDs gives out n UIDs and returns the first. A folder ends at 2^32-2,
// so that the one after is still a number (RFC 3501 2.3.1.1).
func (f *mailFolder) planUIDs(n int) (imap.UID, error) {
	first := f.uidPlanned
	if uint64(first)+uint64(n) > maxMailUID {
		return 0, errors.New("embedded: the folder has used up its UIDs")
	}
	f.uidPlanned += imap.UID(n)
	return first, nil
}

// find returns the indices of the messages in set, ascending.
func (f *mailFolder) find(set imap.UIDSet) []int {
	if len(set) == 0 {
		return nil
	}
	var found []int
	from, _ := slices.BinarySearchFunc(f.messages, set[0].Start,
		func(m mailMessage, uid imap.UID) int { return int(int64(m.uid) - int64(uid)) })
	last := set[len(set)-1].Stop
	for i := from; i < len(f.messages) && f.messages[i].uid <= last; i++ {
		if set.Contains(f.messages[i].uid) {
			found = append(found, i)
		}
	}
	return found
}

func (f *mailFolder) add(m mailMessage) {
	if m.uid < f.uidNext || m.uid >= maxMailUID {
		return // a UID is given once (RFC 3501 2.3.1.1); only a forged journal gets here
	}
	f.messages = append(f.messages, m)
	f.uidNext = m.uid + 1
	f.uidPlanned = max(f.uidPlanned, f.uidNext)
	f.tracker.QueueNumMessages(uint32(len(f.messages)))
}

func (f *mailFolder) remove(indices []int) {
	for _, i := range slices.Backward(indices) { // so that the lower numbers stay right
		f.tracker.QueueExpunge(uint32(i) + 1)
	}
	kept := make([]mailMessage, 0, len(f.messages)-len(indices))
	for i, m := range f.messages {
		if len(indices) > 0 && indices[0] == i {
			indices = indices[1:]
			continue
		}
		kept = append(kept, m)
	}
	f.messages = kept
}

// wake lets the sessions that sit in IDLE look at what the tracker has queued.
func (f *mailFolder) wake() {
	for v := range f.views {
		select {
		case v.wake <- struct{}{}:
		default: // it has been woken already
		}
	}
}

func (c *folderMade) apply(s *mailState, _ mailSpan) error {
	if s.folders[c.Folder] != nil || s.folder(c.Owner, c.Name) != nil {
		return nil
	}
	f := &mailFolder{
		id: c.Folder, owner: c.Owner, name: c.Name, uidNext: 1, uidPlanned: 1,
		tracker: imapserver.NewMailboxTracker(0), views: map[*mailView]struct{}{},
	}
	if s.owners[c.Owner] == nil {
		s.owners[c.Owner] = map[string]*mailFolder{}
	}
	s.owners[c.Owner][c.Name] = f
	s.folders[c.Folder] = f
	s.newestID = max(s.newestID, c.Folder)
	return nil
}

func (c *folderDeleted) apply(s *mailState, _ mailSpan) error {
	if f := s.folders[c.Folder]; f != nil {
		delete(s.owners[f.owner], f.name)
		delete(s.folders, f.id)
	}
	return nil
}

func (c *folderRenamed) apply(s *mailState, _ mailSpan) error {
	f := s.folders[c.Folder]
	if f == nil || s.folder(f.owner, c.Name) != nil {
		return nil
	}
	// RFC 3501 6.3.5: what is below it moves along.
	below := f.name + mailDelim
	for name, inner := range s.owners[f.owner] {
		if moved, ok := strings.CutPrefix(name, below); ok {
			s.rename(inner, c.Name+mailDelim+moved)
		}
	}
	s.rename(f, c.Name)
	return nil
}

// rename leaves a folder alone whose new name is taken.
func (s *mailState) rename(f *mailFolder, name string) {
	if s.folder(f.owner, name) != nil {
		return
	}
	delete(s.owners[f.owner], f.name)
	f.name = name
	s.owners[f.owner][name] = f
}

func (c *folderSubscribed) apply(s *mailState, _ mailSpan) error {
	if f := s.folders[c.Folder]; f != nil {
		f.subscribed = c.Subscribed
	}
	return nil
}

func (c *messageStored) apply(s *mailState, raw mailSpan) error {
	body := raw
	for _, t := range c.Targets {
		if t.Head < 0 || t.Head > body.size {
			return errors.New("the trace headers are longer than the record")
		}
		body = mailSpan{at: body.at + t.Head, size: body.size - t.Head}
	}
	at := raw.at
	for _, t := range c.Targets {
		head := mailSpan{at: at, size: t.Head}
		at += t.Head
		f := s.folders[t.Folder]
		if f == nil {
			continue
		}
		f.add(mailMessage{uid: t.UID, time: c.Time, flags: c.Flags, head: head, body: body})
		f.wake()
	}
	return nil
}

func (c *flagsChanged) apply(s *mailState, _ mailSpan) error {
	f := s.folders[c.Folder]
	if f == nil {
		return nil
	}
	for _, i := range f.find(c.UIDs) {
		m := &f.messages[i]
		m.flags = changeFlags(m.flags, c.Op, c.Flags)
		f.tracker.QueueMessageFlags(uint32(i)+1, m.uid, m.flags, c.source)
	}
	f.wake()
	return nil
}

func (c *messagesExpunged) apply(s *mailState, _ mailSpan) error {
	if f := s.folders[c.Folder]; f != nil {
		f.remove(f.find(c.UIDs))
		f.wake()
	}
	return nil
}

func (c *messagesCopied) apply(s *mailState, _ mailSpan) error {
	from, to := s.folders[c.From], s.folders[c.To]
	if from == nil || to == nil {
		return nil
	}
	found := from.find(c.UIDs)
	var copies []mailMessage
	for n, i := range found {
		m := from.messages[i]
		c.source.AddNum(m.uid)
		m.uid = c.First + imap.UID(n)
		c.dest.AddNum(m.uid)
		copies = append(copies, m)
	}
	if c.Move {
		from.remove(found)
		from.wake()
	}
	for _, m := range copies {
		to.add(m)
	}
	to.wake()
	return nil
}
