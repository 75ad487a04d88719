package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/message"
	"github.com/postern-desk/postern/mail/smtp"
	"github.com/postern-desk/postern/worker"
)

type mailboxCmd struct {
	Add       mailboxAddCmd       `cmd:"" help:"Add a support address."`
	Set       mailboxSetCmd       `cmd:"" help:"Change a support address: its servers, password, folders, staff."`
	List      mailboxListCmd      `cmd:"" help:"List the support addresses and how they are doing."`
	Authorize mailboxAuthorizeCmd `cmd:"" help:"Sign in at the provider of a mailbox that uses OAuth2."`
	Check     mailboxCheckCmd     `cmd:"" help:"Log in to the servers of a mailbox and say what works."`
	DKIM      mailboxDKIMCmd      `cmd:"" name:"dkim" help:"Make the key that signs letters (DKIM), show its DNS record, switch signing on or off."`
}

type mailboxAddCmd struct {
	config.Storage `group:"Storage"`
	Address        string `arg:"" help:"The support address, such as support@desk.example."`
	Name           string `help:"What people call it. [default: the address]"`
	FromName       string `help:"The name in the From of its letters. [default: the desk's]"`
	IMAP           string `required:"" name:"imap" placeholder:"HOST:PORT" help:"Where it is read, such as imap.desk.example:993."`
	IMAPSecurity   string `name:"imap-security" placeholder:"KIND" help:"tls, starttls, or none (loopback only). [default: starttls at port 143, else tls]"`
	SMTP           string `required:"" name:"smtp" placeholder:"HOST:PORT" help:"Where its letters are handed over, such as smtp.desk.example:465."`
	SMTPSecurity   string `name:"smtp-security" placeholder:"KIND" help:"tls, starttls, or none (loopback only). [default: starttls at port 587, else tls]"`
	Username       string `help:"Login at both servers. [default: the address]"`
	config.Login
	mailboxOAuth
	From   string   `default:"now" help:"From where on emails count: now, a date such as 2026-11-01, or all. [default now]"`
	Staff  []string `placeholder:"ADDRESS" help:"Who is told of new tickets; may be repeated."`
	Folder []string `default:"INBOX" help:"Folders to read; may be repeated. [default INBOX]"`
	NoTags bool     `help:"The provider has no sub-addressing (support+tag@...)."`

	After       string `enum:"nothing,seen,move" default:"nothing" help:"What is done to an email on the mail server once it has its disposition: nothing, seen or move. [default nothing]"`
	AfterFolder string `placeholder:"FOLDER" help:"Where --after move puts emails; the folder must be there."`
}

// Run adds the mailbox; a running desk begins to watch it within seconds.
func (c *mailboxAddCmd) Run(ctx context.Context, s streams) error {
	fields, err := c.fields()
	if err != nil {
		return err
	}
	return withStore(ctx, c.Storage, func(st *store) error {
		m, err := mailboxes.New(st.db, st.vault).Create(ctx, cliActor(), fields)
		if err != nil {
			return err
		}
		next := "check"
		if m.OAuth != nil && !m.OAuth.Application {
			next = "authorize"
		}
		fmt.Fprintf(s.out, "added %s (%s)\nTry: postern mailbox %s %s\n", m.Address, m.ID, next, m.Address)
		return nil
	})
}

