package mailboxes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/mail/dkim"
)

// shown are the keys of a domain, newest first, the one that signs with a star.
func shown(d DKIM) string {
	var out []string
	for _, k := range d.Keys {
		out = append(out, k.Selector+map[bool]string{true: "*"}[k.Signing])
	}
	return strings.Join(out, " ")
}

func (s scene) makeKey(m Mailbox, selector string) DKIM {
	s.t.Helper()
	d, err := s.MakeDKIMKey(soon(s.t), tester, m.ID, selector)
	must(s.t, err)
	return d
}

// Tried: the life of a domain's keys over two mailboxes: the first one, its switching on, the next one, the switch,
// the way back, and off. Each change is one entry; the private halves lie nowhere open.
func TestKeysOfADomain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m, sister, other := s.add("Support@Desk.example"), s.add("sales@desk.example"), s.add("x@other.example")
	sign := func(m Mailbox, on bool, selector, want string) {
		t.Helper()
		d, err := s.Sign(soon(t), tester, m.ID, Signature{On: on, Selector: selector})
		must(t, err)
		if got := shown(d); got != want || d.Domain != "desk.example" {
			t.Errorf("on %v with %q: %s %q, want %q", on, selector, d.Domain, got, want)
		}
	}
	_, err := s.Sign(soon(t), tester, m.ID, Signature{On: true})
	wantFault(t, "on without a key", err, fault.Conflict, "no_dkim_key", "")
	if got := shown(s.makeKey(m, "")); got != "postern-"+time.Now().UTC().Format("20060102") {
		t.Errorf("the first key is %s", got)
	}
	if got := shown(s.makeKey(sister, "one")); !strings.HasPrefix(got, "one postern-") {
		t.Errorf("then %s", got)
	}
	sign(sister, true, "", "one* "+s.text(`select selector from dkim_keys where selector <> 'one'`))
	if got := shown(s.makeKey(m, "two")); got != "two one*" {
		t.Errorf("then %s: the key that signs stays, and only the next one", got)
	}
	_, err = s.MakeDKIMKey(soon(t), tester, m.ID, "one")
	wantFault(t, "a selector that there is", err, fault.Conflict, "selector_taken", "selector")
	_, err = s.MakeDKIMKey(soon(t), tester, m.ID, "One_")
	wantFault(t, "no selector", err, fault.Invalid, "invalid_selector", "selector")
	sign(m, true, "", "two* one")
	sign(m, true, "two", "two* one") // changes nothing
	sign(m, true, "one", "two one*")
	_, err = s.Sign(soon(t), tester, m.ID, Signature{On: true, Selector: "three"})
	wantFault(t, "on with no such key", err, fault.Conflict, "no_dkim_key", "")
	key, err := s.SigningKey(soon(t), "desk.example")
	if err != nil || key == nil || key.Selector != "one" || key.Domain != "desk.example" {
		t.Fatalf("the key is %v, %v", key, err)
	}
	sign(sister, false, "", "two one")
	sign(sister, false, "", "two one")
	if key, err := s.SigningKey(soon(t), "desk.example"); key != nil || err != nil {
		t.Errorf("off, the key is %v, %v", key, err)
	}
	if d, err := s.DKIM(soon(t), tester, other.ID); err != nil || d.Domain != "other.example" || len(d.Keys) != 0 {
		t.Errorf("the other domain has %s, %v", shown(d), err)
	}
	_, err = s.DKIM(soon(t), tester, uuid.New())
	wantFault(t, "no mailbox", err, fault.NotFound, "mailbox_not_found", "")
	entries := s.text(`select string_agg(concat(label, ' ', detail ->> 'dkim', ' ', detail ->> 'selector'), ', ' order by seq) from audit_entries where kind = 'mailbox.updated'`)
	first := "postern-" + time.Now().UTC().Format("20060102")
	want := "Support@Desk.example key_made " + first + ", sales@desk.example key_made one, sales@desk.example signing_on one, Support@Desk.example key_made two, " +
		"Support@Desk.example signing_on two, Support@Desk.example signing_on one, sales@desk.example signing_off one"
	if entries != want {
		t.Errorf("recorded %s\nwant     %s", entries, want)
	}
	private := fmt.Sprintf("%x", key.PKCS8()[200:220])
	for _, table := range []string{"dkim_keys", "mailboxes", "audit_entries", "webhook_events", "river_job"} {
		if got := s.text(`select count(*)::text from `+table+` r where strpos(r::text, $1) > 0`, private); got != "0" {
			t.Errorf("the private half lies in %s", table)
		}
	}
	if found, err := s.Get(soon(t), tester, m.ID); err != nil || found.Version != 5 {
		t.Errorf("the mailbox is at version %d, %v: watchers would not look again", found.Version, err)
	}
}

