package embedded

import (
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// mailView is a folder as one session sees it: with the message numbers that
// the session has been told of.
type mailView struct {
	folder   *mailFolder
	tracker  *imapserver.SessionTracker
	wake     chan struct{}
	readOnly bool
}

// seenMessage is a message with its number in the session's view.
type seenMessage struct {
	mailMessage
	seq uint32
}

func (s *imapSession) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	f := s.store.state.folder(s.owner, folderName(name))
	if f == nil {
		return nil, imapNo(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	s.view = &mailView{folder: f, tracker: f.tracker.NewSession(), wake: make(chan struct{}, 1), readOnly: o.ReadOnly}
	f.views[s.view] = struct{}{}
	flags := f.allFlags()
	unseen := slices.IndexFunc(f.messages, func(m mailMessage) bool { return !hasFlag(m.flags, imap.FlagSeen) })
	return &imap.SelectData{
		Flags: flags, PermanentFlags: append(slices.Clone(flags), imap.FlagWildcard),
		NumMessages: uint32(len(f.messages)), FirstUnseenSeqNum: uint32(unseen + 1),
		UIDNext: f.uidNext, UIDValidity: f.id,
	}, nil
}

func (s *imapSession) Unselect() error {
	s.store.mu.Lock()
	delete(s.view.folder.views, s.view)
	s.store.mu.Unlock()
	s.view.tracker.Close()
	s.view = nil
	return nil
}

// seen copies the messages of a set out of the folder, so that a slow client
// holds up nobody. A message the session has not been told of has no number
// yet and is left out.
func (s *imapSession) seen(set imap.NumSet) []seenMessage {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	v := s.view
	if uids, ok := set.(imap.UIDSet); ok {
		return v.number(v.folder.find(v.staticUIDs(uids)))
	}
	all := make([]int, len(v.folder.messages))
	for i := range all {
		all[i] = i
	}
	messages := v.number(all)
	if len(messages) == 0 {
		return nil
	}
	seqs := staticSeqs(set.(imap.SeqSet), messages[len(messages)-1].seq)
	return slices.DeleteFunc(messages, func(m seenMessage) bool { return !seqs.Contains(m.seq) })
}

func (v *mailView) number(indices []int) []seenMessage {
	var messages []seenMessage
	for _, i := range indices {
		if seq := v.tracker.EncodeSeqNum(uint32(i) + 1); seq != 0 {
			messages = append(messages, seenMessage{mailMessage: v.folder.messages[i], seq: seq})
		}
	}
	return messages
}

// staticUIDs puts the largest UID in the place of "*" (RFC 3501 9, seq-number).
func (v *mailView) staticUIDs(set imap.UIDSet) imap.UIDSet {
	var static imap.UIDSet
	messages := v.folder.messages
	if imap.IsSearchRes(set) || len(messages) == 0 {
		return nil
	}
	largest := messages[len(messages)-1].uid
	for _, r := range set {
		static.AddRange(orElse(r.Start, largest), orElse(r.Stop, largest))
	}
	return static
}

func staticSeqs(set imap.SeqSet, largest uint32) imap.SeqSet {
	var static imap.SeqSet
	for _, r := range set {
		static.AddRange(orElse(r.Start, largest), orElse(r.Stop, largest))
	}
	return static
}

func orElse[N uint32 | imap.UID](n, star N) N {
	if n == 0 {
		return star
	}
	return n
}

func uidsOf(messages []seenMessage) (uids imap.UIDSet) {
	for _, m := range messages {
		uids.AddNum(m.uid)
	}
	return uids
}

func (s *imapSession) writable() error {
	if s.view.readOnly {
		return imapNo(imap.ResponseCodeCannot, "The mailbox is open read-only")
	}
	return nil
}

func (s *imapSession) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, _ *imap.StoreOptions) error {
	if err := s.writable(); err != nil {
		return err
	}
	uids := uidsOf(s.seen(set))
	if err := s.changeFlags(uids, flags.Op, settableFlags(flags.Flags)); err != nil {
		return err
	}
	if flags.Silent {
		return nil
	}
	return s.Fetch(w, uids, &imap.FetchOptions{Flags: true, UID: true})
}

// changeFlags tells the other sessions; this one hears of it by its own means.
func (s *imapSession) changeFlags(uids imap.UIDSet, op imap.StoreFlagsOp, flags []imap.Flag) error {
	if len(uids) == 0 {
		return nil
	}
	view := s.view
	_, err := s.store.commit(&mailOp{plan: func(st *mailState) (mailChange, error) {
		f, err := st.planFolder(view.folder.id)
		if err != nil {
			return nil, err
		}
		return &flagsChanged{Folder: f.id, UIDs: uids, Op: op, Flags: flags, source: view.tracker}, nil
	}})
	return goneFolder(err)
}

// goneFolder is for a folder that was deleted while it was selected.
func goneFolder(err error) error {
	if err == errNoFolder {
		return imapNo(imap.ResponseCodeNonExistent, "The mailbox has been deleted")
	}
	return err
}

// Expunge removes what is flagged \Deleted; the session is told by Poll.
func (s *imapSession) Expunge(_ *imapserver.ExpungeWriter, only *imap.UIDSet) error {
	if s.view.readOnly {
		return nil // RFC 3501 6.4.2: CLOSE after EXAMINE removes nothing
	}
	view := s.view
	_, err := s.store.commit(&mailOp{plan: func(st *mailState) (mailChange, error) {
		f, err := st.planFolder(view.folder.id)
		if err != nil {
			return nil, err
		}
		var uids imap.UIDSet
		for _, m := range f.messages {
			if hasFlag(m.flags, imap.FlagDeleted) {
				uids.AddNum(m.uid)
			}
		}
		if only != nil {
			uids = intersect(uids, view.staticUIDs(*only))
		}
		if len(uids) == 0 {
			return nil, nil
		}
		return &messagesExpunged{Folder: f.id, UIDs: uids}, nil
	}})
	return goneFolder(err)
}

// intersect is for sets of messages that exist, which can be counted out.
func intersect(existing, only imap.UIDSet) (both imap.UIDSet) {
	uids, _ := existing.Nums()
	for _, uid := range uids {
		if only.Contains(uid) {
			both.AddNum(uid)
		}
	}
	return both
}

func (s *imapSession) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	return s.copy(set, dest, false)
}

