package wording

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// place is where a template is in force.
type place struct {
	name     string
	mailbox  uuid.UUID
	language words.Language
}

// stale is how long what another process has changed may go unnoticed.
const stale = 2 * time.Second

// Service keeps the templates, compiled.
type Service struct {
	db     *db.DB
	outbox *outbox.Outbox // for trials
	files  Files

	known   atomic.Pointer[templates]
	changes atomic.Int64 // by this process
}

// templates is what one look at the database found. It does not change.
type templates struct {
	compiled map[place]*letter.Template
	versions map[uuid.UUID]int // of what is compiled
	changes  int64             // known of when it was read
	readAt   time.Time
}

// New makes the service. files are the templates of the desk's folder; nil: none.
func New(d *db.DB, o *outbox.Outbox, files Files) *Service {
	return &Service{db: d, outbox: o, files: files}
}

// For is the template of a letter from this mailbox in this language: the mailbox's in the language, the mailbox's,
// the desk's in the language, the desk's, the folder's in the language, the folder's; nil where there is none of them.
func (s *Service) For(r db.Reader, kind string, mailbox uuid.UUID, l words.Language) (*letter.Template, error) {
	known := s.known.Load()
	if known == nil || known.changes != s.changes.Load() || time.Since(known.readAt) > stale {
		// Without a lock: reading sends what the caller's transaction has queued, which may wait for another
		// transaction that comes here too.
		var err error
		if known, err = s.read(r, known); err != nil {
			return nil, err
		}
		s.known.Store(known)
	}
	for _, at := range []place{{kind, mailbox, l}, {kind, mailbox, ""}, {kind, uuid.Nil, l}, {kind, uuid.Nil, ""}} {
		if t := known.compiled[at]; t != nil {
			return t, nil
		}
	}
	return s.files.find(kind, l).compiled, nil
}

// read compiles what is new. One that an older release took and this one refuses is left out: ours is used.
func (s *Service) read(r db.Reader, before *templates) (*templates, error) {
	now := &templates{compiled: map[place]*letter.Template{}, versions: map[uuid.UUID]int{}, changes: s.changes.Load(), readAt: time.Now()}
	all, err := db.All[Template](r, sqlAll)
	if err != nil {
		return nil, err
	}
	if before == nil {
		before = &templates{}
	}
	for _, t := range all {
		at := place{t.Name, t.MailboxID.UUID, words.Language(t.Language)}
		c, known := before.compiled[at], before.versions[t.ID] == t.Version
		if !known {
			if c, err = Compile(t); err != nil {
				slog.Warn("a letter template is not used: letters have the built-in words until it is saved anew", "template", t.Name, "language", t.Language, "why", err)
			}
		}
		now.compiled[at], now.versions[t.ID] = c, t.Version
	}
	return now, nil
}

// forget makes the next letter of this process look again.
func (s *Service) forget() { s.changes.Add(1) }
