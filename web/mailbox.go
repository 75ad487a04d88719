package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/words"
)

// Mailbox is one support address. Its passwords are written and never read.
type Mailbox struct {
	ID             uuid.UUID      `json:"id" format:"uuid"`
	Name           string         `json:"name"`
	Address        string         `json:"address"`
	FromName       string         `json:"from_name" doc:"The name on its letters; the desk's where empty"`
	IMAP           MailServer     `json:"imap"`
	SMTP           MailServer     `json:"smtp"`
	Auth           string         `json:"auth" enum:"password,oauth2" doc:"How it logs in at both servers"`
	Folders        []string       `json:"folders" nullable:"false"`
	Start          string         `json:"start" enum:"now,date,all" doc:"From where on emails count"`
	StartAt        time.Time      `json:"start_at"`
	StaffAddresses []string       `json:"staff_addresses" nullable:"false" doc:"Told of new tickets"`
	Priority       string         `json:"priority" enum:"high,medium,low" doc:"Of tickets that say nothing else"`
	Reopens        bool           `json:"reopens" doc:"A reply opens a closed ticket again"`
	SubAddressing  bool           `json:"sub_addressing" doc:"The provider delivers name+tag@ to name@"`
	Acknowledges   bool           `json:"acknowledges" doc:"New tickets are acknowledged"`
	Paused         bool           `json:"paused"`
	After          string         `json:"after" enum:"nothing,seen,move" doc:"What is done to an email on the mail server once it has its disposition"`
	AfterFolder    string         `json:"after_folder" doc:"Where emails are moved to"`
	LogoURL        string         `json:"logo_url" doc:"A picture at the head of its letters and of the support form; the desk's where empty"`
	AccentColor    string         `json:"accent_color" doc:"#rrggbb; the desk's where empty"`
	BusinessHours  *BusinessHours `json:"business_hours" doc:"When it is answered; null: as the desk"`
	Outages        []Outage       `json:"outages" nullable:"false" doc:"Its servers that do not work now"`
	Version        int            `json:"version"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
}

// BusinessHours is when people answer. Outside of it acknowledgements, and the support form, say when they do so next.
type BusinessHours struct {
	Week     string   `json:"week" maxLength:"2000" example:"mon-fri 09:00-12:00, mon-fri 13:00-17:00, sat 10:00-12:00" doc:"Entries of days and times, with commas between. Empty: the desk's"`
	Holidays []string `json:"holidays,omitempty" maxItems:"100" example:"[\"12-25\", \"2026-04-06\"]" doc:"Days on which nobody answers: of one year, or of every year"`
	TimeZone string   `json:"time_zone,omitempty" maxLength:"100" example:"Europe/Paris" doc:"IANA name; the desk's where absent"`
}

func showHours(h *mailboxes.Hours) *BusinessHours {
	if h == nil {
		return nil
	}
	return &BusinessHours{Week: h.Week, Holidays: h.Holidays, TimeZone: h.TimeZone}
}

func (h *BusinessHours) fields() *mailboxes.Hours {
	if h == nil {
		return nil
	}
	return &mailboxes.Hours{Week: line(h.Week), Holidays: h.Holidays, TimeZone: line(h.TimeZone)}
}

// Outage is a server of a mailbox that has failed since it last worked.
type Outage struct {
	Side     string     `json:"side" enum:"imap,smtp" doc:"imap: emails are not read; smtp: letters are not sent"`
	Since    time.Time  `json:"since"`
	FailedAt time.Time  `json:"failed_at" doc:"When it was last tried"`
	Failures int        `json:"failures" doc:"In a row"`
	Reason   string     `json:"reason" enum:"login_refused,sign_in_again,unreachable,untrusted,silent,too_many_connections,throttled,over_quota,no_folder,no_key,refused,not_understood"`
	Summary  string     `json:"summary" doc:"The reason in words"`
	Remedy   string     `json:"remedy" doc:"What to do"`
	Detail   string     `json:"detail" doc:"The words of the server or the network"`
	ToldAt   *time.Time `json:"told_at" doc:"When the operator was written to; null while it is too young for that"`
}

func showOutages(all []mailboxes.Outage) []Outage {
	out := []Outage{}
	for _, o := range all {
		summary, remedy := outage.Reason(o.Reason).Words(words.English)
		out = append(out, Outage{Side: o.Side, Since: o.Since.UTC(), FailedAt: o.FailedAt.UTC(), Failures: o.Failures, Reason: o.Reason,
			Summary: summary, Remedy: remedy, Detail: o.Detail, ToldAt: o.ToldAt})
	}
	return out
}

// MailServer is where a mailbox is read or its letters are handed over.
type MailServer struct {
	Host     string `json:"host" minLength:"1" maxLength:"253"`
	Port     int    `json:"port" minimum:"1" maximum:"65535"`
	Security string `json:"security" enum:"tls,starttls,none" doc:"none on loopback only"`
	Username string `json:"username" maxLength:"320"`
}

// MailboxState is a mailbox read alone.
type MailboxState struct {
	Mailbox
	FolderStates []FolderState `json:"folder_states" nullable:"false" doc:"How far each folder was read"`
}

// FolderState is how far one folder was read.
type FolderState struct {
	Name         string     `json:"name"`
	UIDValidity  int64      `json:"uidvalidity" doc:"0: never opened"`
	LastUID      int64      `json:"last_uid"`
	PolledAt     *time.Time `json:"polled_at"`
	FailingSince *time.Time `json:"failing_since"`
	LastError    *string    `json:"last_error"`

	LastComparison *Comparison `json:"last_comparison" doc:"With the mail server, every night; null: not yet"`
}

func showMailbox(m mailboxes.Mailbox) Mailbox {
	return Mailbox{ID: m.ID, Name: m.Name, Address: m.Address, FromName: m.FromName, IMAP: MailServer(m.IMAP), SMTP: MailServer(m.SMTP),
		Auth: authOf(m), Folders: m.Folders, Start: m.Start, StartAt: m.StartAt, StaffAddresses: m.StaffAddresses,
		Priority: tickets.Priority(m.Priority).String(), Reopens: m.Reopens, SubAddressing: m.SubAddressing,
		Acknowledges: m.Acknowledges, Paused: m.Paused, After: m.After, AfterFolder: m.AfterFolder, LogoURL: m.Logo, AccentColor: m.Accent,
		BusinessHours: showHours(m.Hours), Outages: showOutages(m.Outages), Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
}

func authOf(m mailboxes.Mailbox) string {
	if m.OAuth != nil {
		return "oauth2"
	}
	return "password"
}

// NewMailbox is what a mailbox is made with.
type NewMailbox struct {
	Address      string     `json:"address" minLength:"3" maxLength:"320"`
	IMAP         MailServer `json:"imap"`
	SMTP         MailServer `json:"smtp"`
	IMAPPassword string     `json:"imap_password" maxLength:"1000" writeOnly:"true"`
	SMTPPassword string     `json:"smtp_password" maxLength:"1000" writeOnly:"true"`
	Start        *string    `json:"start,omitempty" enum:"now,date,all" doc:"now where absent"`
	StartAt      *time.Time `json:"start_at,omitempty"`
	MailboxFields
}

// MailboxPatch is what may be changed of a mailbox; what is absent stays.
type MailboxPatch struct {
	IMAP         *MailServer `json:"imap,omitempty"`
	SMTP         *MailServer `json:"smtp,omitempty"`
	IMAPPassword *string     `json:"imap_password,omitempty" maxLength:"1000" writeOnly:"true"`
	SMTPPassword *string     `json:"smtp_password,omitempty" maxLength:"1000" writeOnly:"true"`

	OAuthClientSecret *string `json:"oauth_client_secret,omitempty" minLength:"1" maxLength:"2000" writeOnly:"true" doc:"Of the app that is registered at the provider, where auth is oauth2"`
	OAuthRefreshToken *string `json:"oauth_refresh_token,omitempty" minLength:"1" maxLength:"8000" writeOnly:"true" doc:"Got elsewhere, in the place of a sign-in"`
	MailboxFields
}

// MailboxFields is what need not be said when a mailbox is made.
type MailboxFields struct {
	Name           *string        `json:"name,omitempty" maxLength:"200"`
	FromName       *string        `json:"from_name,omitempty" maxLength:"200"`
	Folders        *[]string      `json:"folders,omitempty" nullable:"false" maxItems:"50"`
	StaffAddresses *[]string      `json:"staff_addresses,omitempty" nullable:"false" maxItems:"50"`
	Priority       *string        `json:"priority,omitempty" enum:"high,medium,low"`
	Reopens        *bool          `json:"reopens,omitempty"`
	SubAddressing  *bool          `json:"sub_addressing,omitempty"`
	Acknowledges   *bool          `json:"acknowledges,omitempty"`
	Paused         *bool          `json:"paused,omitempty"`
	After          *string        `json:"after,omitempty" enum:"nothing,seen,move" doc:"nothing where absent"`
	LogoURL        *string        `json:"logo_url,omitempty" maxLength:"500" doc:"https; empty: the desk's"`
	AccentColor    *string        `json:"accent_color,omitempty" maxLength:"7" doc:"#rrggbb, with a contrast to white of 4.5 or more; empty: the desk's"`
	BusinessHours  *BusinessHours `json:"business_hours,omitempty"`
	AfterFolder    *string        `json:"after_folder,omitempty" maxLength:"200" doc:"Where emails are moved to; the folder must be there and must not be one that is read"`
}

func (f MailboxFields) fields() (mailboxes.Fields, error) {
	out := mailboxes.Fields{Name: linePointer(f.Name), FromName: linePointer(f.FromName), Folders: linesPointer(f.Folders),
		Reopens: f.Reopens, SubAddressing: f.SubAddressing, Acknowledges: f.Acknowledges, Paused: f.Paused,
		After: f.After, AfterFolder: linePointer(f.AfterFolder), Logo: linePointer(f.LogoURL), Accent: linePointer(f.AccentColor), Hours: f.BusinessHours.fields()}
	if f.StaffAddresses != nil {
		staff := []string{}
		for _, s := range *f.StaffAddresses {
			p, err := readPerson(s, "body.staff_addresses")
			if err != nil {
				return out, err
			}
			staff = append(staff, p.Address)
		}
		out.StaffAddresses = &staff
	}
	if f.Priority != nil {
		p, err := tickets.ParsePriority(*f.Priority)
		if err != nil {
			return out, err
		}
		n := int(p)
		out.Priority = &n
	}
	return out, nil
}

func (s *MailServer) server() *mailboxes.Server {
	if s == nil {
		return nil
	}
	return &mailboxes.Server{Host: line(s.Host), Port: s.Port, Security: s.Security, Username: line(s.Username)}
}
