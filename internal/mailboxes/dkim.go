package mailboxes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/mail/dkim"
)

// DKIM is how the letters of a domain are signed. All mailboxes of a domain share its keys.
type DKIM struct {
	Domain string
	Keys   []DKIMKey // at most two, newest first: the one that signs, and the next or the last one
}

// DKIMKey is the public half of a key.
type DKIMKey struct {
	Selector  string    `db:"selector"`
	Public    string    `db:"public"` // base64, as in the p= of the record
	Signing   bool      `db:"signing"`
	CreatedAt time.Time `db:"created_at"`
}

// Signing is the key that letters are signed with; ok is false where they are not.
func (d DKIM) Signing() (k DKIMKey, ok bool) {
	return d.find(func(k DKIMKey) bool { return k.Signing })
}

func (d DKIM) find(which func(DKIMKey) bool) (k DKIMKey, ok bool) {
	i := slices.IndexFunc(d.Keys, which)
	if i < 0 {
		return DKIMKey{}, false
	}
	return d.Keys[i], true
}

// SigningDomain is the domain that the mailbox's letters are from, as in DNS.
func (m Mailbox) SigningDomain() string { return DomainOf(m.AddressNorm) }

const dkimPurpose = "dkim key"

// DKIM reads how the letters of a mailbox are signed.
func (s *Service) DKIM(ctx context.Context, by event.Actor, id uuid.UUID) (DKIM, error) {
	var out DKIM
	err := s.db.View(ctx, by, func(v *db.View) error {
		m, ok, err := db.One[Mailbox](v, sqlGet, id)
		if err == nil && !ok {
			err = notFound(id)
		}
		if err == nil {
			out, err = signingOf(v, m)
		}
		return err
	})
	return out, err
}

func signingOf(r db.Reader, m Mailbox) (DKIM, error) {
	keys, err := db.All[DKIMKey](r, sqlDKIMKeys, m.SigningDomain())
	return DKIM{Domain: m.SigningDomain(), Keys: keys}, err
}

// MakeDKIMKey makes a key for the mailbox's domain, under the selector or, where that is empty, one that names the
// day. It does not sign yet. The key that signs stays; of others only the newest does where none signs.
func (s *Service) MakeDKIMKey(ctx context.Context, by event.Actor, id uuid.UUID, selector string) (DKIM, error) {
	before, err := s.DKIM(ctx, by, id)
	if err != nil {
		return DKIM{}, err
	}
	if strings.HasPrefix(before.Domain, "[") {
		return DKIM{}, fault.New(fault.Conflict, "no_domain", "letters from an IP address cannot be signed: DNS has no place for their key")
	}
	if selector == "" {
		selector = before.freeSelector(time.Now())
	}
	if err := dkim.CheckSelector(selector); err != nil {
		return DKIM{}, fault.New(fault.Invalid, "invalid_selector", "%s", err).In("selector")
	}
	key, err := dkim.NewKey(before.Domain, selector)
	if err != nil {
		return DKIM{}, err
	}
	sealed := s.vault.Seal(dkimPurpose, key.PKCS8())
	return s.changeDKIM(ctx, by, id, func(tx *db.Tx, _ DKIM) (map[string]any, error) {
		if _, err := tx.Exec(sqlDropSpareDKIMKeys, key.Domain); err != nil {
			return nil, err
		}
		_, err := tx.Exec(sqlInsertDKIMKey, key.Domain, selector, key.Public(), sealed)
		if db.Violates(err, "dkim_keys_pkey") {
			return nil, fault.New(fault.Conflict, "selector_taken", "there is a key with this selector; name another one").In("selector")
		}
		return map[string]any{"dkim": "key_made", "domain": key.Domain, "selector": selector}, err
	})
}

