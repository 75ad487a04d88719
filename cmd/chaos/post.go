package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
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
	tidied    bool // marked as seen, or moved away: the desk says that it is done with it
}

// folder is a mailbox's INBOX. The product's own reader is not used: it is what is on trial.
type folder struct {
	uidValidity int64
	uidNext     int64
	emails      []arrived
}

// doneFolder is where the desk moves emails that have their disposition.
const doneFolder = "Done"

func login(d demo, user string) (*imapclient.Client, error) {
	c, err := imapclient.DialInsecure(d.IMAP, nil)
	if err != nil {
		return nil, err
	}
	if err := c.Login(user, d.IMAPPassword).Wait(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// makeDone makes the folder for them, if it is not there.
func makeDone(d demo) error {
	c, err := login(d, supportAddress)
	if err != nil {
		return err
	}
	defer c.Close()
	var refused *imap.Error
	if err := c.Create(doneFolder, nil).Wait(); err != nil && (!errors.As(err, &refused) || refused.Code != imap.ResponseCodeAlreadyExists) {
		return err
	}
	return nil
}

// waiting is how many emails the support address has ever got, and how many of them nobody is done with.
func waiting(d demo) (got, untidied int, err error) {
	c, err := login(d, supportAddress)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	s, err := c.Status("INBOX", &imap.StatusOptions{UIDNext: true, NumUnseen: true}).Wait()
	if err != nil {
		return 0, 0, err
	}
	return int(s.UIDNext) - 1, int(*s.NumUnseen), nil
}

// readSupport lists what the support address has, in the inbox and in the folder beside it.
func readSupport(d demo) (folder, error) {
	f, err := readInbox(d, supportAddress)
	if err != nil {
		return f, err
	}
	moved, err := readFolder(d, supportAddress, doneFolder)
	var refused *imap.Error
	if errors.As(err, &refused) { // there is none
		return f, nil
	}
	for _, e := range moved.emails {
		e.tidied = true
		f.emails = append(f.emails, e)
	}
	return f, err
}

// readInbox lists the inbox of somebody on the mail server.
func readInbox(d demo, user string) (folder, error) { return readFolder(d, user, "INBOX") }

func readFolder(d demo, user, name string) (folder, error) {
	c, err := login(d, user)
	if err != nil {
		return folder{}, err
	}
	defer c.Close()
	selected, err := c.Select(name, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return folder{}, err
	}
	f := folder{uidValidity: int64(selected.UIDValidity), uidNext: int64(selected.UIDNext)}
	if selected.NumMessages == 0 {
		return f, nil
	}
	header := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, Peek: true}
	got, err := c.Fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{header}}).Collect()
	if err != nil {
		return folder{}, err
	}
	for _, m := range got {
		e, err := headerOf(m.FindBodySection(header))
		if err != nil {
			return folder{}, fmt.Errorf("UID %d: %w", m.UID, err)
		}
		e.uid, e.tidied = int64(m.UID), slices.Contains(m.Flags, imap.FlagSeen)
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
