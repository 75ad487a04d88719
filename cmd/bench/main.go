// Command bench measures the whole road of an email on real servers, beside the least that each part of
// it could cost. docs/benchmarks.md says how to read the table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/worker"
)

// bench is one run of the program.
type bench struct {
	n              int
	runs           int
	rows           int
	old            int
	only           []string
	profile        string
	showStatements bool
	write          string

	set     config.Settings // what ships
	dir     string          // on disk, gone in the end
	dovecot *testimap.Server
	full    login          // a mailbox of n emails
	mail    *embedded.Mail // takes single emails and letters

	whole   float64 // median of the whole road, for the ratio
	results []result
}

const mailPassword = "bench"

// measures are in the order of the table. letters is taken on the desk that ingest leaves.
var measures = []struct {
	name  string
	run   func(*bench, context.Context) error
	asked bool // only with -only
}{
	{"ingest", (*bench).ingest, false},
	{"letters", nil, false},
	{"large", (*bench).large, false},
	{"poll", (*bench).poll, false},
	{"bare", (*bench).bare, false},
	{"accept", (*bench).accept, false},
	{"latency", (*bench).latency, false},
	{"growth", (*bench).growth, true},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = b.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*bench, error) {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "measures, separated by commas: "+strings.Join(names(), ", "))
	flags.IntVar(&b.n, "n", 5000, "emails")
	flags.IntVar(&b.runs, "runs", 3, "runs of ingest, bare and accept; the table has their median and range")
	flags.IntVar(&b.rows, "rows", 1_000_000, "tickets that a desk has in the last step of growth")
	flags.IntVar(&b.old, "old", 100_000, "emails that were in the polled mailbox before the desk")
	flags.StringVar(&b.profile, "profile", "", "write a CPU profile of the first ingest to this file")
	flags.BoolVar(&b.showStatements, "statements", false, "print what the database spent its time on; costs a little")
	flags.StringVar(&b.write, "write", "", "append the results to this file, such as docs/benchmarks.md")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if b.n < 1 || b.runs < 1 || b.old < 1 || flags.NArg() > 0 {
		return nil, errors.New("-n, -runs and -old are at least 1, and there are no further arguments")
	}
	if *only != "" {
		b.only = strings.Split(*only, ",")
	}
	for _, name := range b.only {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("there is no measure %q; there are %s", name, strings.Join(names(), ", "))
		}
		if name == "letters" && !slices.Contains(b.only, "ingest") {
			return nil, errors.New("letters is taken on the desk that ingest leaves: ask for ingest too")
		}
	}
	parser, err := kong.New(&b.set, config.Options(config.Process())...)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(nil)
	return b, err
}

func names() []string {
	var all []string
	for _, m := range measures {
		all = append(all, m.name)
	}
	return all
}

func (b *bench) run(ctx context.Context) (err error) {
	worker.EaseCollector()
	if b.dir, err = os.MkdirTemp("", "postern-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := os.Chmod(b.dir, 0o711); err != nil { // the servers of a root process are other users
		return err
	}
	fmt.Fprintf(os.Stderr, "Loading %d emails into Dovecot ...\n", b.n)
	if err := b.startServers(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.dovecot.Kill(), b.mail.Stop()) }()
	busy := load()
	for _, m := range measures {
		if m.run == nil || m.asked && len(b.only) == 0 || !b.wants(m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "Measuring: %s ...\n", m.name)
		if err := m.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return b.publish(ctx, fmt.Sprintf("load before and after: %s and %s", busy, load()))
}

func (b *bench) wants(name string) bool { return len(b.only) == 0 || slices.Contains(b.only, name) }

// startServers starts the mail servers and fills the measured mailbox.
func (b *bench) startServers(ctx context.Context) (err error) {
	if b.dovecot, err = testimap.Run(ctx, b.dir); err != nil {
		return err
	}
	b.mail, err = embedded.StartMail(ctx, embedded.MailConfig{Dir: b.dir + "/mail-server", SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0",
		Password: mailPassword, Domain: "desk.example"})
	if err != nil {
		return errors.Join(err, b.dovecot.Kill())
	}
	b.full.address = b.dovecot.Addr()
	b.full.user, b.full.password = b.dovecot.NewUser("full")
	if err := b.fill(b.full.user, 0, b.n); err != nil {
		return errors.Join(err, b.dovecot.Kill(), b.mail.Stop())
	}
	return nil
}

// fill loads the emails from one number to before another, in slices: they are never in memory together.
func (b *bench) fill(user string, from, to int) error {
	const slice = 250
	for ; from < to; from += slice {
		var raws [][]byte
		for i := from; i < min(from+slice, to); i++ {
			raws = append(raws, email(i))
		}
		if err := b.dovecot.AppendMany(user, "INBOX", raws, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) report(what, value, remark string) {
	fmt.Fprintf(os.Stderr, "  %s: %s (%s)\n", strings.TrimSpace(what), value, remark)
	b.results = append(b.results, result{what, value, remark})
}
