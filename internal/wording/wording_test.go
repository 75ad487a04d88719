package wording

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

var sam = event.Actor{Kind: "user", ID: "sam", Name: "Sam", Realm: event.Staff}

// scene is two processes on one database.
func scene(t *testing.T) (one, other *Service) {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(t.Context(), test.AppURL, db.Options{AppConns: 4, ClientConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return New(d, nil, nil), New(d, nil, nil)
}

func put(t *testing.T, s *Service, language, text string) Template {
	t.Helper()
	made, err := s.Put(t.Context(), sam, Template{Name: "acknowledgement", Language: language, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// said is what the letter in that language says under its first line; empty where our own words are in force.
func said(t *testing.T, s *Service, l words.Language) string {
	t.Helper()
	var own *letter.Template
	err := s.db.View(context.Background(), sam, func(v *db.View) (err error) {
		own, err = s.For(v, "acknowledgement", uuid.New(), l)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if own == nil {
		return ""
	}
	look := letter.Look{Language: l, Template: own}
	r, err := letter.RenderAcknowledgement(letter.Acknowledgement{Look: look, ContactName: "Ann"})
	if err != nil || r.Failed != nil {
		t.Fatal(err, r.Failed)
	}
	return r.Text[len(look.ReplyLine())+2:]
}

func TestTemplateOfTheLanguageComesFirst(t *testing.T) {
	t.Parallel()
	s, other := scene(t)
	if got := said(t, s, words.German); got != "" {
		t.Fatalf("before any: %q", got)
	}
	put(t, s, "", "Hi {{name}}")
	put(t, s, "de", "Hallo {{name}}")
	if de, fr := said(t, s, words.German), said(t, s, words.French); de != "Hallo Ann" || fr != "Hi Ann" {
		t.Errorf("German %q, French %q", de, fr)
	}
	if again := put(t, s, "de", "Servus {{name}}"); again.Version != 2 || said(t, s, words.German) != "Servus Ann" {
		t.Errorf("changed: version %d, %q", again.Version, said(t, s, words.German))
	}
	if err := s.Delete(t.Context(), sam, Template{Name: "acknowledgement", Language: "de"}); err != nil || said(t, s, words.German) != "Hi Ann" {
		t.Errorf("removed: %v, %q", err, said(t, s, words.German))
	}
	if err := s.Delete(t.Context(), sam, Template{Name: "acknowledgement", Language: "de"}); !fault.Is(err, "letter_template_not_found") {
		t.Errorf("removed twice: %v", err)
	}
	if said(t, other, words.German) != "Hi Ann" {
		t.Error("another process does not know the template")
	}
	put(t, s, "", "Hey {{name}}")
	old := *other.known.Load()
	old.readAt = old.readAt.Add(-2 * stale)
	other.known.Store(&old)
	if got := said(t, other, words.German); got != "Hey Ann" {
		t.Errorf("another process says %q after a while", got)
	}
	if all, err := s.List(t.Context(), sam); err != nil || len(all) != 1 || all[0].Text != "Hey {{name}}" || time.Since(all[0].UpdatedAt) > time.Hour {
		t.Errorf("listed %+v %v", all, err)
	}
}

func TestTemplateIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := scene(t)
	for code, c := range map[string]Template{
		"letter_template_not_found": {Name: "farewell", Text: "x"},
		"invalid_language":          {Name: "answer", Text: "x", Language: "tlh"},
		"invalid_template":          {Name: "answer", Text: "{{range body}}{{end}}"},
		"mailbox_not_found":         {Name: "answer", Text: "x", MailboxID: uuid.NullUUID{UUID: uuid.New(), Valid: true}},
	} {
		if _, err := s.Put(t.Context(), sam, c); !fault.Is(err, code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// Tried: a transaction whose queued write waits for a row looks for a template, and so does the one that holds the row:
// neither waits for the other in this process, where the database would not see it.
func TestLetterWaitsForNoOtherOnesTransaction(t *testing.T) {
	t.Parallel()
	s, _ := scene(t)
	made := put(t, s, "", "Hi {{name}}")
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	const sqlHold = `update letter_templates set updated_at = now() where id = $1`
	find := func(tx *db.Tx) error {
		_, err := s.For(tx, "acknowledgement", uuid.New(), words.German)
		return err
	}
	waiter := make(chan error, 1)
	err := s.db.Bookkeep(ctx, "test", func(tx *db.Tx) error {
		if _, err := tx.Exec(sqlHold, made.ID); err != nil {
			return err
		}
		go func() {
			waiter <- s.db.Bookkeep(ctx, "test", func(tx *db.Tx) error {
				tx.Queue(sqlHold, made.ID)
				return find(tx)
			})
		}()
		for waiting := false; !waiting; time.Sleep(10 * time.Millisecond) {
			err := s.db.View(ctx, sam, func(v *db.View) error { // a transaction sees who waits as of its beginning
				return v.QueryRow(`select exists (select from pg_stat_activity
					where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waiting)
			})
			if err != nil {
				return fmt.Errorf("nobody came to wait: %w", err)
			}
		}
		return find(tx)
	})
	if err != nil {
		t.Fatalf("who holds the row: %v", err)
	}
	if err := <-waiter; err != nil {
		t.Errorf("who waits for it: %v", err)
	}
}
