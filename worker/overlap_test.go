package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
)

// scripted is a desk that reads a scripted server, with a worker.
func scripted(t *testing.T, start string, folders ...string) (*desk, *script) {
	d, s := newDeskFrom(t, start), newScript(t, folders...)
	d.update(t, mailboxes.Fields{Folders: &folders})
	d.readThrough(t, s.addr)
	return d, s
}

func mailOf(subject string) email {
	return email{from: "Ann <" + strings.ReplaceAll(subject, " ", ".") + "@client.example>", subject: subject, id: unique(), body: "x"}
}

// uids are the ledger's, in the order in which they were accepted, each with its disposition.
func (d *desk) uids(t *testing.T) []string {
	t.Helper()
	return column[string](t, d, "select uid || ' ' || coalesce(disposition, 'pending') from inbound_emails order by id")
}

func (d *desk) wantUIDs(t *testing.T, cursor int, want ...string) {
	t.Helper()
	if got := d.uids(t); !slices.Equal(got, want) {
		t.Fatalf("the ledger has %v, want %v", got, want)
	}
	if at := one[int](t, d, "select last_uid from mailbox_folders where name = 'INBOX'"); at != cursor {
		t.Errorf("the cursor is at %d, want %d", at, cursor)
	}
}

// Tried: an email that shows after one with a higher UID was read; again with a new one above; two at once;
// beside one that is removed, over a new connection; and one that was removed for good. Each is accepted
// once, and the cursor never goes back.
func TestEmailThatAppearsBelowTheCursorIsRead(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromAll, "INBOX")
	d.work(t)
	now := time.Now()
	s.show("INBOX", now, map[uint32]email{101: mailOf("a"), 103: mailOf("c")})
	d.poll(t)
	d.wantUIDs(t, 103, "101 opened", "103 opened")

	s.show("INBOX", now, map[uint32]email{102: mailOf("b")})
	d.poll(t)
	d.wantUIDs(t, 103, "101 opened", "103 opened", "102 opened")

	s.show("INBOX", now, map[uint32]email{106: mailOf("f"), 104: mailOf("d")})
	d.poll(t)
	s.show("INBOX", now, map[uint32]email{105: mailOf("e"), 107: mailOf("g")})
	d.poll(t)
	want := []string{"101 opened", "103 opened", "102 opened", "104 opened", "106 opened", "105 opened", "107 opened"}
	d.wantUIDs(t, 107, want...)

	s.change("INBOX", func(f *scriptFolder) {
		f.emails = slices.DeleteFunc(f.emails, func(e scriptEmail) bool { return e.uid < 104 })
		f.uidNext = 120
	})
	s.show("INBOX", now, map[uint32]email{110: mailOf("j")})
	d.poll(t)
	s.remove("INBOX", 110)
	s.show("INBOX", now, map[uint32]email{108: mailOf("h")})
	s.hangUp()
	d.poll(t)
	d.wantUIDs(t, 110, append(want, "110 opened", "108 opened")...)

	for range 3 {
		d.poll(t)
	}
	d.wantUIDs(t, 110, append(want, "110 opened", "108 opened")...)
	if log := d.log.String(); strings.Contains(log, "from its beginning") && strings.Count(log, "from its beginning") > 1 {
		t.Errorf("the folder was read again:\n%s", log)
	}
}

// An email that appears below the cursor while the watcher waits needs no poll of the clock.
func TestEmailThatAppearsBelowTheCursorIsNoticed(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromAll, "INBOX")
	d.set.PollInterval = time.Hour
	s.show("INBOX", time.Now(), map[uint32]email{101: mailOf("a"), 103: mailOf("c")})
	watch(t, d.work(t))
	d.wantTickets(t, 20*time.Second, 2)
	waitFor(t, 20*time.Second, "the watcher idles", func() bool { return s.count("IDLE") > 0 })
	time.Sleep(4 * time.Second) // the last repetition of the first notice
	s.show("INBOX", time.Now(), map[uint32]email{102: mailOf("b")})
	d.wantTickets(t, 2*time.Second, 3)
	d.wantUIDs(t, 103, "101 opened", "103 opened", "102 opened")
}

