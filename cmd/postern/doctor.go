package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

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
		d.fail("authorities", err.Error(), "correct POSTERN_CA_FILE")
	}
	d.roots = roots
	d.checkDataFolder()
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
	if len(boxes) == 0 {
		d.warn("mailboxes", "there is none", "add the support address: postern mailbox add ADDRESS --imap HOST:PORT --smtp HOST:PORT")
	}
	service := d.checkKeys(ctx, boxes)
	if service == nil {
		return
	}
	d.checkMailboxes(ctx, service, boxes)
}

// openDatabase finds the database without changing anything in it; the desk's own is started where no desk runs.
func (d *doctor) openDatabase(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	d.store = &store{joins: true, appURL: d.set.DatabaseURL.Reveal(), ownerURL: d.set.OwnerDatabaseURL.Reveal()}
	if d.store.appURL == "" {
		dir, err := filepath.Abs(filepath.Join(d.set.DataDir, "postgres"))
		// A cluster that is made here, perhaps by another user than the desk's, would be in the desk's way.
		if _, absent := os.Stat(dir); errors.Is(absent, os.ErrNotExist) {
			d.warn("database", "the desk's own is not there yet", "make it: postern migrate; or set POSTERN_DATABASE_URL")
			return false
		}
		if err == nil {
			d.store.ownerURL, err = d.store.ownPostgres(ctx, dir, d.set.PGBin, slog.New(slog.DiscardHandler))
		}
		if err != nil {
			d.fail("database", err.Error(), "install PostgreSQL 15 or newer, or set POSTERN_DATABASE_URL")
			return false
		}
		d.hide(passwordIn(d.store.appURL))
		d.hide(passwordIn(d.store.ownerURL))
	}
	if err := d.store.connect(ctx, 4); err != nil {
		d.fail("database", err.Error(), "start PostgreSQL, or correct POSTERN_DATABASE_URL; `postern migrate` makes the role and its password")
		if err := d.store.close(context.WithoutCancel(ctx)); err != nil {
			d.fail("database", err.Error(), "look into PostgreSQL's log")
		}
		return false
	}
	return true
}

// leastSpace is what a busy day needs; below it the database may stop in the middle of a write.
const leastSpace = 1 << 30

// checkDataFolder looks at the folder as the process would use it.
func (d *doctor) checkDataFolder() {
	const name = "data folder"
	dir := d.set.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.warn(name, dir+" is not there yet", "the first start makes it; set POSTERN_DATA_DIR if it should lie elsewhere")
		return
	case err != nil || !info.IsDir():
		d.fail(name, dir+" is no folder that can be entered", "set POSTERN_DATA_DIR to a folder of the desk's own")
		return
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		d.fail(name, err.Error(), "give the folder to the user that the desk runs as")
		return
	}
	probe.Close()
	os.Remove(probe.Name())
	if info.Mode().Perm()&0o002 != 0 {
		d.fail(name, fmt.Sprintf("%s may be written by everybody (%s)", dir, info.Mode().Perm()), "chmod o-w "+dir)
		return
	}
	free, err := freeSpace(dir)
	if err != nil || free < leastSpace {
		d.warn(name, fmt.Sprintf("%s has %s free", dir, config.Bytes(free>>20<<20)), "make room: at least 1GiB should be free")
		return
	}
	d.ok(name, fmt.Sprintf("%s, %d GiB free", dir, free>>30))
}

// mostDrift is how far clocks may be apart: deadlines and signatures are judged by them.
const mostDrift = 2 * time.Second

// checkClock compares with a clock that was read between two readings of ours.
func (d *doctor) checkClock(name string, theirs, before, after time.Time) {
	drift := time.Duration(0)
	if theirs.Before(before) {
		drift = theirs.Sub(before)
	} else if theirs.After(after) {
		drift = theirs.Sub(after)
	}
	if drift.Abs() > mostDrift {
		d.warn(name, fmt.Sprintf("it is %s off ours", drift.Round(100*time.Millisecond)), "let both machines take their time from NTP")
		return
	}
	d.ok(name, "agrees with ours")
}
