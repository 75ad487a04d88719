package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/faultproxy"
)

// splitter runs one desk as several processes beside a database and a mail server that stand alone.
type splitter struct {
	kinds []string // what is done to them
	roles []string // of each process
	after string   // what the desk does to emails on the server: move, or seen

	program     *program
	data        string // data folder
	env         []string
	dir         string // of the database
	postgres    *embedded.Postgres
	database    string // its URL, which outlives its restarts
	mail        *embedded.Mail
	imap, smtp  *faultproxy.Proxy
	members     []*member
	hurt        sync.WaitGroup // one member at a time is down or stopped
	supervisors sync.WaitGroup
	retire      context.CancelFunc
	revived     atomic.Int64
	hits        hits
	pace        pace

	mu    sync.Mutex
	moves map[string][]time.Duration // of the mailbox to another process, by what was done
	fault error                      // of what goes on in the background
}

// member is one process of the desk, over its lives.
type member struct {
	roles string
	life  atomic.Pointer[running]
	busy  sync.Mutex // whoever ends or starts a life
}

const (
	mailPassword = "chaos-password"
	// frozenFor is longer than any lease and any connection's patience.
	frozenFor = 40 * time.Second
)

func (s *splitter) prepare(ctx context.Context, p *program) error {
	s.program, s.dir, s.data, s.moves = p, filepath.Join(p.dir, "postgres"), filepath.Join(p.dir, "data"), map[string][]time.Duration{}
	if err := s.startPostgres(ctx); err != nil {
		return err
	}
	var err error
	if s.mail, err = embedded.StartMail(ctx, embedded.MailConfig{Dir: filepath.Join(p.dir, "mail"), SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0",
		Password: mailPassword, Domain: "desk.example"}); err != nil {
		return err
	}
	if s.imap, err = faultproxy.Run(ctx, s.mail.IMAPAddr()); err != nil {
		return err
	}
	if s.smtp, err = faultproxy.Run(ctx, s.mail.SMTPAddr()); err != nil {
		return err
	}
	listen, err := freePort(ctx)
	if err != nil {
		return err
	}
	d := demo{API: "http://" + listen, SMTP: s.mail.SMTPAddr(), IMAP: s.mail.IMAPAddr(), IMAPPassword: mailPassword}
	if err := makeDone(d); err != nil {
		return err
	}
	s.settle(&d)
	if d.APIKey, err = s.setUp(ctx); err != nil {
		return err
	}
	supervising, retire := context.WithCancel(context.WithoutCancel(ctx))
	s.retire = retire
	for _, roles := range s.roles {
		m := &member{roles: roles}
		s.members = append(s.members, m)
		if err := s.start(ctx, m); err != nil {
			return err
		}
		s.supervisors.Go(func() { s.supervise(supervising, m) })
	}
	p.now.Store(&running{demo: d})
	s.pace.begin(ctx, s, !slices.ContainsFunc(s.kinds, func(kind string) bool { return servers[kind] }))
	return nil
}

// settle leads the processes and the trial to the database and the data folder that there are now.
func (s *splitter) settle(d *demo) {
	s.database, d.DatabaseURL = s.postgres.AppURL, s.postgres.AppURL
	s.env = append(slices.Clone(s.program.env), "POSTERN_DATABASE_URL="+s.postgres.AppURL, "POSTERN_OWNER_DATABASE_URL="+s.postgres.OwnerURL,
		"POSTERN_DATA_DIR="+s.data, "POSTERN_LISTEN="+strings.TrimPrefix(d.API, "http://"), "POSTERN_MAILBOX_PASSWORD="+mailPassword)
}

func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *splitter) startPostgres(ctx context.Context) (err error) {
	s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: s.dir, Log: slog.New(slog.DiscardHandler)})
	return err
}

