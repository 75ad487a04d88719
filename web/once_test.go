package web_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func (d *desk) postOnce(path, key string, body any, as ...string) answer {
	d.t.Helper()
	r := request{method: "POST", path: path, body: body, header: map[string]string{"Idempotency-Key": key}}
	if len(as) > 0 {
		r.key = as[0]
	}
	return d.do(r)
}

// TestRepetitionGetsTheFirstAnswer repeats a POST with its key: once after the other, then with another
// body, by another caller, and after a refusal.
func TestRepetitionGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	body := map[string]any{"subject": "s", "body": "b", "email": "a@b.example"}
	first := d.postOnce("/v1/tickets", "k-1", body).want(201)
	before := d.state()
	again := d.postOnce("/v1/tickets", "k-1", body).want(201)
	if !bytes.Equal(first.body, again.body) {
		t.Errorf("the repetition is told %s, the first was told %s", again.body, first.body)
	}
	for _, header := range []string{"Location", "ETag", "Content-Type"} {
		if first.header.Get(header) == "" || first.header.Get(header) != again.header.Get(header) {
			t.Errorf("%s is %q, then %q", header, first.header.Get(header), again.header.Get(header))
		}
	}
	body["subject"] = "another"
	d.postOnce("/v1/tickets", "k-1", body).refused(422, "idempotency_key_reused")
	d.postOnce("/v1/clients", "k-1", map[string]any{"name": "x"}).refused(422, "idempotency_key_reused")
	if after := d.state(); after != before {
		t.Errorf("repetitions changed something: %s, then %s", before, after)
	}
	d.postOnce("/v1/tickets", "k-1", body, d.admin).want(201) // a key is its caller's own

	d.postOnce("/v1/tickets", "k-2", map[string]any{"subject": "s", "body": "b"}).refused(422, "requester_missing")
	d.postOnce("/v1/tickets", "k-2", body).want(201)
	for _, bad := range []string{"a b", "ä", strings.Repeat("x", 256)} {
		d.postOnce("/v1/tickets", bad, body).refused(422, "invalid_idempotency_key")
	}
}

// TestRepetitionAtTheSameTime sends one POST many times at once: one ticket, one answer for all.
func TestRepetitionAtTheSameTime(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	answers := make([]answer, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = d.postOnce("/v1/tickets", "same", map[string]any{"subject": "s", "body": "b", "email": "a@b.example"})
		})
	}
	all.Wait()
	for _, a := range answers {
		if a.status != 201 || !bytes.Equal(a.body, answers[0].body) {
			t.Errorf("%d %s; the first was told %s", a.status, a.body, answers[0].body)
		}
	}
	if n := d.count("select count(*) from tickets"); n != 1 {
		t.Errorf("%d tickets", n)
	}
}

// TestSecretsAreNotKeptForRepetitions looks for a new API key in everything that is stored.
func TestSecretsAreNotKeptForRepetitions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	body := map[string]any{"name": "crm", "role": "staff"}
	key := d.postOnce("/v1/api-keys", "k", body, d.admin).want(201).text("key")
	d.postOnce("/v1/api-keys", "k", body, d.admin).refused(409, "idempotency_key_used")
	for _, table := range []string{"api_keys", "idempotency_keys", "audit_entries", "webhook_events"} {
		if n := d.count(fmt.Sprintf("select count(*) from %s as r where r::text like '%%' || $1 || '%%' or r::text like '%%' || encode($1::bytea, 'hex') || '%%'", table), key); n != 0 {
			t.Errorf("%s holds the key", table)
		}
	}
	if strings.Contains(d.logs.String(), key) || strings.Contains(d.logs.String(), d.admin) {
		t.Error("the log holds a key")
	}
	d.do(request{method: "GET", path: "/v1/me", key: key}).want(200)
}
