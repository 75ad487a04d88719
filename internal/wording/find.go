package wording

import (
	"log/slog"
	"sync"
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

	mu       sync.Mutex
	compiled map[place]*letter.Template
	source   map[uuid.UUID]int // versions of what is compiled
	readAt   time.Time
}

// New makes the service. files are the templates of the desk's folder; nil: none.
func New(d *db.DB, o *outbox.Outbox, files Files) *Service {
	return &Service{db: d, outbox: o, files: files}
}

// For is the template of a letter from this mailbox in this language: the mailbox's in the language, the mailbox's,
// the desk's in the language, the desk's, the folder's in the language, the folder's; nil where there is none of them.
func (s *Service) For(r db.Reader, kind string, mailbox uuid.UUID, l words.Language) (*letter.Template, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compiled == nil || time.Since(s.readAt) > stale {
		if err := s.read(r); err != nil {
			return nil, err
		}
	}
	for _, at := range []place{{kind, mailbox, l}, {kind, mailbox, ""}, {kind, uuid.Nil, l}, {kind, uuid.Nil, ""}} {
		if t := s.compiled[at]; t != nil {
			return t, nil
		}
	}
	return s.files.find(kind, l).compiled, nil
}

// read compiles what is new. One that an older release took and this one refuses is left out: ours is used.
func (s *Service) read(r db.Reader) error {
	all, err := db.All[Template](r, sqlAll)
	if err != nil {
		return err
	}
	before, versions := s.compiled, s.source
	s.compiled, s.source, s.readAt = map[place]*letter.Template{}, map[uuid.UUID]int{}, time.Now()
	for _, t := range all {
		at := place{t.Name, t.MailboxID.UUID, words.Language(t.Language)}
		c, known := before[at], versions[t.ID] == t.Version
		if !known {
			if c, err = Compile(t); err != nil {
				slog.Warn("a letter template is not used: letters have the built-in words until it is saved anew", "template", t.Name, "language", t.Language, "why", err)
			}
		}
		s.compiled[at], s.source[t.ID] = c, t.Version
	}
	return nil
}

func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readAt = time.Time{}
}
