package outbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
)

// Tried: a letter whose second copy is planned is resent. The job of the second copy sleeps; two jobs would send it
// at once.
func TestResendWaitsForTheSecondCopy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	s.settle(s.claim(l.ID), "unknown", 0, "no answer")
	_, err := s.Resend(soon(t), tester, l.ID)
	if f := fault.As(err); f == nil || f.Code != "letter_on_its_way" || s.jobs(l.ID) != "1" {
		t.Errorf("%v, %s jobs", err, s.jobs(l.ID))
	}
	s.settle(s.claim(l.ID), "unknown", 0, "no answer again")
	_, err = s.Resend(soon(t), tester, l.ID)
	must(t, err)
}

// Tried: every report of an attempt that is no longer the letter's: somebody took its process for dead and found the
// letter in doubt, has begun another attempt, has settled it, or a person resent it.
func TestReportOfAnAttemptThatWasOvertaken(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	meanwhile := map[string]func(id uuid.UUID){
		"in doubt":      func(id uuid.UUID) { s.dies(id) },
		"begun anew":    func(id uuid.UUID) { s.dies(id); s.claim(id) },
		"sent by other": func(id uuid.UUID) { s.dies(id); s.settle(s.claim(id), "accepted", 250, "") },
		"resent": func(id uuid.UUID) {
			s.dies(id)
			s.settle(s.claim(id), "permanent", 550, "no")
			_, err := s.Resend(soon(t), tester, id)
			must(t, err)
		},
	}
	// What ends the letter is true of an attempt that nobody has repeated yet.
	counts := map[string]string{"in doubt accepted": "sent 1 1 250", "in doubt permanent": "failed 1 1 550"}
	for name, happens := range meanwhile {
		for outcome, code := range map[string]int{"accepted": 250, "temporary": 450, "permanent": 550, "unknown": 0} {
			l := s.queue(s.draft())
			a := s.claim(l.ID)
			happens(l.ID)
			before := s.state(l.ID)
			failures := s.failures(l.ID)
			again, err := s.Settle(soon(t), a.Letter, Report{Outcome: outcome, Code: code})
			got := s.state(l.ID)
			if want, ok := counts[name+" "+outcome]; ok {
				if err != nil || again != 0 || !strings.HasPrefix(got, want) {
					t.Errorf("%s, %s: %s, again in %v, %v; want %s", name, outcome, got, again, err, want)
				}
				continue
			}
			if !errors.Is(err, ErrOvertaken) || again != 0 || got != before || s.failures(l.ID) != failures {
				t.Errorf("%s, %s: %s became %s, again in %v: %v", name, outcome, before, got, again, err)
			}
		}
	}
}

// failures are the entries that say so of the letter.
func (s scene) failures(id uuid.UUID) string {
	return s.text(`select count(*)::text from audit_entries where kind = 'letter.failed' and subject_id = $1`, id.String())
}

// Tried: letters in every state, and one that is not there. A look changes nothing, and asks for no claim that
// would find nothing.
func TestLookFindsWhatMayBeClaimed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for fixture, want := range map[string]struct{ waits, ok bool }{
		`state = 'queued'`: {false, true},
		`state = 'queued', next_attempt_at = now() + interval '1 minute'`:                {true, false},
		`state = 'unknown', unknowns = 1`:                                                {false, true},
		`state = 'unknown', unknowns = 1, next_attempt_at = now() + interval '1 minute'`: {true, false},
		`state = 'unknown', unknowns = 2`:                                                {false, false},
		`state = 'sending'`:                                                              {false, true},
		`state = 'sent'`:                                                                 {false, false},
		`state = 'failed'`:                                                               {false, false},
	} {
		l := s.queue(s.draft())
		s.test.Fixture(t, `update letters set `+fixture+` where id = $1`, l.ID)
		got, wait, ok, err := s.Look(soon(t), l.ID)
		if ok != want.ok || (wait > 0) != want.waits || wait > time.Minute || err != nil {
			t.Errorf("%s: %v, wait %v, %v", fixture, ok, wait, err)
		}
		if ok && (got.ID != l.ID || got.MailboxID != s.box.ID || got.size < 100) {
			t.Errorf("%s: %+v", fixture, got)
		}
		if n := s.text(`select attempts::text from letters where id = $1`, l.ID); n != "0" {
			t.Errorf("%s: a look counted as an attempt", fixture)
		}
	}
	if _, wait, ok, err := s.Look(soon(t), uuid.New()); ok || wait != 0 || err != nil {
		t.Errorf("no such letter: %v %v %v", ok, wait, err)
	}
}

// Tried: the connection is cut while the server commits the claim: the letter is marked as being sent and nobody was
// told. The sequence tells how often the mark was set: it is not rolled back.
func TestClaimWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	s.test.Fixture(t, `create sequence marks`)
	s.test.Fixture(t, `grant usage, select on sequence marks to public`)
	s.test.Fixture(t, `create function slow() returns trigger language plpgsql as $$ begin
		if nextval('marks') = 1 then perform pg_sleep(2); end if; return new;
		exception when query_canceled then return new; end $$`) // the driver cancels what it lost
	s.test.Fixture(t, `create constraint trigger slow after update on letters deferrable initially deferred for each row execute function slow()`)
	d, cut := s.through()
	behind := New(d, s.vault, patience)
	done := make(chan Attempt)
	go func() {
		a, _, ok, err := behind.Claim(soon(t), Owed{ID: l.ID})
		if err != nil || !ok {
			t.Errorf("the claim: %v, %v", ok, err)
		}
		done <- a
	}()
	for s.text(`select count(*)::text from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`) != "1" {
		time.Sleep(5 * time.Millisecond)
	}
	cut()
	a := <-done
	if got := s.state(l.ID); a.Letter.Attempts != 1 || len(a.Raw) == 0 || !strings.HasPrefix(got, "sending 1 0") {
		t.Errorf("attempt %d, %s", a.Letter.Attempts, got)
	}
	if n := s.text(`select last_value::text from marks`); n != "1" {
		t.Errorf("it was marked %s times: the first commit was not made", n)
	}
	if _, err := behind.Settle(soon(t), a.Letter, Report{Outcome: "accepted", Code: 250}); err != nil {
		t.Error(err)
	}
}

// through opens the database over connections that can be cut.
func (s scene) through() (d *db.DB, cut func()) {
	s.t.Helper()
	server, err := pgx.ParseConfig(s.test.AppURL)
	must(s.t, err)
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.t.Cleanup(func() { _ = listen.Close() })
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("unix", fmt.Sprintf("%s/.s.PGSQL.%d", server.Host, server.Port))
			must(s.t, err)
			s.t.Cleanup(func() { _ = behind.Close() })
			mu.Lock()
			open = append(open, client) // the server notices nothing: it goes on with its commit
			mu.Unlock()
			go func() { _, _ = io.Copy(behind, client) }()
			go func() {
				_, _ = io.Copy(client, behind)
				_ = client.Close()
			}()
		}
	}()
	d, err = db.Open(soon(s.t), fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", server.User, server.Password, listen.Addr(), server.Database), db.Options{AppConns: 4})
	must(s.t, err)
	s.t.Cleanup(d.Close)
	return d, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
		open = nil
	}
}
