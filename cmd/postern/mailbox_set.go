package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/message"
)

type mailboxSetCmd struct {
	config.Storage `group:"Storage"`
	Mailbox        string  `arg:"" help:"Its address or id."`
	Name           *string `help:"What people call it."`
	FromName       *string `help:"The name in the From of its letters; empty: the desk's."`
	IMAP           string  `name:"imap" placeholder:"HOST:PORT" help:"Where it is read."`
	IMAPSecurity   string  `name:"imap-security" placeholder:"KIND" help:"tls, starttls, or none (loopback only)."`
	SMTP           string  `name:"smtp" placeholder:"HOST:PORT" help:"Where its letters are handed over."`
	SMTPSecurity   string  `name:"smtp-security" placeholder:"KIND" help:"tls, starttls, or none (loopback only)."`
	Username       string  `help:"Login at both servers."`
	config.Login
	mailboxOAuthSecrets
	Staff       []string `placeholder:"ADDRESS" help:"Who is told of new tickets, in the place of those so far; none: nobody."`
	Folder      []string `placeholder:"FOLDER" help:"Folders to read, in the place of those so far."`
	Tags        *bool    `negatable:"" help:"The provider has sub-addressing (support+tag@...), or with --no-tags has not."`
	After       *string  `enum:"nothing,seen,move" help:"What is done to an email on the mail server once it has its disposition: nothing, seen or move."`
	AfterFolder *string  `placeholder:"FOLDER" help:"Where --after move puts emails; the folder must be there."`
	LostKey     bool     `help:"The secret key is lost for good: seal what is given now with the key that is there, or with a new one."`
	Pause       bool     `xor:"pause" help:"Read it no more, until --resume."`
	Resume      bool     `xor:"pause" help:"Read it again."`
}

// Run changes what is named.
func (c *mailboxSetCmd) Run(ctx context.Context, s streams) error {
	return withStoreOf(ctx, &store{joins: true, begun: true, anyKey: c.LostKey}, c.Storage, func(st *store) error {
		service := mailboxes.New(st.db, st.vault)
		m, err := findMailbox(ctx, service, c.Mailbox)
		if err != nil {
			return err
		}
		fields, err := c.fields(m)
		if err != nil {
			return err
		}
		if m, err = service.Update(ctx, cliActor(), m.ID, m.Version, fields); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "changed %s\nTry: postern mailbox check %s\n", m.Address, m.Address)
		return nil
	})
}

func (c *mailboxSetCmd) fields(m mailboxes.Mailbox) (f mailboxes.Fields, err error) {
	f = mailboxes.Fields{Name: c.Name, FromName: c.FromName, SubAddressing: c.Tags, After: c.After, AfterFolder: c.AfterFolder}
	if f.IMAP, err = c.server(m.IMAP, c.IMAP, c.IMAPSecurity); err != nil {
		return f, fmt.Errorf("--imap: %w", err)
	}
	if f.SMTP, err = c.server(m.SMTP, c.SMTP, c.SMTPSecurity); err != nil {
		return f, fmt.Errorf("--smtp: %w", err)
	}
	if f.After != nil && *f.After != mailboxes.AfterMove && f.AfterFolder == nil {
		f.AfterFolder = new(string)
	}
	if err := c.secrets(m, &f); err != nil {
		return f, err
	}
	if len(c.Folder) > 0 {
		f.Folders = &c.Folder
	}
	if c.Pause || c.Resume {
		f.Paused = &c.Pause
	}
	if f.StaffAddresses, err = staffOf(c.Staff); err != nil {
		return f, err
	}
	return f, c.something(f)
}

// secrets takes what the mailbox signs in with from now on.
func (c *mailboxSetCmd) secrets(m mailboxes.Mailbox, f *mailboxes.Fields) error {
	given := c.MailboxPassword.IsSet()
	switch {
	case m.OAuth != nil && given:
		return fmt.Errorf("%s has no password: it signs in at its provider; try: postern mailbox authorize %s", m.Address, m.Address)
	case m.OAuth == nil && c.LostKey && !given:
		return errors.New("--lost-key: set POSTERN_MAILBOX_PASSWORD to the mailbox's password, or POSTERN_MAILBOX_PASSWORD_FILE to the file that holds it")
	}
	if given {
		password := c.MailboxPassword.Reveal()
		f.IMAPPassword, f.SMTPPassword = &password, &password
	}
	f.LostKey = c.LostKey
	return c.mailboxOAuthSecrets.fill(f)
}

// something refuses a call that changes nothing.
func (c *mailboxSetCmd) something(f mailboxes.Fields) error {
	if f.Name == nil && f.FromName == nil && f.IMAP == nil && f.SMTP == nil && f.IMAPPassword == nil && f.ClientSecret == nil && f.RefreshToken == nil && f.Folders == nil &&
		f.StaffAddresses == nil && f.SubAddressing == nil && f.After == nil && f.AfterFolder == nil && f.Paused == nil && !f.LostKey {
		return errors.New("nothing to change: name what is new, such as --smtp HOST:PORT, or a new password in POSTERN_MAILBOX_PASSWORD; see postern mailbox set --help")
	}
	return nil
}

// server is what a server becomes; nil where nothing of it was named.
func (c *mailboxSetCmd) server(now mailboxes.Server, address, security string) (*mailboxes.Server, error) {
	if address == "" && security == "" && c.Username == "" {
		return nil, nil
	}
	if address != "" {
		named, err := splitServer(address, security)
		if err != nil {
			return nil, err
		}
		now.Host, now.Port, now.Security = named.Host, named.Port, named.Security
	} else if security != "" {
		now.Security = security
	}
	if c.Username != "" {
		now.Username = c.Username
	}
	return &now, nil
}

// staffOf reads a list of addresses; nil is none given, the word none is an empty list.
func staffOf(given []string) (*[]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	if len(given) == 1 && strings.EqualFold(given[0], "none") {
		return &[]string{}, nil
	}
	for _, address := range given {
		if _, ok := message.NormalizeAddress(address); !ok {
			return nil, fmt.Errorf("--staff: %q is not an email address", address)
		}
	}
	return &given, nil
}
