package db

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

func TestIdempotencyKeyIsKeptWithItsChange(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	key := Idempotency{ActorID: "ann", Key: "k1", Hash: []byte("asked")}
	change := func(i Idempotency, end error) error {
		return s.Change(WithIdempotency(soon(t), i), tester, func(tx *Tx) error {
			onboard(tx, NewID())
			return end
		})
	}
	broken := errors.New("broken")
	if err := change(key, broken); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, ok, err := s.AnswerTo(soon(t), "ann", "k1"); ok || err != nil {
		t.Errorf("a failed request kept its key: %v", err)
	}
	must(t, change(key, nil))
	if a, ok, err := s.AnswerTo(soon(t), "ann", "k1"); !ok || err != nil || a.Status != 0 || string(a.Hash) != "asked" {
		t.Errorf("before the answer: %+v %v %v", a, ok, err)
	}
	must(t, s.KeepAnswer(soon(t), key, 201, []byte("made")))
	if a, ok, err := s.AnswerTo(soon(t), "ann", "k1"); !ok || err != nil || a.Status != 201 || string(a.Body) != "made" {
		t.Errorf("the answer: %+v %v %v", a, ok, err)
	}
	for _, other := range []struct{ actor, key string }{{"bob", "k1"}, {"ann", "k2"}} {
		if _, ok, err := s.AnswerTo(soon(t), other.actor, other.key); ok || err != nil {
			t.Errorf("%v has ann's answer: %v", other, err)
		}
	}
	before := s.left()
	err := change(key, nil)
	if f := fault.As(err); f == nil || f.Kind != fault.Conflict || f.Code != "idempotency_key_used" {
		t.Errorf("the repetition: %v", err)
	}
	if got := s.left(); got != before {
		t.Errorf("the repetition changed %s to %s", before, got)
	}
	must(t, change(Idempotency{ActorID: "bob", Key: "k1", Hash: []byte("asked")}, nil))
}

// Tried: the same request eight times at once.
func TestIdempotencyUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{AppConns: 8})
	var done, refused atomic.Int32
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			ctx := WithIdempotency(soon(t), Idempotency{ActorID: "ann", Key: "k", Hash: []byte("h")})
			err := s.Change(ctx, tester, func(tx *Tx) error { onboard(tx, NewID()); return nil })
			switch {
			case err == nil:
				done.Add(1)
			case fault.Is(err, "idempotency_key_used"):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if done.Load() != 1 || refused.Load() != 7 || s.left() != "1 2 1 1 1" {
		t.Errorf("%d carried out, %d refused, left %s", done.Load(), refused.Load(), s.left())
	}
}

func TestOldKeysAreForgotten(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	for _, key := range []string{"old", "young"} {
		ctx := WithIdempotency(soon(t), Idempotency{ActorID: "ann", Key: key, Hash: []byte("h")})
		must(t, s.Change(ctx, tester, func(tx *Tx) error {
			tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "x"})
			return nil
		}))
	}
	s.test.Fixture(t, `update idempotency_keys set created_at = now() - interval '49 hours' where key = 'old'`)
	if n, err := s.ForgetKeys(soon(t), 48*time.Hour, 100); n != 1 || err != nil {
		t.Errorf("%d keys went: %v", n, err)
	}
	if got := s.text(`select string_agg(key, ' ') from idempotency_keys`); got != "young" {
		t.Errorf("kept %s", got)
	}
}