// Tried: what DNS may say when signing is switched on. It is not switched on unless verifiers would find the key.
func TestSigningWaitsForDNS(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := s.add("support@desk.example")
	key := s.makeKey(m, "one").Keys[0]
	for name, c := range map[string]struct {
		found []string
		err   error
		kind  fault.Kind
		code  string
	}{
		"none":       {nil, nil, fault.Conflict, "dkim_not_published"},
		"another":    {[]string{dkim.Record("AAAA")}, nil, fault.Conflict, "dkim_not_published"},
		"no answer":  {nil, errors.New("i/o timeout"), fault.Unavailable, "dns_unavailable"},
		"two of one": {[]string{dkim.Record(key.Public), "v=spf1 -all"}, nil, fault.Conflict, "dkim_not_published"},
	} {
		_, err := s.Sign(soon(t), tester, m.ID, Signature{On: true, LookUp: func(_ context.Context, asked string) ([]string, error) {
			if asked != "one._domainkey.desk.example" {
				t.Errorf("asked for %s", asked)
			}
			return c.found, c.err
		}})
		wantFault(t, name, err, c.kind, c.code, "")
		if err != nil && !strings.Contains(err.Error(), "one._domainkey.desk.example") {
			t.Errorf("%s: %v does not name the record", name, err)
		}
	}
	if d, _ := s.DKIM(soon(t), tester, m.ID); shown(d) != "one" {
		t.Errorf("switched on: %s", shown(d))
	}
	d, err := s.Sign(soon(t), tester, m.ID, Signature{On: true, LookUp: func(context.Context, string) ([]string, error) { return []string{dkim.Record(key.Public)}, nil }})
	if err != nil || shown(d) != "one*" {
		t.Errorf("published: %s, %v", shown(d), err)
	}
	if _, err := New(s.db, newVault(t, 2)).SigningKey(soon(t), "desk.example"); !errors.Is(err, vault.ErrSealed) || !strings.Contains(err.Error(), "one._domainkey") {
		t.Errorf("with another secret key: %v", err)
	}
	s.test.Fixture(t, `update dkim_keys set secret = $1`, newVault(t, 1).Seal(dkimPurpose, []byte("no key")))
	if _, err := s.SigningKey(soon(t), "desk.example"); err == nil || strings.Contains(err.Error(), "no key") {
		t.Errorf("a damaged key: %v", err)
	}
	literal := s.add("support@[192.0.2.1]")
	_, err = s.MakeDKIMKey(soon(t), tester, literal.ID, "")
	wantFault(t, "an address without a domain", err, fault.Conflict, "no_domain", "")
}

// Tried: two mailboxes of a domain make a key at once, while another one signs. Two stay, of which one signs.
func TestKeysMadeAtOnceAreNotTooMany(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m, sister := s.add("support@desk.example"), s.add("sales@desk.example")
	s.makeKey(m, "first")
	_, err := s.Sign(soon(t), tester, m.ID, Signature{On: true})
	must(t, err)
	made := make(chan error, 1)
	_, err = s.changeDKIM(soon(t), tester, m.ID, func(tx *db.Tx, _ DKIM) (map[string]any, error) {
		if _, err := tx.Exec(sqlDropSpareDKIMKeys, "desk.example"); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(sqlInsertDKIMKey, "desk.example", "second", "x", []byte("x")); err != nil {
			return nil, err
		}
		go func() {
			_, err := s.MakeDKIMKey(soon(t), tester, sister.ID, "third")
			made <- err
		}()
		for waiting := false; !waiting && len(made) == 0; time.Sleep(10 * time.Millisecond) {
			err := s.db.View(soon(t), tester, func(v *db.View) error {
				return v.QueryRow(`select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waiting)
			})
			if err != nil {
				return nil, err
			}
		}
		return map[string]any{}, nil
	})
	must(t, err)
	must(t, <-made)
	d, err := s.DKIM(soon(t), tester, m.ID)
	if must(t, err); shown(d) != "third first*" {
		t.Errorf("the keys are %s", shown(d))
	}
}