// Tried: two processes that find the same late emails at the same time.
func TestTwoProcessesReadLateEmailsOnce(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromAll, "INBOX")
	d.set.BatchMessages = 1
	d.work(t)
	d.work(t)
	s.show("INBOX", time.Now(), map[uint32]email{100: mailOf("last")})
	d.poll(t)
	late, want := map[uint32]email{}, []string{}
	for uid := uint32(80); uid < 100; uid++ {
		late[uid] = mailOf(fmt.Sprintf("late %d", uid))
		want = append(want, fmt.Sprintf("%d opened", uid))
	}
	s.show("INBOX", time.Now(), late)
	d.exec(t, `insert into river_job (args, kind, queue, max_attempts, state)
		select json_build_object('mailbox_id', $1::text), 'poll_mailbox', 'inbound', 1, 'available' from generate_series(1, 6)`, d.box.ID)
	d.quiet(t)
	got := d.uids(t)
	slices.Sort(got)
	if !slices.Equal(got, append([]string{"100 opened"}, want...)) {
		t.Errorf("the ledger has %v", got)
	}
	if failed := column[string](t, d, "select errors::text from river_job where kind = 'poll_mailbox' and state = 'discarded'"); len(failed) > 0 {
		t.Errorf("polls failed: %v", failed)
	}
}

// The start point holds below the cursor too: what was there when the folder was connected and is older does
// not count, however late it shows.
func TestLateEmailFromBeforeTheStart(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromNow, "INBOX")
	d.work(t)
	s.change("INBOX", func(f *scriptFolder) { f.uidNext = 104 })
	s.show("INBOX", lastYear, map[uint32]email{103: mailOf("c")})
	d.poll(t)
	s.show("INBOX", lastYear, map[uint32]email{101: mailOf("a")})
	s.show("INBOX", time.Now().Add(time.Minute), map[uint32]email{102: mailOf("b")})
	d.poll(t)
	d.wantUIDs(t, 103, "103 before_start", "101 before_start", "102 opened")
	if s.count("UID FETCH BODY") != 1 {
		t.Error("the bytes of what does not count were fetched")
	}
}

// A poll that finds a folder as it was costs one NOOP and nothing else; so does one of a
// folder whose last email was deleted before anybody read it, although its UIDNEXT is beyond the cursor.
func TestIdlePollAsksNothing(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*script){
		"all read":             func(*script) {},
		"the last one deleted": func(s *script) { s.change("INBOX", func(f *scriptFolder) { f.uidNext = 9 }) },
		"empty":                func(s *script) { s.remove("INBOX", 1, 2, 3) },
		"UIDNEXT is not told":  func(s *script) { s.change("INBOX", func(f *scriptFolder) { f.uidNext = 0 }) },
		"empty, UIDNEXT unknown": func(s *script) {
			s.remove("INBOX", 1, 2, 3)
			s.change("INBOX", func(f *scriptFolder) { f.uidNext = 0 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := scripted(t, mailboxes.FromAll, "INBOX")
			d.work(t)
			s.show("INBOX", time.Now(), map[uint32]email{1: mailOf("a"), 2: mailOf("b"), 3: mailOf("c")})
			prepare(s)
			d.poll(t)
			s.count("")
			for range 5 {
				d.poll(t)
			}
			if s.count("NOOP") != 5 || s.count("EXAMINE") != 0 || s.count("UID FETCH") != 0 || s.count("UID FETCH BODY") != 0 || s.count("FETCH") > 0 {
				t.Errorf("5 idle polls asked %v", s.asked)
			}
		})
	}
}

