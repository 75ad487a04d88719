package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/mailboxes"
)

type doctorCmd struct {
	config.Settings
	NoProbe bool `help:"Send no probe emails: then sub-addressing and DKIM cannot be told."`
	JSON    bool `name:"json" help:"One JSON object: ok and checks, each with status, name, seen and remedy."`
}

// The states of a check. A warning works today and may not tomorrow, or could not be told.
const (
	statusOK   = "ok"
	statusWarn = "warn"
	statusFail = "fail"
)

// finding is what one check came to: one line.
type finding struct {
	Status string `json:"status"`
	Name   string `json:"name"`
	Seen   string `json:"seen"`
	Remedy string `json:"remedy,omitempty"`
}

func (f finding) String() string {
	line := fmt.Sprintf("%-5s %s: %s", f.Status, f.Name, f.Seen)
	if f.Remedy != "" {
		line += " -> " + f.Remedy
	}
	return line
}

// doctor collects findings in the order in which things build on each other.
type doctor struct {
	set     config.Settings
	probes  bool
	roots   *x509.CertPool
	store   *store
	secrets []string // never to be shown, whoever quotes them
	tell    func(finding)
	failed  bool
}

func (d *doctor) ok(name, seen string)           { d.note(finding{statusOK, name, seen, ""}) }
func (d *doctor) warn(name, seen, remedy string) { d.note(finding{statusWarn, name, seen, remedy}) }
func (d *doctor) fail(name, seen, remedy string) { d.note(finding{statusFail, name, seen, remedy}) }

func (d *doctor) note(f finding) {
	for _, secret := range d.secrets {
		f.Seen = strings.ReplaceAll(f.Seen, secret, "[secret]")
	}
	f.Seen = oneLine(errors.New(f.Seen))
	d.failed = d.failed || f.Status == statusFail
	d.tell(f)
}

// errUnwell is the exit status of a desk with a failing check.
var errUnwell = errors.New("something is wrong: see the lines that begin with fail")

// Run checks everything; a check that fails does not keep the others from being made, unless they need
// what is missing.
func (c *doctorCmd) Run(ctx context.Context, s streams) error {
	found := []finding{}
	d := &doctor{set: c.Settings, probes: !c.NoProbe, tell: func(f finding) { fmt.Fprintln(s.out, f) }}
	if c.JSON {
		d.tell = func(f finding) { found = append(found, f) }
	}
	for _, secret := range []config.Secret{c.DatabaseURL, c.OwnerDatabaseURL} {
		d.hide(passwordIn(secret.Reveal()))
	}
	d.examine(ctx)
	if c.JSON {
		if err := printReport(s.out, !d.failed, found); err != nil {
			return err
		}
	}
	if d.failed {
		return errUnwell
	}
	return nil
}

func printReport(w io.Writer, ok bool, found []finding) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(struct {
		OK     bool      `json:"ok"`
		Checks []finding `json:"checks"`
	}{ok, found})
}

// hide keeps a text out of every line. Short ones would tear ordinary words apart.
func (d *doctor) hide(secret string) {
	if len(secret) > 3 {
		d.secrets = append(d.secrets, secret)
	}
}

func (d *doctor) examine(ctx context.Context) {
	roots, err := d.set.RootCAs()
	if err != nil {
		d.fail("authorities", err.Error(), "set POSTERN_CA_FILE to a file with certificates (PEM), or to nothing")
	}
	d.roots = roots
	d.checkDataFolder()
	d.checkTemplateFiles()
	d.checkPublicURL(ctx)
	if !d.openDatabase(ctx) {
		return
	}
	defer func() {
		if err := d.store.close(context.WithoutCancel(ctx)); err != nil {
			d.warn("database", err.Error(), "look into the log of the desk's own PostgreSQL")
		}
	}()
	if !d.checkDatabase(ctx) {
		return
	}
	boxes, err := mailboxes.New(d.store.db, nil).List(ctx, cliActor())
	if err != nil {
		d.fail("mailboxes", err.Error(), "bring the schema up to date: postern migrate")
		return
	}
	d.checkProcesses(ctx, boxes)
	d.checkSavedTemplates(ctx)
	d.checkWork(ctx)
	if len(boxes) == 0 {
		d.warn("mailboxes", "there is none", "add the support address: postern mailbox add ADDRESS --imap HOST:PORT --smtp HOST:PORT")
	}
	opened := d.checkKeys(ctx, boxes)
	d.checkMailboxes(ctx, boxes, opened)
}