func (c *mailboxAddCmd) fields() (f mailboxes.Fields, err error) {
	norm, ok := message.NormalizeAddress(c.Address)
	if !ok {
		return f, fmt.Errorf("%q is not an email address", c.Address)
	}
	signIn, secret, err := c.oauth()
	if err != nil {
		return f, err
	}
	if signIn == nil && !c.MailboxPassword.IsSet() {
		return f, errors.New("POSTERN_MAILBOX_PASSWORD: set it to the mailbox's password, or POSTERN_MAILBOX_PASSWORD_FILE to the file that holds it")
	}
	imap, err := c.server(c.IMAP, c.IMAPSecurity)
	if err != nil {
		return f, fmt.Errorf("--imap: %w", err)
	}
	smtp, err := c.server(c.SMTP, c.SMTPSecurity)
	if err != nil {
		return f, fmt.Errorf("--smtp: %w", err)
	}
	staff, err := staffOf(c.Staff)
	if err != nil {
		return f, err
	}
	password, tags := c.MailboxPassword.Reveal(), !c.NoTags
	f = mailboxes.Fields{Address: &c.Address, AddressNorm: norm, FromName: &c.FromName, IMAP: &imap, SMTP: &smtp,
		IMAPPassword: &password, SMTPPassword: &password, Folders: &c.Folder, StaffAddresses: staff, SubAddressing: &tags,
		After: &c.After, AfterFolder: &c.AfterFolder, OAuth: signIn, ClientSecret: &secret}
	if c.Name != "" {
		f.Name = &c.Name
	}
	return f, startPoint(c.From, &f)
}

func startPoint(from string, f *mailboxes.Fields) error {
	start := from
	if from != mailboxes.FromNow && from != mailboxes.FromAll {
		at, err := time.Parse(time.DateOnly, from)
		if err != nil {
			return fmt.Errorf("--from must be now, all or a date such as 2026-11-01, not %q", from)
		}
		start, f.StartAt = mailboxes.FromDate, &at
	}
	f.Start = &start
	return nil
}

func (c *mailboxAddCmd) server(address, security string) (mailboxes.Server, error) {
	server, err := splitServer(address, security)
	if server.Username = c.Username; server.Username == "" {
		server.Username = c.Address
	}
	return server, err
}

// splitServer reads host:port. Where no security is named the port tells it: 143 and 587 begin in the clear and
// ask for TLS (RFC 8314 section 3).
func splitServer(address, security string) (mailboxes.Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return mailboxes.Server{}, fmt.Errorf("%q is not host:port", address)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return mailboxes.Server{}, fmt.Errorf("%q is not a port", port)
	}
	if security == "" {
		security = "tls"
		if n == 143 || n == 587 {
			security = "starttls"
		}
	}
	return mailboxes.Server{Host: host, Port: n, Security: security}, nil
}

// afterwards says what becomes of an email on the mail server.
func afterwards(m mailboxes.Mailbox) string {
	switch m.After {
	case mailboxes.AfterSeen:
		return ", then marked as read"
	case mailboxes.AfterMove:
		return ", then moved to " + m.AfterFolder
	}
	return ""
}

type mailboxListCmd struct {
	config.Storage `group:"Storage"`
}

// Run lists the mailboxes and their folders.
func (c *mailboxListCmd) Run(ctx context.Context, s streams) error {
	return withStore(ctx, c.Storage, func(st *store) error {
		service := mailboxes.New(st.db, st.vault)
		boxes, err := service.List(ctx, cliActor())
		if err != nil {
			return err
		}
		if len(boxes) == 0 {
			fmt.Fprintln(s.out, "no mailboxes yet; add one with: postern mailbox add ADDRESS --imap HOST:PORT --smtp HOST:PORT")
		}
		holders, err := worker.Holders(ctx, st.db)
		if err != nil {
			return err
		}
		for _, m := range boxes {
			fmt.Fprintf(s.out, "%s  %s  from %s%s\n    %s\n", m.ID, m.Address, m.Start, afterwards(m), watching(m, holders))
			for _, o := range m.Outages {
				summary, remedy := outage.Reason(o.Reason).Words(words.English)
				fmt.Fprintf(s.out, "    %s has failed %d times since %s: %s\n        %s\n        -> %s\n", strings.ToUpper(o.Side), o.Failures,
					o.Since.UTC().Format(time.RFC3339), summary, o.Detail, remedy)
			}
			folders, err := service.FoldersOf(ctx, m.ID)
			if err != nil {
				return err
			}
			for _, f := range folders {
				fmt.Fprintf(s.out, "    %-20s %s\n", f.Name, folderState(f))
			}
		}
		return nil
	})
}