// A server that keeps UIDNEXT to itself: deleting the last email, or all of them, is no restart, new email is
// read once, and nothing is fetched again.
func TestServerWithoutUIDNext(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromAll, "INBOX")
	d.work(t)
	s.change("INBOX", func(f *scriptFolder) { f.uidNext = 0 })
	s.show("INBOX", time.Now(), map[uint32]email{1: mailOf("a"), 2: mailOf("b"), 3: mailOf("c")})
	d.poll(t)
	want := []string{"1 opened", "2 opened", "3 opened"}
	for i, gone := range [][]uint32{{3}, {2}, {1}} {
		s.remove("INBOX", gone...)
		d.poll(t)
		s.hangUp()
		d.poll(t)
		d.wantUIDs(t, 3+i, want...)
		uid := uint32(4 + i)
		s.show("INBOX", time.Now(), map[uint32]email{uid: mailOf(fmt.Sprintf("new %d", i))})
		d.poll(t)
		want = append(want, fmt.Sprintf("%d opened", uid))
		d.wantUIDs(t, int(uid), want...)
	}
	if n := s.count("UID FETCH BODY"); n != 4 {
		t.Errorf("bytes were asked for %d times; want 4", n)
	}
	if n := one[int](t, d, "select generation from mailbox_folders"); n != 0 {
		t.Errorf("the folder was begun anew %d times", n)
	}
}

// A server without UIDNEXT that is restored from a backup gives UIDs out a second time.
func TestServerWithoutUIDNextIsRestored(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromAll, "INBOX")
	d.work(t)
	s.change("INBOX", func(f *scriptFolder) { f.uidNext = 0 })
	s.show("INBOX", time.Now(), map[uint32]email{1: mailOf("a"), 2: mailOf("b")})
	d.poll(t)
	s.remove("INBOX", 2)
	s.show("INBOX", time.Now().Add(time.Hour), map[uint32]email{2: mailOf("another")})
	s.hangUp()
	d.poll(t)
	d.wantUIDs(t, 2, "1 opened", "2 opened", "1 duplicate", "2 opened")
}

// One folder with a long past, and one whose connection ends at each email: the email of the third is read
// after a turn of the first, and the first goes on.
func TestFoldersTakeTurns(t *testing.T) {
	t.Parallel()
	d, s := scripted(t, mailboxes.FromAll, "Past", "Broken", "INBOX")
	d.exec(t, "delete from mailbox_folders where name = 'INBOX'") // so that it is the last one
	d.update(t, mailboxes.Fields{})
	d.set.BatchMessages = 2
	past := map[uint32]email{}
	for uid := range uint32(160) { // three turns
		past[uid+1] = mailOf(fmt.Sprintf("past %d", uid))
	}
	s.show("Past", time.Now(), past)
	s.change("Past", func(f *scriptFolder) { f.slowness = 100 * time.Millisecond })
	s.show("Broken", time.Now(), map[uint32]email{1: mailOf("broken")})
	s.change("Broken", func(f *scriptFolder) { f.broken = true })
	s.show("INBOX", time.Now(), map[uint32]email{1: mailOf("first")})
	d.work(t)
	d.enqueue(t, jobs.PollMailbox{MailboxID: d.box.ID.String()})
	of := "select count(*) from inbound_emails e join mailbox_folders f on f.id = e.folder_id where f.name = $1"
	d.eventually(t, 9*time.Second, "the last folder is read", "select ("+of+") = 1", "INBOX")
	if n := one[int](t, d, of, "Past"); n == 0 || n == len(past) {
		t.Fatalf("%d of %d of the first are read; nothing was tried", n, len(past))
	}
	s.show("INBOX", time.Now(), map[uint32]email{2: mailOf("second")})
	d.eventually(t, 9*time.Second, "it is read again during the back-fill", "select ("+of+") = 2", "INBOX")
	if n := one[int](t, d, of, "Past"); n == len(past) {
		t.Error("the first was read to its end before")
	}
	d.eventually(t, 30*time.Second, "the first is read to its end", "select ("+of+") = 160", "Past")
	d.eventually(t, 5*time.Second, "the broken one says so", "select failing_since is not null from mailbox_folders where name = 'Broken'")
	s.change("Broken", func(f *scriptFolder) { f.broken = false })
	d.eventually(t, 10*time.Second, "the poll is over", "select not exists (select from river_job where kind = 'poll_mailbox' and state in ('available', 'running'))")
	d.enqueue(t, jobs.PollMailbox{MailboxID: d.box.ID.String()})
	d.eventually(t, 10*time.Second, "it is read when it is well again", "select ("+of+") = 1", "Broken")
}
