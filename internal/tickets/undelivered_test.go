package tickets

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// Tried: letters of every kind and state; an answer of two letters; a later answer that is on its way, and
// one that failed too; the failed answer of a ticket that was merged, into one with
// an older or a newer answer, and merged again.
func TestUndeliveredAnswersShowInLists(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settle := func(id uuid.UUID, kind, state string, unknowns int) {
		s.test.Fixture(t, `update letters set state = $3, unknowns = $4 where ticket_id = $1 and kind = $2 and state = 'queued'`, id, kind, state, unknowns)
	}
	undelivered := func(id uuid.UUID, want int) {
		t.Helper()
		counts, err := s.Undelivered(soon(t), sam, []uuid.UUID{id, uuid.New()})
		if err != nil || counts[id] != want || len(counts) != min(want, 1) {
			t.Errorf("%v undelivered, want %d: %v", counts, want, err)
		}
		if listed := slices.Contains(s.pages(sam, Filter{Undelivered: true}, Newest, 50, nil), id); listed != (want > 0) {
			t.Errorf("%d undelivered, listed: %v", want, listed)
		}
	}
	for _, c := range []struct {
		state    string
		unknowns int
		want     int
	}{{"queued", 0, 0}, {"sending", 0, 0}, {"sent", 0, 0}, {"failed", 0, 2}, {"unknown", 1, 0}, {"unknown", 2, 2}} {
		o := s.open(func(o *Opening) { o.Acknowledge, o.Cc = true, []Person{bob} })
		settle(o.ID, "acknowledgement", "failed", 0)
		s.post(o.ID, Post{Body: "answer"})
		settle(o.ID, "answer", c.state, c.unknowns)
		t.Log(c)
		undelivered(o.ID, c.want)
	}
	o := s.open()
	s.post(o.ID, Post{Body: "first"})
	settle(o.ID, "answer", "failed", 0)
	undelivered(o.ID, 1)
	s.post(o.ID, Post{Visibility: Internal, Body: "who reads this?"})
	undelivered(o.ID, 1)
	s.post(o.ID, Post{Body: "second", Cc: []Person{bob}})
	undelivered(o.ID, 0)
	settle(o.ID, "answer", "failed", 0)
	undelivered(o.ID, 2)
	into := s.open()
	s.merge(o.ID, into.ID)
	undelivered(into.ID, 2)
	undelivered(o.ID, 0)

	// Of two threads each answer may be the one that did not arrive, whichever is newer; the next one answers both.
	for _, olderFails := range []bool{true, false} {
		a, b := s.open(), s.open()
		s.post(a.ID, Post{Body: "first"})
		if olderFails {
			settle(a.ID, "answer", "failed", 0)
		}
		s.post(b.ID, Post{Body: "second"})
		settle(b.ID, "answer", map[bool]string{true: "sent", false: "failed"}[olderFails], 0)
		s.merge(a.ID, b.ID)
		undelivered(b.ID, 1)
		settle(b.ID, "answer", "failed", 0) // the older one, on its way until now
		undelivered(b.ID, map[bool]int{true: 1, false: 2}[olderFails])
		c := s.open()
		s.post(c.ID, Post{Body: "third"})
		settle(c.ID, "answer", "sent", 0)
		s.merge(c.ID, b.ID)
		undelivered(b.ID, map[bool]int{true: 1, false: 2}[olderFails])
		s.post(b.ID, Post{Body: "once more"})
		undelivered(b.ID, 0)
		d := s.open()
		s.merge(b.ID, d.ID)
		undelivered(d.ID, 0)
	}

	member := event.Actor{Kind: "api_key", ID: "m", Realm: event.Client, ClientID: uuid.New()}
	if counts, err := s.Undelivered(soon(t), member, []uuid.UUID{into.ID}); err != nil || len(counts) != 0 {
		t.Errorf("a client's people are told of %v: %v", counts, err)
	}
	_, err := s.List(soon(t), member, Filter{Undelivered: true}, Page{Sort: Newest, Limit: 1})
	wantFault(t, "their list", err, fault.Forbidden, "forbidden", "undelivered")
	_, err = s.Counts(soon(t), member, Filter{Undelivered: true})
	wantFault(t, "their counts", err, fault.Forbidden, "forbidden", "undelivered")
}

// Tried: a thread of 5,000 messages, each with a file, read with the ticket and by pages of many sizes.
func TestLongThreadsAreReadInParts(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	o := s.open()
	s.test.Fixture(t, `create function pg_temp.id(n bigint) returns uuid language sql immutable as $$ select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
		delete from messages; insert into messages (id, ticket_id, visibility, origin, body) select pg_temp.id(n), (select id from tickets), 'everyone', 'client', n::text from generate_series(1, 5000) n;
		insert into attachments (id, message_id, ticket_id, visibility, name, type, size, sha256) select id, id, ticket_id, 'everyone', body, 'b', 1, '' from messages`)
	f := s.get(o.ID)
	if len(f.Messages) != maxThread || !f.Earlier || f.Messages[0].Body != "4801" || f.Messages[199].Body != "5000" || len(f.Attachments) != maxThread || f.Attachments[0].Name != "4801" {
		t.Fatalf("read with the ticket: %d messages, %d files, earlier ones: %v", len(f.Messages), len(f.Attachments), f.Earlier)
	}
	n, before := 4800, f.Messages[0].ID
	for size := 1; n > 0; size += 50 {
		part, files, err := s.Messages(soon(t), sam, o.ID, before, size)
		if err != nil || len(part) == 0 || len(files) != len(part) {
			t.Fatalf("before message %d: %d messages, %d files: %v", n+1, len(part), len(files), err)
		}
		for _, m := range part {
			if m.Body != fmt.Sprint(n) {
				t.Fatalf("message %s, want %d", m.Body, n)
			}
			n--
		}
		before = part[len(part)-1].ID
	}
	if part, _, err := s.Messages(soon(t), sam, o.ID, before, 1); err != nil || len(part) != 0 {
		t.Errorf("after the first message: %v, %v", part, err)
	}
	if part, _, err := s.Messages(soon(t), sam, o.ID, uuid.Nil, 1); err != nil || len(part) != 1 || part[0].Body != "5000" {
		t.Errorf("from the end: %v, %v", part, err)
	}
	_, _, err := s.Messages(soon(t), sam, uuid.New(), uuid.Nil, 1)
	wantFault(t, "no such ticket", err, fault.NotFound, "ticket_not_found", "")
	short := s.open()
	if f := s.get(short.ID); f.Earlier || len(f.Messages) != 1 {
		t.Errorf("a short thread: %d messages, earlier ones: %v", len(f.Messages), f.Earlier)
	}
}