// setUp makes the desk as an operator does, and returns an API key.
func (s *splitter) setUp(ctx context.Context) (key string, err error) {
	after := []string{"--after=move", "--after-folder", doneFolder}
	if s.after != "" {
		after = []string{"--after", s.after}
	}
	for _, args := range [][]string{
		{"migrate"},
		append([]string{"mailbox", "add", supportAddress, "--imap", s.imap.Addr(), "--imap-security=none", "--smtp", s.smtp.Addr(), "--smtp-security=none",
			"--from=all", "--staff", staffAddress}, after...),
		{"apikey", "create", "--name", "Chaos"},
	} {
		if key, err = s.command(ctx, args...); err != nil {
			return "", err
		}
	}
	return key, nil // what the last one said
}

// command runs the binary to its end and returns what it says.
func (s *splitter) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.program.binary, args...)
	cmd.Env = append(cmd.Environ(), s.env...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("postern %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// start begins a life of a member, and another one where it ends while it starts, as a supervisor does: a process
// that finds no database says so and ends.
func (s *splitter) start(ctx context.Context, m *member) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for ; ctx.Err() == nil; sleep(ctx, 200*time.Millisecond) {
		life, err := s.program.spawn(s.env, "serve", "--roles", m.roles)
		if err != nil {
			return err
		}
		m.life.Store(life)
		for hasEnded := false; !hasEnded && ctx.Err() == nil; {
			if is, err := lives(ctx, s.database, life); err == nil && is {
				return nil
			}
			select {
			case <-life.ended:
				hasEnded = true
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return fmt.Errorf("a process with the roles %s does not start: %w", m.roles, ctx.Err())
}

// supervise starts a member again that has ended unasked, as a supervisor does: one that was frozen in its start, or
// whose database went away meanwhile, says so and ends.
func (s *splitter) supervise(ctx context.Context, m *member) {
	for ; ctx.Err() == nil; sleep(ctx, 100*time.Millisecond) {
		m.busy.Lock()
		select {
		case <-m.life.Load().ended:
			s.revived.Add(1)
			if err := s.start(ctx, m); err != nil && ctx.Err() == nil {
				s.tell(err)
			}
		default:
		}
		m.busy.Unlock()
	}
}

// stop ends the processes, then what they were connected to.
func (s *splitter) stop() error {
	s.hurt.Wait()
	s.pace.end()
	if s.retire != nil {
		s.retire()
		s.supervisors.Wait()
	}
	var failures []error
	for _, m := range s.members {
		if life := m.life.Load(); life != nil {
			failures = append(failures, life.stop())
		}
	}
	for _, p := range []*faultproxy.Proxy{s.imap, s.smtp} {
		if p != nil {
			p.Stop()
		}
	}
	if s.mail != nil {
		failures = append(failures, s.mail.Stop())
	}
	if s.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		failures = append(failures, s.postgres.Stop(ctx))
	}
	return errors.Join(append(failures, s.told())...)
}

// tell keeps what went wrong in the background for whoever waits for the trial.
func (s *splitter) tell(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = errors.Join(s.fault, err)
}

func (s *splitter) told() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// report tells how long the mailbox was nobody's.
func (s *splitter) report(out io.Writer) {
	for _, kind := range slices.Sorted(maps.Keys(s.moves)) {
		all := s.moves[kind]
		slices.Sort(all)
		fmt.Fprintf(out, "the mailbox went to another process after %s: %d times, p50 %.1f s, most %.1f s\n", kind, len(all),
			all[len(all)/2].Seconds(), all[len(all)-1].Seconds())
	}
	if len(s.moves) == 0 {
		fmt.Fprintln(out, "the mailbox's process was never hit")
	}
	if n := s.revived.Load(); n > 0 {
		fmt.Fprintf(out, "processes that ended by themselves and were started again: %d\n", n)
	}
	s.hits.report(out)
	s.pace.report(out)
}

// pidOf is the process id in a process's name: host, pid, random.
func pidOf(process string) string {
	parts := strings.Split(process, "-")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}

// holds reports whether a process's name is of this life.
func (r *running) holds(process string) bool { return pidOf(process) == fmt.Sprint(r.process.Pid) }
