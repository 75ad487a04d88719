package mailboxes

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// Fields is what may be set of a mailbox; nil leaves a field as it is.
type Fields struct {
	Name           *string
	Address        *string // only when created
	AddressNorm    string  // of Address, made by the door that knows addresses
	FromName       *string
	IMAP, SMTP     *Server
	IMAPPassword   *string
	SMTPPassword   *string
	OAuth          *OAuth  // only when created; then no passwords
	ClientSecret   *string // of OAuth
	RefreshToken   *string // of OAuth, in the place of a sign-in; only when changed
	LostKey        bool    // what another key sealed is lost; only when changed
	Folders        *[]string
	Start          *string // only when created
	StartAt        *time.Time
	StaffAddresses *[]string
	Priority       *int
	Reopens        *bool
	SubAddressing  *bool
	Acknowledges   *bool
	After          *string
	AfterFolder    *string // of AfterMove
	Paused         *bool
	Logo, Accent   *string // empty: the desk's
	Hours          *Hours  // of no week: the desk's
}

// Create adds a mailbox; its address, both servers and its start point stay as given here.
func (s *Service) Create(ctx context.Context, by event.Actor, f Fields) (Mailbox, error) {
	m := Mailbox{ID: db.NewID(), Folders: []string{"INBOX"}, Start: FromNow, StaffAddresses: []string{}, Priority: 2,
		Reopens: true, SubAddressing: true, Acknowledges: true, After: AfterNothing, Outages: []Outage{}, Version: 1}
	if f.Address != nil {
		m.Address, m.AddressNorm = *f.Address, f.AddressNorm
		m.Name = m.Address
	}
	if f.Start != nil {
		m.Start = *f.Start
	}
	if err := f.apply(&m); err != nil {
		return Mailbox{}, err
	}
	if err := f.OAuth.check(f.ClientSecret); err != nil {
		return Mailbox{}, err
	}
	if m.OAuth = f.OAuth; m.OAuth != nil {
		f.IMAPPassword, f.SMTPPassword = new(string), new(string)
	}
	missing := fault.New(fault.Invalid, "password_missing", "a new mailbox needs the passwords of IMAP and SMTP")
	switch {
	case f.IMAPPassword == nil:
		return Mailbox{}, missing.In("imap_password")
	case f.SMTPPassword == nil:
		return Mailbox{}, missing.In("smtp_password")
	}
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		m.CreatedAt, m.UpdatedAt = tx.Now(), tx.Now()
		m.StartAt = tx.Now()
		if f.StartAt != nil {
			m.StartAt = *f.StartAt
		}
		_, err := tx.Exec(sqlInsert, m.ID, m.Name, m.Address, m.AddressNorm, m.FromName, m.IMAP, s.seal(*f.IMAPPassword),
			m.SMTP, s.seal(*f.SMTPPassword), m.Folders, m.Start, m.StartAt, m.StaffAddresses, m.Priority,
			m.Reopens, m.SubAddressing, m.Acknowledges, m.Paused, m.After, m.AfterFolder, m.OAuth)
		if db.Violates(err, "mailboxes_address_norm_key") {
			return fault.New(fault.Conflict, "address_taken", "there is a mailbox with this address").In("address")
		}
		if err != nil {
			return err
		}
		if m.OAuth != nil {
			g := grant{}
			set(&g.ClientSecret, f.ClientSecret)
			tx.Queue(sqlSetGrant, m.ID, s.sealGrant(g))
		}
		m.keepLook(tx)
		for _, folder := range m.Folders {
			tx.Queue(sqlInsertFolder, m.ID, folder)
		}
		tx.Record(event.Event{Kind: event.MailboxCreated, SubjectID: m.ID.String(), Sequence: 1, Label: m.Address})
		return nil
	})
	return m, err
}

// Update changes a mailbox that is still at that version, or at any where that is 0; a later one is a Stale
// fault.
func (s *Service) Update(ctx context.Context, by event.Actor, id uuid.UUID, version int, f Fields) (Mailbox, error) {
	var m Mailbox
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		found, ok, err := db.One[Mailbox](tx, sqlLock, id)
		if err != nil {
			return err
		}
		if m = found; !ok {
			return notFound(id)
		}
		if version != 0 && m.Version != version {
			return fault.New(fault.Stale, "stale_version", "the mailbox was changed meanwhile; read it again")
		}
		if err := f.apply(&m); err != nil {
			return err
		}
		m.Version, m.UpdatedAt = m.Version+1, tx.Now()
		tx.Queue(sqlUpdate, m.ID, m.Name, m.FromName, m.IMAP, m.SMTP, m.Folders, m.StaffAddresses, m.Priority,
			m.Reopens, m.SubAddressing, m.Acknowledges, m.Paused, m.Version, m.After, m.AfterFolder)
		detail, err := s.changeSecrets(tx, m, f)
		if err != nil {
			return err
		}
		m.keepLook(tx)
		for _, folder := range m.Folders {
			tx.Queue(sqlInsertFolder, m.ID, folder)
		}
		tx.Record(event.Event{Kind: event.MailboxUpdated, SubjectID: m.ID.String(), Sequence: int64(m.Version), Label: m.Address, Detail: detail})
		return nil
	})
	return m, err
}