// Move sends COPYUID at once (RFC 6851 4.3); the EXPUNGE responses follow by Poll.
func (s *imapSession) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	if err := s.writable(); err != nil {
		return err
	}
	data, err := s.copy(set, dest, true)
	if err != nil || data == nil {
		return err
	}
	return w.WriteCopyData(data)
}

// copy returns nil data when there was nothing to copy.
func (s *imapSession) copy(set imap.NumSet, dest string, move bool) (*imap.CopyData, error) {
	messages := s.seen(set)
	view := s.view
	change, err := s.store.commit(&mailOp{plan: func(st *mailState) (mailChange, error) {
		to := st.folder(s.owner, folderName(dest))
		if to == nil {
			return nil, errNoFolder
		}
		if len(messages) == 0 {
			return nil, nil
		}
		first, err := to.planUIDs(len(messages))
		if err != nil {
			return nil, err
		}
		return &messagesCopied{From: view.folder.id, To: to.id, UIDs: uidsOf(messages), First: first, Move: move}, nil
	}})
	if err != nil || change == nil {
		return nil, tryCreate(err)
	}
	copied := change.(*messagesCopied)
	if len(copied.source) == 0 {
		return nil, nil
	}
	return &imap.CopyData{UIDValidity: copied.To, SourceUIDs: copied.source, DestUIDs: copied.dest}, nil
}
