package outbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/fault"
)

func TestResendObeysTheState(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for state, want := range map[State]string{Queued: "letter_on_its_way", Sending: "letter_on_its_way", Sent: "", Failed: "", Unknown: "", "gone": "letter_bytes_gone"} {
		l := s.queue(s.draft())
		if state == "gone" {
			s.test.Fixture(t, `delete from letter_bytes where letter_id = $1`, l.ID)
			state = Sent
		}
		s.test.Fixture(t, `update letters set state = $2, attempts = 3, unknowns = 2, give_up_at = now() - interval '1 hour' where id = $1`, l.ID, string(state))
		s.test.Fixture(t, `update river_job set state = 'completed', finalized_at = now()`)
		again, err := s.Resend(soon(t), tester, l.ID)
		if want != "" {
			if f := fault.As(err); f == nil || f.Kind != fault.Conflict || f.Code != want || s.jobs(l.ID) != "0" {
				t.Errorf("%s: %v, %s jobs", state, err, s.jobs(l.ID))
			}
			continue
		}
		must(t, err)
		if again.State != Queued || again.Unknowns != 0 || time.Until(again.GiveUpAt) < patience-time.Minute || s.jobs(l.ID) != "1" || !strings.HasPrefix(s.state(l.ID), "queued 3 0") {
			t.Errorf("%s: %+v, %s, %s jobs", state, again, s.state(l.ID), s.jobs(l.ID))
		}
		if got := s.text(`select string_agg(kind || ' ' || label, ', ') from audit_entries where subject_id = $1`, l.ID.String()); got != "letter.resent answer" {
			t.Errorf("%s: recorded %s", state, got)
		}
	}
	_, err := s.Resend(soon(t), tester, uuid.New())
	if f := fault.As(err); f == nil || f.Kind != fault.NotFound {
		t.Errorf("no such letter: %v", err)
	}
}

// Tried: due letters with and without a job, letters of every other state and time.
func TestSweepFindsLostLettersAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	names := map[string]string{}
	for name, c := range map[string]struct{ letter, job string }{
		"lost":            {`state = 'queued'`, `delete`},
		"lost in sending": {`state = 'sending'`, `delete`},
		"lost unknown":    {`state = 'unknown', unknowns = 1`, `delete`},
		"job given up":    {`state = 'queued'`, `discarded`},
		"job cancelled":   {`state = 'queued'`, `cancelled`},
		"job completed":   {`state = 'queued'`, `completed`},
		"waiting":         {`state = 'queued'`, `available`},
		"running":         {`state = 'sending'`, `running`},
		"snoozed":         {`state = 'queued'`, `scheduled`},
		"to be retried":   {`state = 'queued'`, `retryable`},
		"not due":         {`state = 'queued', next_attempt_at = now() + interval '1 minute'`, `delete`},
		"just due":        {`state = 'queued', next_attempt_at = now() - interval '30 seconds'`, `delete`},
		"unknown twice":   {`state = 'unknown', unknowns = 2`, `delete`},
		"sent":            {`state = 'sent'`, `delete`},
		"failed":          {`state = 'failed'`, `delete`},
	} {
		l := s.queue(s.draft())
		names[l.ID.String()] = name
		s.test.Fixture(t, `update letters set next_attempt_at = now() - interval '2 minutes' where id = $1`, l.ID)
		s.test.Fixture(t, `update letters set `+c.letter+` where id = $1`, l.ID)
		sql := `update river_job set attempted_at = now(), state = '` + c.job + `', finalized_at = case when '` + c.job + `' in ('discarded', 'cancelled', 'completed') then now() end where args ->> 'letter_id' = $1`
		if c.job == "delete" {
			sql = `delete from river_job where args ->> 'letter_id' = $1`
		}
		s.test.Fixture(t, sql, l.ID.String())
	}
	before := s.text(`select count(*)::text from river_job`)
	n, err := s.Sweep(soon(t))
	must(t, err)
	var found []string
	for _, id := range strings.Fields(s.text(`select string_agg(args ->> 'letter_id', ' ') from (select * from river_job order by id offset $1::text::integer) j`, before)) {
		found = append(found, names[id])
	}
	slices.Sort(found)
	want := []string{"job cancelled", "job completed", "job given up", "lost", "lost in sending", "lost unknown"}
	if n != len(want) || !slices.Equal(found, want) {
		t.Errorf("%d were queued again: %v", n, found)
	}
	if n, err := s.Sweep(soon(t)); n != 0 || err != nil {
		t.Errorf("a second sweep found %d: %v", n, err)
	}
}

// Tried: letters of every state and age. Bytes are kept for seven days after a server took them, not
// after they were written.
func TestPurgeDropsBytesOfFinishedLetters(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	keep, names := map[uuid.UUID]bool{}, map[uuid.UUID]string{}
	for name, c := range map[string]struct {
		letter string
		keep   bool
	}{
		"sent long ago":           {`state = 'sent', sent_at = now() - interval '8 days', next_attempt_at = now() - interval '8 days'`, false},
		"sent lately after days":  {`state = 'sent', sent_at = now() - interval '4 days'`, true},
		"failed long ago":         {`state = 'failed', next_attempt_at = now() - interval '8 days'`, false},
		"failed lately":           {`state = 'failed', next_attempt_at = now() - interval '4 days'`, true},
		"unknown for long":        {`state = 'unknown', unknowns = 2, next_attempt_at = now() - interval '8 days'`, false},
		"queued":                  {`state = 'queued'`, true},
		"sending":                 {`state = 'sending'`, true},
		"queued to be sent again": {`state = 'queued', sent_at = now() - interval '8 days'`, true},
	} {
		l := s.queue(s.draft())
		s.test.Fixture(t, `update letters set `+c.letter+` where id = $1`, l.ID)
		keep[l.ID], names[l.ID] = c.keep, name
	}
	s.test.Fixture(t, `update letter_bytes set created_at = now() - interval '9 days'`)
	for _, want := range []int64{2, 1, 0} { // at most two at once
		if rows, err := s.Purge(soon(t), 7, 2); err != nil || rows != want {
			t.Errorf("%d rows went, want %d: %v", rows, want, err)
		}
	}
	for id, name := range names {
		if got := s.text(`select count(*)::text from letter_bytes where letter_id = $1`, id); (got == "1") != keep[id] {
			t.Errorf("%s: %s copies of its bytes", name, got)
		}
	}
	if got := s.text(`select count(*)::text from letters`); got != "8" {
		t.Errorf("%s letters are left", got)
	}
}
