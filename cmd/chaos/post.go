package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
)

// arrived is one email in a mailbox of the mail server.
type arrived struct {
	uid       int64
	messageID string
	replyTo   string
}

// folder is a mailbox's INBOX. The product's own reader is not used: it is what is on trial.
type folder struct {
	uidValidity int64
	emails      []arrived
}

// readInbox lists a mailbox of the mail server.
func readInbox(d demo, user string) (folder, error) {
	c, err := imapclient.DialInsecure(d.IMAP, nil)
	if err != nil {
		return folder{}, err
	}
	defer c.Close()
	if err := c.Login(user, d.IMAPPassword).Wait(); err != nil {
		return folder{}, err
	}
	selected, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return folder{}, err
	}
	f := folder{uidValidity: int64(selected.UIDValidity)}
	if selected.NumMessages == 0 {
		return f, nil
	}
	header := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, Peek: true}
	got, err := c.Fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{header}}).Collect()
	if err != nil {
		return folder{}, err
	}
	for _, m := range got {
		e, err := headerOf(m.FindBodySection(header))
		if err != nil {
			return folder{}, fmt.Errorf("UID %d: %w", m.UID, err)
		}
		e.uid = int64(m.UID)
		f.emails = append(f.emails, e)
	}
	return f, nil
}

func headerOf(raw []byte) (arrived, error) {
	m, err := mail.ReadMessage(bufio.NewReader(io.MultiReader(bytes.NewReader(raw), strings.NewReader("\r\n"))))
	if err != nil {
		return arrived{}, err
	}
	e := arrived{messageID: strings.Trim(m.Header.Get("Message-ID"), "<> ")}
	if to := m.Header.Get("Reply-To"); to != "" {
		a, err := mail.ParseAddress(to)
		if err != nil {
			return arrived{}, err
		}
		e.replyTo = a.Address
	}
	return e, nil
}

// send hands one email to the mail server once.
func send(d demo, from string, to string, raw []byte) error {
	c, err := smtp.Dial(d.SMTP)
	if err != nil {
		return err
	}
	if err := c.SendMail(from, []string{to}, bytes.NewReader(raw)); err != nil {
		return errors.Join(err, c.Close())
	}
	// The email is the server's by now, whatever becomes of the farewell.
	_ = c.Quit()
	return nil
}

// patience bounds how long one email is tried: longer than any restart.
const patience = 3 * time.Minute

// deliver tries until the mail server has said 250, over as many lives as it takes. An attempt that was
// cut off may have left a copy: then the mailbox holds the email twice, as with any sender.
func (p *program) deliver(ctx context.Context, e *planned) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var ack acknowledged
	if e.parent != nil { // nobody answers or repeats what is not sent
		select {
		case <-e.parent.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if e.byToken || e.role == again && e.parent.byToken {
		var err error
		if ack, err = p.acknowledgement(ctx, e); err != nil {
			return err
		}
	}
	to := supportAddress
	if ack.replyTo != "" {
		to = ack.replyTo
	}
	if err := p.retry(ctx, func(d demo) error { return send(d, e.from, to, e.bytes(ack)) }); err != nil {
		return fmt.Errorf("email %s: %w", e.id, err)
	}
	close(e.taken)
	return nil
}

// acknowledgement waits for the letter that answers the opening.
func (p *program) acknowledgement(ctx context.Context, e *planned) (ack acknowledged, err error) {
	err = p.retry(ctx, func(d demo) error {
		f, err := readInbox(d, e.from)
		if err != nil {
			return err
		}
		for _, letter := range f.emails {
			if letter.replyTo != "" {
				ack = acknowledged{messageID: letter.messageID, replyTo: letter.replyTo}
				return nil
			}
		}
		return fmt.Errorf("no acknowledgement of %s has come", e.parent.id)
	})
	return ack, err
}

// retry calls fn with the present life's addresses until it succeeds.
func (p *program) retry(ctx context.Context, fn func(demo) error) error {
	for {
		d, err := p.life()
		if err == nil {
			err = fn(d)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(30 * time.Millisecond):
		}
	}
}
