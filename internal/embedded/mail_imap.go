package embedded

import (
	"crypto/subtle"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

const maxFolderName = 500

func newIMAPServer(c MailConfig, store *mailStore) *imapserver.Server {
	return imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &imapSession{config: c, store: store}, nil, nil
		},
		// What a Dovecot of today offers, less CONDSTORE and QRESYNC.
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapMove: {},
			imap.CapESearch: {}, imap.CapListExtended: {}, imap.CapListStatus: {},
			imap.CapStatusSize: {}, imap.CapChildren: {}, imap.CapLiteralPlus: {},
		},
		InsecureAuth: true, // a demo on loopback has no certificate
		Logger:       mailServerLog{log: c.Log, protocol: "imap"},
	})
}

// imapSession is one connection: first the commands about folders, then, in
// mail_imap_selected.go, those about the messages of the selected one.
type imapSession struct {
	config MailConfig
	store  *mailStore
	owner  string // mailbox logged in to
	view   *mailView
}

var (
	_ imapserver.SessionNamespace   = (*imapSession)(nil)
	_ imapserver.SessionMove        = (*imapSession)(nil)
	_ imapserver.SessionAppendLimit = (*imapSession)(nil)
)

func imapNo(code imap.ResponseCode, text string) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}

func (s *imapSession) Close() error {
	if s.view != nil {
		return s.Unselect()
	}
	return nil
}

func (s *imapSession) AppendLimit() uint32 { return mailMaxBytes }

func (s *imapSession) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Delim: '/'}}}, nil
}

// Login opens the mailbox of any address, and makes it when nothing was sent
// there yet: whoever watches it must find the same UIDVALIDITY later.
func (s *imapSession) Login(username, password string) error {
	right := subtle.ConstantTimeCompare([]byte(password), []byte(s.config.Password)) == 1
	if !right || username == "" || !cleanAddress(username) {
		return imapserver.ErrAuthFailed
	}
	s.owner = mailboxOf(username, s.config.Domain)
	return s.store.ensureInbox(s.owner)
}

// folderName puts a name as we keep it: INBOX is the one name without case
// (RFC 3501 5.1), and a final delimiter means nothing to us (6.3.3).
func folderName(name string) string {
	name = strings.TrimRight(name, mailDelim)
	if strings.EqualFold(name, mailInbox) {
		return mailInbox
	}
	return name
}

// withFolder calls f on one of the owner's folders while nothing changes it.
func (s *imapSession) withFolder(name string, f func(*mailFolder)) error {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	folder := s.store.state.folder(s.owner, folderName(name))
	if folder == nil {
		return imapNo(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	f(folder)
	return nil
}

func (s *imapSession) Create(name string, _ *imap.CreateOptions) error {
	name = folderName(name)
	if name == "" || len(name) > maxFolderName {
		return imapNo(imap.ResponseCodeCannot, "A mailbox name has 1 to 500 bytes")
	}
	return s.changeTree(func(st *mailState) (mailChange, error) {
		if st.folder(s.owner, name) != nil {
			return nil, imapNo(imap.ResponseCodeAlreadyExists, "Mailbox already exists")
		}
		return &folderMade{Folder: st.newID(time.Now()), Owner: s.owner, Name: name}, nil
	})
}

func (s *imapSession) Delete(name string) error {
	return s.changeFolder(name, func(_ *mailState, f *mailFolder) (mailChange, error) {
		if f.name == mailInbox {
			return nil, imapNo(imap.ResponseCodeCannot, "INBOX stays")
		}
		return &folderDeleted{Folder: f.id}, nil
	})
}

func (s *imapSession) Rename(name, newName string, _ *imap.RenameOptions) error {
	newName = folderName(newName)
	return s.changeFolder(name, func(st *mailState, f *mailFolder) (mailChange, error) {
		switch {
		case f.name == mailInbox || newName == "" || len(newName) > maxFolderName:
			return nil, imapNo(imap.ResponseCodeCannot, "INBOX stays; a mailbox name has 1 to 500 bytes")
		case st.folder(s.owner, newName) != nil:
			return nil, imapNo(imap.ResponseCodeAlreadyExists, "Mailbox already exists")
		}
		return &folderRenamed{Folder: f.id, Name: newName}, nil
	})
}

func (s *imapSession) Subscribe(name string) error   { return s.subscribe(name, true) }
func (s *imapSession) Unsubscribe(name string) error { return s.subscribe(name, false) }

func (s *imapSession) subscribe(name string, on bool) error {
	return s.changeFolder(name, func(_ *mailState, f *mailFolder) (mailChange, error) {
		return &folderSubscribed{Folder: f.id, Subscribed: on}, nil
	})
}

func (s *imapSession) changeTree(plan func(*mailState) (mailChange, error)) error {
	_, err := s.store.commit(&mailOp{alone: true, plan: plan})
	return err
}

func (s *imapSession) changeFolder(name string, plan func(*mailState, *mailFolder) (mailChange, error)) error {
	return s.changeTree(func(st *mailState) (mailChange, error) {
		f := st.folder(s.owner, folderName(name))
		if f == nil {
			return nil, imapNo(imap.ResponseCodeNonExistent, "No such mailbox")
		}
		return plan(st, f)
	})
}

func (s *imapSession) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if len(patterns) == 0 { // RFC 3501 6.3.8: what is the delimiter?
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: '/'})
	}
	for _, data := range s.list(ref, patterns, o) {
		if err := w.WriteList(&data); err != nil {
			return err
		}
	}
	return nil
}

