package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func rule(name, when string, then Then) Rule {
	return Rule{ID: uuid.NewSHA1(uuid.Nil, []byte(name)), Name: name, Enabled: true, On: OfNew, When: when, Then: then}
}

func named(of []Named) (out []string) {
	for _, n := range of {
		out = append(out, n.Name)
	}
	return out
}

// Tried: rules that agree, contradict each other, end the asking, are of other emails, and fail.
func TestRulesFollowEachOther(t *testing.T) {
	t.Parallel()
	reply, both := rule("reply", "true", Then{Tags: []string{"r"}}), rule("any", "is_reply or is_new", Then{Tags: []string{"b"}})
	reply.On, both.On = OfReply, OfAny
	b := NewBook([]Rule{
		rule("low", "true", Then{Priority: "low", Tags: []string{"a", "b"}, Custom: map[string]any{"k": "1", "l": true}}),
		rule("breaks", `cc[0] == "x"`, Then{Priority: "medium"}),
		rule("of old", "gone == 1", Then{Priority: "medium"}), // saved by a version that knew the name
		rule("no", "false", Then{Priority: "medium", Stop: true}),
		reply, both,
		rule("high", "true", Then{Priority: "high", Custom: map[string]any{"k": "2"}, NoAcknowledgement: true, Stop: true}),
		rule("never", "true", Then{Priority: "low", SetAside: Spam}),
	})
	out := b.Decide(sample())
	if diff := cmp.Diff([]string{"low", "any", "high"}, named(out.Matched)); diff != "" {
		t.Error(diff)
	}
	if out.Priority != "high" || out.PriorityBy.Name != "high" || strings.Join(out.Tags, " ") != "a b" || out.Custom["k"] != "2" || out.Custom["l"] != true ||
		!out.NoAcknowledgement || out.SetAside {
		t.Errorf("%+v", out)
	}
	if len(out.Failed) != 2 || out.Failed[0].Rule.Name != "breaks" || !strings.Contains(out.Failed[0].Why, "index out of range") ||
		out.Failed[1].Rule.Name != "of old" || !strings.Contains(out.Failed[1].Why, "unknown name gone") {
		t.Errorf("failed: %+v", out.Failed)
	}
	f := sample()
	f.IsReply, f.IsNew = true, false
	if out := b.Decide(f); strings.Join(named(out.Matched), " ") != "reply any" {
		t.Errorf("of a reply: %v", out.Matched)
	}
	aside := NewBook([]Rule{rule("spam", "true", Then{SetAside: Spam}), rule("after", "true", Then{Tags: []string{"x"}})})
	if out := aside.Decide(sample()); !out.SetAside || out.SetAsideBy.Name != "spam" || len(out.Tags) > 0 {
		t.Errorf("set aside: %+v", out)
	}
	if none := NewBook(nil); !none.Empty() || b.Empty() || !b.Asks("cc") || b.Asks("headers") {
		t.Error("the book does not know what is in it")
	}
}

// hostile is the worst email for patterns: long, all lists full, every element long.
func hostile() *Facts {
	long := strings.Repeat("aaaaaaaaaaaaaaab", 1<<16) // 1 MiB
	f := &Facts{From: long, FromName: long, Subject: long, Text: long, Headers: map[string]string{}, Contact: Contact{Name: long}, Client: Client{Name: long}}
	for i := range 1000 {
		f.To, f.Cc, f.Contact.Tags = append(f.To, long), append(f.Cc, long), append(f.Contact.Tags, long)
		f.Attachments = append(f.Attachments, Attachment{Name: long, Type: long})
		f.Headers[fmt.Sprint("x-", i)] = long
	}
	return f
}

// costly is close to the most steps that a condition may take.
const costly = `text matches "(a?){68}(a|b|ab|ba|aa|bb)*c(a?){68}x" or lower(text) contains "zzz"`

// Tried: a text of 1 MiB and lists of 1000 such texts, against 200 rules that are each as slow as a rule may be. The
// last ones are skipped and named; the whole takes the time that is stated and what one rule may take.
func TestHostileEmailsTakeBoundedTime(t *testing.T) {
	if _, err := Compile(costly); err != nil {
		t.Fatal(err)
	}
	many := make([]Rule, MaxRules)
	for i := range many {
		many[i] = rule(fmt.Sprint("rule ", i), costly, Then{Tags: []string{"x"}})
	}
	b := NewBook(many)
	began := time.Now()
	out := b.Decide(hostile())
	took := time.Since(began)
	t.Logf("200 slow rules: %s, %d skipped", took.Round(time.Millisecond), len(out.Failed))
	if limit := MaxTime + 4*time.Second; took > limit {
		t.Errorf("took %s, at most %s", took, limit)
	}
	for i := range many {
		many[i].When = `lower(subject) contains "invoice" or text matches "(?i)\\b(invoice|rechnung|facture|factura)\\b" or from_domain == "acme.example"`
	}
	b, began = NewBook(many), time.Now()
	out = b.Decide(hostile())
	t.Logf("200 usual rules: %s, %d skipped", time.Since(began).Round(time.Microsecond), len(out.Failed))
	f := hostile()
	f.Text = "The invoice is wrong"
	began = time.Now()
	out = b.Decide(f)
	t.Logf("200 usual rules, a usual text: %s, %d skipped", time.Since(began).Round(time.Microsecond), len(out.Failed))
	if out := b.decide(sample(), -1); len(out.Failed) != MaxRules || len(out.Matched) > 0 || !strings.Contains(out.Failed[0].Why, "longer than") {
		t.Errorf("without any time left: %d skipped", len(out.Failed))
	}
}

// Tried: conditions made of anything, over emails made of anything. Whatever is taken neither panics nor takes long.
func FuzzConditions(f *testing.F) {
	for _, when := range []string{"true", costly, `any(to, # in cc)`, `headers["x"] matches "(?i)a"`, `count(attachments, .size > 1) > 2 ? is_new : is_reply`,
		`contact.tags[0] == cc[1]`, `not (size / len(to) > 1.5) and hour % 2 == 0`, `"\u00ff" in to`, `client?.name ?? "" == ""`} {
		f.Add(when, "a subject", "a text")
	}
	f.Fuzz(func(t *testing.T, when, subject, text string) {
		c, err := Compile(when)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: more than a line: %q", when, err)
			}
			return
		}
		facts := &Facts{Subject: subject, Text: text, From: subject, To: strings.Fields(text), Cc: []string{subject}, Headers: map[string]string{"x": text},
			Attachments: []Attachment{{Name: subject, Type: text, Size: len(text)}}}
		facts.Bound()
		began := time.Now()
		_, _ = c.Holds(facts)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%q took %s", when, took)
		}
	})
}
