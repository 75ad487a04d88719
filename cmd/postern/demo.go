package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/postern-desk/postern/internal/config"
)

type demoCmd struct {
	config.Settings `set:"data_dir=./demo-data"`
	SMTP            string `name:"smtp" default:"127.0.0.1:2525" help:"Where the demo's mail server takes email. Port 0 takes a free one. [default 127.0.0.1:2525]"`
	IMAP            string `name:"imap" default:"127.0.0.1:1143" help:"Where its mailboxes are read. Port 0 takes a free one. [default 127.0.0.1:1143]"`
	Empty           bool   `name:"empty" help:"Without sample data."`
}

// The addresses of the demo.
const (
	demoDomain  = "desk.example"
	demoSupport = "support@" + demoDomain
	demoStaff   = "staff@" + demoDomain
)

// demoFile is demo.json: what tests and people script against.
type demoFile struct {
	API            string `json:"api"`
	APIKey         string `json:"api_key"`
	SMTP           string `json:"smtp"`
	IMAP           string `json:"imap"`
	SupportAddress string `json:"support_address"`
	StaffAddress   string `json:"staff_address"`
	IMAPUser       string `json:"imap_user"`
	IMAPPassword   string `json:"imap_password"`
	DatabaseURL    string `json:"database_url"`
	DNSServer      string `json:"dns_server"`
}

// Run starts a mail server and the desk, and tells what to try.
func (c *demoCmd) Run(ctx context.Context, s streams) (err error) {
	c.Roles = config.Roles{config.RoleWeb, config.RoleWorker, config.RoleWatch}
	open := false
	defer func() {
		if !open && err != nil && ctx.Err() != nil { // what was interrupted is not what went wrong
			fmt.Fprintln(s.errs, "Stopped before the desk was open.")
			err = nil
		}
	}()
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	release, err := lockDemo(c.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	file := filepath.Join(c.DataDir, "demo.json")
	// It appears once everything answers, so it must not be there before.
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	log := c.logger(s)
	fmt.Fprintln(s.errs, "Starting PostgreSQL, a mail server and the desk in", c.DataDir, "...")
	secrets, err := openDemoSecrets(filepath.Join(c.DataDir, "demo-secrets.json"))
	if err != nil {
		return err
	}
	listen, err := listenFor(c.Service)
	if err != nil {
		return portProblem("--listen", c.Listen, err)
	}
	post, err := c.startPost(ctx, secrets.IMAPPassword, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, post.stop()) }()
	if err := post.tell(c); err != nil {
		return err
	}
	front := startWebServer(listen, c.Settings, log)
	d, err := assemble(ctx, c.Settings, front, log)
	if err != nil {
		return errors.Join(err, front.stop())
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := c.openDoors(ctx, d, post, secrets); err != nil {
		return err
	}
	f := demoFile{API: "http://" + listen.Addr().String(), APIKey: secrets.APIKey, SMTP: post.mail.SMTPAddr(), IMAP: post.mail.IMAPAddr(),
		SupportAddress: demoSupport, StaffAddress: demoStaff, IMAPUser: demoSupport, IMAPPassword: secrets.IMAPPassword,
		DatabaseURL: d.store.appURL, DNSServer: post.dns.Addr()}
	if err := writeJSON(file, f); err != nil {
		return err
	}
	open = true
	f.print(s.out, file)
	return d.wait(ctx)
}

func (c *demoCmd) openDoors(ctx context.Context, d *desk, post *demoPost, secrets *demoSecrets) error {
	if err := c.furnish(ctx, d, post.mail, secrets); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	return d.web.answers(ctx)
}

// logger keeps the demo's screen for what there is to try, unless more is asked for.
func (c *demoCmd) logger(s streams) *slog.Logger {
	set := c.Service
	set.LogLevel = max(set.LogLevel, slog.LevelWarn)
	if c.LogLevel < slog.LevelInfo {
		set.LogLevel = c.LogLevel
	}
	return logger(set, s.errs)
}

// print is the screen: where everything is, and what to try.
func (f demoFile) print(out io.Writer, file string) {
	fmt.Fprintf(out, `
The desk is open.

  Support form   %[1]s/support
  API            %[1]s/v1      described at %[1]s/docs
  API key        %[2]s
  Support email  %[3]s
  SMTP           %[4]s      IMAP  %[5]s  (any address, password %[6]s)
  DNS            %[8]s      (the key that signs what is handed in with a password)
  All of this    %[7]s

Try:
  printf 'From: Ann <ann@client.example>\nTo: %[3]s\nSubject: Printer on fire\n\nPlease help.\n' |
    curl -sS --crlf smtp://%[4]s --mail-from ann@client.example --mail-rcpt %[3]s -T -
  The same with  -u 'ann@client.example:%[6]s'  is signed with DKIM for client.example.
  curl -sS -H 'Authorization: Bearer %[2]s' '%[1]s/v1/tickets?limit=5'
  curl -sS -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' \
    -d '{"visibility":"everyone","body":"Have you tried water?"}' %[1]s/v1/tickets/ID/messages
  curl -sS -u 'ann@client.example:%[6]s' 'imap://%[5]s/INBOX;MAILINDEX=*'

Ctrl-C stops everything; the next start finds its data again.
`, f.API, f.APIKey, f.SupportAddress, f.SMTP, f.IMAP, f.IMAPPassword, file, f.DNSServer)
}

// writeJSON replaces the file in one step: a reader never sees half of it.
func writeJSON(file string, value any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // an & in a URL is for people too
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return err
	}
	half := file + ".new"
	if err := os.WriteFile(half, text.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(half, file)
}
