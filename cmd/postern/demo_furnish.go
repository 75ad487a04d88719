package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// demoSecrets outlive a restart, so that a second start is the same desk.
type demoSecrets struct {
	APIKey       string `json:"api_key"`
	IMAPPassword string `json:"imap_password"`
	Furnished    bool   `json:"furnished"`

	file string
}

func openDemoSecrets(file string) (*demoSecrets, error) {
	s := &demoSecrets{file: file}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		s.IMAPPassword = rand.Text()
		return s, writeJSON(file, s)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%s: %w; remove the folder to begin anew", file, err)
	}
	return s, nil
}

func demoActor() event.Actor {
	return event.Actor{Kind: "cli", ID: "demo", Name: "Demo", Realm: event.Staff}
}

// furnish makes the mailbox, the key and the sample data where they are missing.
func (c *demoCmd) furnish(ctx context.Context, d *desk, mail *embedded.Mail, s *demoSecrets) error {
	if err := demoMailbox(ctx, d, mail, s.IMAPPassword); err != nil {
		return fmt.Errorf("demo mailbox: %w", err)
	}
	if _, _, err := d.identity.Authenticate(ctx, s.APIKey); err != nil {
		_, key, err := d.identity.Create(ctx, demoActor(), "Demo staff", identity.Admin)
		if err != nil {
			return fmt.Errorf("demo API key: %w", err)
		}
		s.APIKey = key
		if err := writeJSON(s.file, s); err != nil {
			return err
		}
	}
	if c.Empty || s.Furnished {
		return nil
	}
	if err := sampleContacts(ctx, d.contacts); err != nil {
		return fmt.Errorf("sample contacts: %w", err)
	}
	if err := sampleEmails(mail.SMTPAddr(), s.IMAPPassword); err != nil {
		return fmt.Errorf("sample emails: %w", err)
	}
	s.Furnished = true
	return writeJSON(s.file, s)
}

// demoMailbox adds the support address, or follows the mail server to its new ports.
func demoMailbox(ctx context.Context, d *desk, mail *embedded.Mail, password string) error {
	imap, err := serverAt(mail.IMAPAddr())
	if err != nil {
		return err
	}
	smtp, err := serverAt(mail.SMTPAddr())
	if err != nil {
		return err
	}
	imap.Username, smtp.Username = demoSupport, demoSupport
	boxes, err := d.mailboxes.List(ctx, demoActor())
	if err != nil {
		return err
	}
	for _, m := range boxes {
		if m.AddressNorm != demoSupport {
			continue
		}
		if m.IMAP == imap && m.SMTP == smtp {
			return nil
		}
		_, err := d.mailboxes.Update(ctx, demoActor(), m.ID, m.Version, mailboxes.Fields{IMAP: &imap, SMTP: &smtp})
		return err
	}
	name, address, start, staff := "Support", demoSupport, mailboxes.FromAll, []string{demoStaff}
	_, err = d.mailboxes.Create(ctx, demoActor(), mailboxes.Fields{Name: &name, Address: &address, AddressNorm: demoSupport,
		IMAP: &imap, SMTP: &smtp, IMAPPassword: &password, SMTPPassword: &password, Start: &start, StaffAddresses: &staff})
	return err
}

func serverAt(address string) (mailboxes.Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return mailboxes.Server{}, err
	}
	n, err := strconv.Atoi(port)
	return mailboxes.Server{Host: host, Port: n, Security: "none"}, err
}

// sampleContacts are a client with a VIP.
func sampleContacts(ctx context.Context, s *contacts.Service) error {
	name, domains, zone := "Harbour Bakery Ltd", []string{"harbour.example"}, "Europe/London"
	client, err := s.CreateClient(ctx, demoActor(), contacts.ClientFields{Name: &name, Domains: &domains, TimeZone: &zone})
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name, email string
		tags        []string
	}{{"Maya Hart", "maya@harbour.example", []string{contacts.VIP}}, {"Tom Reed", "tom@harbour.example", []string{}}} {
		_, err := s.Create(ctx, demoActor(), contacts.Fields{ClientID: &client.ID, Name: &p.name, Email: &p.email, EmailNorm: p.email, Tags: &p.tags})
		if err != nil {
			return err
		}
	}
	return nil
}