// freeSelector names the day; a second one of a day gets a number.
func (d DKIM) freeSelector(now time.Time) string {
	name := "postern-" + now.UTC().Format("20060102")
	free := name
	for n := 2; ; n++ {
		if _, taken := d.find(func(k DKIMKey) bool { return k.Selector == free }); !taken {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// Signature is what is asked of the letters of a domain.
type Signature struct {
	On       bool
	Selector string                                                   // empty: the newest key's
	LookUp   func(ctx context.Context, name string) ([]string, error) // TXT records; nil: DNS is not asked
}

// Sign switches signing on, or over to another key, or off. On, the key must be found in DNS: a signature that
// nobody can verify makes letters look forged.
func (s *Service) Sign(ctx context.Context, by event.Actor, id uuid.UUID, want Signature) (DKIM, error) {
	before, err := s.DKIM(ctx, by, id)
	if err != nil {
		return DKIM{}, err
	}
	key, err := before.chosen(want)
	if err != nil {
		return DKIM{}, err
	}
	if want.On && want.LookUp != nil {
		if err := before.checkPublished(ctx, key, want); err != nil {
			return DKIM{}, err
		}
	}
	return s.changeDKIM(ctx, by, id, func(tx *db.Tx, now DKIM) (map[string]any, error) {
		signing, on := now.Signing()
		if on == want.On && (!on || signing.Selector == key.Selector) {
			return nil, db.NoChange
		}
		if _, err := tx.Exec(sqlStopSigning, now.Domain); err != nil {
			return nil, err
		}
		if !want.On {
			return map[string]any{"dkim": "signing_off", "domain": now.Domain, "selector": signing.Selector}, nil
		}
		tag, err := tx.Exec(sqlStartSigning, now.Domain, key.Selector)
		if err == nil && tag.RowsAffected() == 0 {
			err = noKey(now.Domain) // somebody has just made another one in its place
		}
		return map[string]any{"dkim": "signing_on", "domain": now.Domain, "selector": key.Selector}, err
	})
}

func (d DKIM) chosen(want Signature) (DKIMKey, error) {
	if !want.On {
		return DKIMKey{}, nil
	}
	if key, ok := d.find(func(k DKIMKey) bool { return want.Selector == "" || k.Selector == want.Selector }); ok {
		return key, nil
	}
	return DKIMKey{}, noKey(d.Domain)
}

func noKey(domain string) error {
	return fault.New(fault.Conflict, "no_dkim_key", "%s has no such key; make one first", domain)
}

func (d DKIM) checkPublished(ctx context.Context, key DKIMKey, want Signature) error {
	name := dkim.RecordName(key.Selector, d.Domain)
	found, err := want.LookUp(ctx, name)
	if err != nil {
		return fault.New(fault.Unavailable, "dns_unavailable", "%s: DNS does not answer: %v", name, err)
	}
	if f := dkim.Compare(found, key.Public); !f.Published {
		return fault.New(fault.Conflict, "dkim_not_published", "%s: %s; %s", name, f.Seen, f.Remedy)
	}
	return nil
}

// changeDKIM is one change of a domain's keys, told as a change of the mailbox that was named: watchers and senders
// look at it again at once.
func (s *Service) changeDKIM(ctx context.Context, by event.Actor, id uuid.UUID, change func(*db.Tx, DKIM) (map[string]any, error)) (DKIM, error) {
	var out DKIM
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		m, ok, err := db.One[Mailbox](tx, sqlLock, id)
		if err != nil {
			return err
		}
		if !ok {
			return notFound(id)
		}
		tx.Queue(sqlLockDKIM, m.SigningDomain())
		if out, err = signingOf(tx, m); err != nil {
			return err
		}
		detail, err := change(tx, out)
		if err != nil {
			return err
		}
		tx.Queue(sqlTouch, id)
		tx.Record(event.Event{Kind: event.MailboxUpdated, SubjectID: id.String(), Sequence: int64(m.Version + 1), Label: m.Address, Detail: detail})
		out, err = signingOf(tx, m)
		return err
	})
	return out, err
}

// SigningKey opens the key that letters of a domain are signed with; nil: they are not signed.
func (s *Service) SigningKey(ctx context.Context, domain string) (*dkim.Key, error) {
	var selector string
	var sealed []byte
	err := s.db.View(ctx, event.System("mailboxes"), func(v *db.View) error {
		rows, err := db.All[struct {
			Selector string `db:"selector"`
			Secret   []byte `db:"secret"`
		}](v, sqlSigningKey, domain)
		if len(rows) > 0 {
			selector, sealed = rows[0].Selector, rows[0].Secret
		}
		return err
	})
	if err != nil || sealed == nil {
		return nil, err
	}
	plain, err := s.vault.Open(dkimPurpose, sealed)
	if err != nil {
		return nil, fmt.Errorf("open the DKIM key %s: %w", dkim.RecordName(selector, domain), err)
	}
	key, err := dkim.OpenKey(domain, selector, plain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dkim.RecordName(selector, domain), err)
	}
	return &key, nil
}