// watching says who reads a mailbox.
func watching(m mailboxes.Mailbox, holders map[uuid.UUID]worker.Holder) string {
	h, held := holders[m.ID]
	switch {
	case held:
		return fmt.Sprintf("watched by %s since %s", h.Process, h.Since.UTC().Format(time.RFC3339))
	case m.Paused:
		return "paused"
	}
	return "watched by nobody; start: postern serve --roles watch"
}

func folderState(f mailboxes.Folder) string {
	switch {
	case f.FailingSince != nil && f.LastError != nil:
		return fmt.Sprintf("failing since %s: %s", f.FailingSince.Format(time.RFC3339), *f.LastError)
	case f.UIDValidity == 0:
		return "not read yet"
	}
	return fmt.Sprintf("read up to UID %d", f.LastUID)
}

type mailboxCheckCmd struct {
	config.Access
	Mailbox string `arg:"" help:"Its address or id."`
	Compare bool   `help:"Also have the running desk compare its folders with the ledger now, as it does every night."`
}

// Run logs in at both servers.
func (c *mailboxCheckCmd) Run(ctx context.Context, s streams) error {
	roots, err := c.RootCAs()
	if err != nil {
		return err
	}
	return withStoreOf(ctx, &store{joins: true, begun: true}, c.Storage, func(st *store) error {
		service := mailboxes.New(st.db, st.vault)
		m, err := findMailbox(ctx, service, c.Mailbox)
		if err != nil {
			return err
		}
		failed := false
		lines := append(checkMailbox(ctx, service, m, roots), checkSigning(ctx, service, m, askDNS(c.DNSServer))...)
		for _, line := range lines {
			failed = failed || line.err != nil
			fmt.Fprintln(s.out, line)
		}
		if failed {
			return errors.New("the mailbox does not work yet")
		}
		if c.Compare {
			return compareMailbox(ctx, s, st, m)
		}
		return nil
	})
}

// checked is one thing that was tried.
type checked struct {
	what string
	err  error
}

func (c checked) String() string {
	if c.err != nil {
		return "FAIL  " + c.what + ": " + c.err.Error()
	}
	return "ok    " + c.what
}

// checkMailbox tries what a mailbox needs, in the order in which it is needed.
func checkMailbox(ctx context.Context, service *mailboxes.Service, m mailboxes.Mailbox, roots *x509.CertPool) []checked {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	secrets, err := worker.Secrets(ctx, service, m)
	if err != nil {
		return []checked{{"the stored passwords, or the sign-in", err}}
	}
	lines := checkIMAP(ctx, m, worker.IMAPAccount(m, secrets, roots))
	pool := smtp.NewPool(1, time.Second, smtp.Timeouts{})
	defer pool.Close()
	return append(lines, checked{"SMTP login at " + m.SMTP.Host, pool.Check(ctx, worker.SMTPAccount(m, secrets, roots))})
}

func checkIMAP(ctx context.Context, m mailboxes.Mailbox, account mailbox.Account) []checked {
	session, err := mailbox.Dial(ctx, account, mailbox.DefaultTimeouts())
	lines := []checked{{"IMAP login at " + m.IMAP.Host, err}}
	if err != nil {
		return lines
	}
	defer session.Close()
	for _, folder := range m.Folders {
		opened, err := session.Open(ctx, folder)
		lines = append(lines, checked{fmt.Sprintf("folder %s (%d emails)", folder, opened.Messages), err})
	}
	return lines
}

func cliActor() event.Actor {
	return event.Actor{Kind: "cli", ID: "cli", Name: "Command line", Realm: event.Staff}
}

// withStore opens the store for one command, beside a running desk or alone.
func withStore(ctx context.Context, s config.Storage, fn func(*store) error) error {
	return withStoreOf(ctx, &store{joins: true}, s, fn)
}

func withStoreOf(ctx context.Context, st *store, s config.Storage, fn func(*store) error) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	st, err := st.openAll(ctx, s, commandConns, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(fn(st), st.close(context.WithoutCancel(ctx)))
}