func (s *Service) seal(password string) []byte {
	return s.vault.Seal("mailbox password", []byte(password))
}

func (f Fields) apply(m *Mailbox) error {
	set(&m.Name, f.Name)
	set(&m.FromName, f.FromName)
	set(&m.IMAP, f.IMAP)
	set(&m.SMTP, f.SMTP)
	set(&m.Folders, f.Folders)
	set(&m.StaffAddresses, f.StaffAddresses)
	set(&m.Priority, f.Priority)
	set(&m.Reopens, f.Reopens)
	set(&m.SubAddressing, f.SubAddressing)
	set(&m.Acknowledges, f.Acknowledges)
	set(&m.Paused, f.Paused)
	set(&m.After, f.After)
	set(&m.AfterFolder, f.AfterFolder)
	set(&m.Logo, f.Logo)
	set(&m.Accent, f.Accent)
	if f.Hours != nil {
		m.Hours = f.Hours
	}
	if m.StaffAddresses == nil {
		m.StaffAddresses = []string{} // NULL is no list
	}
	switch {
	case m.AddressNorm == "":
		return fault.New(fault.Invalid, "invalid_address", "a mailbox needs an email address").In("address")
	case strings.TrimSpace(m.Name) == "" || len(m.Name) > 200:
		return fault.New(fault.Invalid, "invalid_name", "a mailbox needs a name of at most 200 bytes").In("name")
	case strings.ContainsAny(m.FromName, "\r\n\x00"):
		return fault.New(fault.Invalid, "invalid_from_name", "the from name is one line").In("from_name")
	case m.Start != FromNow && m.Start != FromDate && m.Start != FromAll:
		return fault.New(fault.Invalid, "invalid_start", "start must be now, date or all").In("start")
	case m.Start == FromDate && f.StartAt == nil && m.StartAt.IsZero():
		return fault.New(fault.Invalid, "start_at_missing", "start date needs start_at").In("start_at")
	case len(m.Folders) == 0 || len(m.Folders) > 50:
		return fault.New(fault.Invalid, "invalid_folders", "a mailbox reads between 1 and 50 folders").In("folders")
	case m.Priority < 1 || m.Priority > 3:
		return fault.New(fault.Invalid, "invalid_priority", "priority must be high, medium or low").In("priority")
	}
	if err := cmp.Or(m.checkAfter(), m.checkLook()); err != nil {
		return err
	}
	if err := m.IMAP.check("imap"); err != nil {
		return err
	}
	return m.SMTP.check("smtp")
}

func (m *Mailbox) checkAfter() error {
	switch {
	case m.After != AfterNothing && m.After != AfterSeen && m.After != AfterMove:
		return fault.New(fault.Invalid, "invalid_after", "after must be nothing, seen or move").In("after")
	case (m.After == AfterMove) != (m.AfterFolder != ""):
		return fault.New(fault.Invalid, "invalid_after", "after move needs the folder to move to; without move there is none").In("after_folder")
	case slices.ContainsFunc(m.Folders, func(f string) bool { return strings.EqualFold(f, m.AfterFolder) }):
		return fault.New(fault.Invalid, "invalid_after", "emails cannot be moved to a folder that is read: they would be read again").In("after_folder")
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func (s Server) check(field string) error {
	switch {
	case s.Host == "" || s.Port < 1 || s.Port > 65535:
		return fault.New(fault.Invalid, "invalid_server", "%s needs a host and a port", field).In(field)
	case s.Security == "none" && !isLoopback(s.Host):
		return fault.New(fault.Invalid, "plain_remote", "%s without encryption is allowed on loopback only; use tls or starttls", field).In(field)
	case s.Security != "none" && s.Security != "tls" && s.Security != "starttls":
		return fault.New(fault.Invalid, "invalid_security", "%s security must be tls or starttls", field).In(field)
	}
	return nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

func notFound(id uuid.UUID) error {
	return fault.New(fault.NotFound, "mailbox_not_found", "there is no mailbox %s", id)
}