func (s *imapSession) list(ref string, patterns []string, o *imap.ListOptions) []imap.ListData {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	var found []imap.ListData
	folders := s.store.state.owners[s.owner]
	for name, f := range folders {
		matches := func(pattern string) bool { return imapserver.MatchList(name, '/', ref, pattern) }
		wanted := slices.ContainsFunc(patterns, matches) ||
			name == mailInbox && slices.ContainsFunc(patterns, func(p string) bool { return strings.EqualFold(p, mailInbox) })
		if !wanted || o.SelectSubscribed && !f.subscribed || o.SelectSpecialUse {
			continue
		}
		data := imap.ListData{Delim: '/', Mailbox: name, Attrs: []imap.MailboxAttr{imap.MailboxAttrHasNoChildren}}
		for other := range folders {
			if strings.HasPrefix(other, name+mailDelim) {
				data.Attrs[0] = imap.MailboxAttrHasChildren
			}
		}
		if f.subscribed {
			data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
		}
		if o.ReturnStatus != nil {
			data.Status = f.status()
		}
		found = append(found, data)
	}
	slices.SortFunc(found, func(a, b imap.ListData) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	return found
}

func (s *imapSession) Status(name string, _ *imap.StatusOptions) (*imap.StatusData, error) {
	var data *imap.StatusData
	err := s.withFolder(name, func(f *mailFolder) { data = f.status() })
	return data, err
}

// status answers everything a client may ask for.
func (f *mailFolder) status() *imap.StatusData {
	messages, recent := uint32(len(f.messages)), uint32(0)
	unseen, deleted := messages-f.count(imap.FlagSeen), f.count(imap.FlagDeleted)
	limit := uint32(mailMaxBytes)
	var size, deletedSize int64
	for _, m := range f.messages {
		size += m.size()
		if hasFlag(m.flags, imap.FlagDeleted) {
			deletedSize += m.size()
		}
	}
	return &imap.StatusData{
		Mailbox: f.name, NumMessages: &messages, NumRecent: &recent, NumUnseen: &unseen,
		NumDeleted: &deleted, UIDNext: f.uidNext, UIDValidity: f.id,
		Size: &size, AppendLimit: &limit, DeletedStorage: &deletedSize,
	}
}

func (s *imapSession) Append(name string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	raw := make([]byte, r.Size()) // the library has held it against AppendLimit
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	at := o.Time
	if at.IsZero() {
		at = time.Now().UTC()
	}
	op := &mailOp{raw: [][]byte{raw}, plan: func(st *mailState) (mailChange, error) {
		f := st.folder(s.owner, folderName(name))
		if f == nil {
			return nil, errNoFolder
		}
		uid, err := f.planUIDs(1)
		if err != nil {
			return nil, err
		}
		target := messageTarget{Folder: f.id, UID: uid}
		return &messageStored{Time: at, Flags: settableFlags(o.Flags), Targets: []messageTarget{target}}, nil
	}}
	change, err := s.store.commit(op)
	if err != nil {
		return nil, tryCreate(err)
	}
	target := change.(*messageStored).Targets[0]
	return &imap.AppendData{UIDValidity: target.Folder, UID: target.UID}, nil
}

// tryCreate tells a client whose destination is missing (RFC 3501 6.3.11).
func tryCreate(err error) error {
	if errors.Is(err, errNoFolder) {
		return imapNo(imap.ResponseCodeTryCreate, "No such mailbox")
	}
	return err
}

func (s *imapSession) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if s.view == nil {
		return nil
	}
	return s.view.tracker.Poll(w, allowExpunge)
}

// Idle looks at the queue before its first wait too: what came in between the
// last command and IDLE must not wait for the next arrival.
func (s *imapSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	view := s.view // the session may close before this goroutine has seen stop
	if view == nil {
		<-stop
		return nil
	}
	for {
		if err := view.tracker.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-view.wake:
		case <-stop:
			return nil
		}
	}
}
