package tickets

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	anID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	aTime  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	secret = []string{"It jams since Monday", "pain", "Which printer", "quoted", "desk.example"}
)

// still replaces what differs from run to run; the same id has the same name.
func still(raw []byte) []byte {
	names := map[string]string{}
	out := anID.ReplaceAllStringFunc(string(raw), func(id string) string {
		if names[id] == "" {
			names[id] = fmt.Sprintf("<id %d>", len(names)+1)
		}
		return names[id]
	})
	var pretty bytes.Buffer
	_ = json.Indent(&pretty, []byte(aTime.ReplaceAllString(out, "<time>")), "", "  ")
	return append(pretty.Bytes(), '\n')
}

// The life of a ticket and its contact, through the real services: what subscribers are told of each
// public kind is a contract, and none of it is a note or the text of an email.
func TestPublicEventsKeepTheirShape(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(f *mailboxes.Fields) { f.StaffAddresses = &[]string{"day@desk.example"} })
	acme, err := s.contacts.CreateClient(soon(t), sam, contacts.ClientFields{Name: ptr("Acme")})
	must(t, err)
	c, err := s.contacts.Create(soon(t), sam, contacts.Fields{ClientID: &acme.ID, Name: ptr("Ann"), Email: &ann.Address, EmailNorm: ann.Norm})
	must(t, err)
	c, err = s.contacts.Update(soon(t), sam, c.ID, 1, contacts.Fields{CRMRef: ptr("P-1"), Tags: &[]string{contacts.VIP}})
	must(t, err)
	opened := s.open(func(o *Opening) {
		o.Contact.Contact, o.Acknowledge, o.Tags = c, true, []string{"printer"}
		o.Content.FullText, o.Content.Files, o.Content.Authenticity = "quoted", []File{{Name: "a", Sum: blob.Sum{1}}}, "pass"
	})
	s.post(opened.ID, Post{Visibility: Internal, Body: "He is a pain."})
	_, err = s.set(opened.ID, Patch{Subject: ptr("Printer jams again"), Priority: ptr(Low)})
	must(t, err)
	_, err = s.set(opened.ID, Patch{Status: ptr(Closed)})
	must(t, err)
	s.reply(opened.ID, Reply{From: ann, Reopens: true, Content: Content{Body: "It jams since Monday!", Files: []File{{Name: "a", Sum: blob.Sum{1}}, {Name: "b", Sum: blob.Sum{2}}}}})
	second := s.open(func(o *Opening) { o.Contact.Contact = c })
	_, err = s.Merge(soon(t), sam, second.ID, opened.ID.String())
	must(t, err)
	type told struct {
		Kind string          `db:"type"`
		Data json.RawMessage `db:"data"`
	}
	var all []told
	must(t, s.db.View(soon(t), sam, func(v *db.View) (err error) {
		all, err = db.All[told](v, `select distinct on (w.type) w.type, w.data from webhook_events w join audit_entries a on a.event_id = w.id order by w.type, a.seq`)
		return err
	}))
	seen := map[event.Kind]bool{}
	for _, one := range all {
		seen[event.Kind(one.Kind)] = true
		got, path := still(one.Data), filepath.Join("testdata", "events", one.Kind+".json")
		if *update {
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is told as\n%s, was (run with -update where that is meant)\n%s%v", one.Kind, got, want, err)
		}
		for _, word := range secret {
			if strings.Contains(string(one.Data), word) {
				t.Errorf("%s tells %q", one.Kind, word)
			}
		}
	}
	for kind, spec := range event.Catalogue {
		if spec.Module == "mailboxes" {
			continue // internal/outage tries what is told of them
		}
		if spec.Public != seen[kind] {
			t.Errorf("%s: public %v, told here %v", kind, spec.Public, seen[kind])
		}
	}
	if got := s.events(opened.ID); got != "opened 1, noted, updated 3, closed 4, replied 5, reopened 6, updated 7" {
		t.Errorf("sequence %s", got)
	}
}
