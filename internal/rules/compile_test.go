package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/fault"
)

func sample() *Facts {
	f := &Facts{From: "ann@acme.example", FromName: "Ann Example", FromDomain: "acme.example", To: []string{"support@desk.example", "boss@acme.example"},
		Subject: "Invoice 4711 is wrong", Text: "Hello,\nthe invoice is wrong.\nPlease call me.", Size: 2048,
		Attachments: []Attachment{{Name: "Invoice.PDF", Type: "application/pdf", Size: 20 << 20}, {Name: "logo.png", Type: "image/png", Size: 100}},
		Headers:     map[string]string{"list-id": "<news.acme.example>", "x-priority": "1"}, Importance: "high", Class: "human", Authenticity: "none",
		Mailbox: "support@desk.example", Contact: Contact{Known: true, Name: "Ann", Tags: []string{"vip"}}, Client: Client{Known: true, Name: "Acme", Ref: "C-1"},
		IsNew: true}
	f.Arrived(time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC), nil)
	f.Bound()
	return f
}

// Tried: what conditions are written for, each true and false of one email.
func TestConditionsAskAboutAnEmail(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]bool{
		`true`:                       true,
		`from == "ann@acme.example"`: true,
		`from in ["a@b.example", "ann@acme.example"]`:                          true,
		`from_domain endsWith ".example"`:                                      true,
		`from_name contains "Bob"`:                                             false,
		`"boss@acme.example" in to`:                                            true,
		`"boss@acme.example" in cc`:                                            false,
		`lower(subject) contains "invoice"`:                                    true,
		`subject contains "invoice"`:                                           false,
		`subject matches "(?i)\\binvoice \\d+"`:                                true,
		`text matches "(?m)^Please"`:                                           true,
		`any(attachments, .size > 10 * 1024 * 1024)`:                           true,
		`any(attachments, lower(.name) endsWith ".pdf")`:                       true,
		`all(attachments, .type startsWith "image/")`:                          false,
		`count(attachments, .type == "image/png") == 1`:                        true,
		`len(attachments) > 1 and attachments[1].size < 200`:                   true,
		`headers["list-id"] contains "news."`:                                  true,
		`"x-priority" in headers`:                                              true,
		`headers["x-mailer"] == ""`:                                            true,
		`contact.known and "vip" in contact.tags`:                              true,
		`client.name == "Acme" && client.ref != ""`:                            true,
		`not client.known`:                                                     false,
		`is_new and !is_reply`:                                                 true,
		`weekday == "saturday" and hour >= 18`:                                 true,
		`weekday in ["saturday", "sunday"] ? true : hour < 8 or hour >= 18`:    true,
		`importance == "high" and class == "human" and authenticity != "fail"`: true,
		`size > 1_000_000 or mailbox == "support@desk.example"`:                true,
		`len(to) + len(cc) > 10`:                                               false,
	} {
		c, err := Compile(when)
		if err != nil {
			t.Errorf("%s: %v", when, err)
			continue
		}
		if got, err := c.Holds(sample()); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", when, got, err, want)
		}
	}
}

// Tried: each way to be wrong. The refusal says where and what to do.
func TestConditionsAreCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	regexpOf := func(n int) string { return `text matches "` + strings.Repeat("[a-z]x", n) + `"` }
	for when, c := range map[string]struct{ code, says string }{
		``:                             {"invalid_when", "1 to 4000 bytes"},
		` `:                            {"invalid_when", "1 to 4000 bytes"},
		strings.Repeat("x", 4001):      {"invalid_when", "1 to 4000 bytes"},
		`subject contain "x"`:          {"invalid_when", "line 1, column 9: unexpected token"},
		"true and\n  fromm == \"x\"":   {"invalid_when", "line 2, column 3: unknown name fromm; did you mean from?"},
		`sender == "x"`:                {"invalid_when", "unknown name sender; there are attachments, authenticity"},
		`subject`:                      {"invalid_when", "compare the value with something"},
		`contact.tags`:                 {"invalid_when", "compare the value with something"},
		`size == "1"`:                  {"invalid_when", "texts stand in quotes, numbers do not"},
		`contact.vip`:                  {"invalid_when", "contact has no field vip; a contact has known, name and tags"},
		`client.crm == "x"`:            {"invalid_when", "a client has known, id, name and ref"},
		`any(attachments, .bytes > 1)`: {"invalid_when", "an attachment has name, type and size"},
		`subjct == "x"`:                {"invalid_when", "did you mean subject?"},
		`Texts == "x"`:                 {"invalid_when", "did you mean text?"},
		`hbour == 1`:                   {"invalid_when", "did you mean hour?"},
		`clint.known`:                  {"invalid_when", "did you mean client?"},
		`subject.lower() == "x"`:       {"invalid_when", "as in lower(subject)"},
		`subject = "x"`:                {"invalid_when", "compared with =="},
		`subject matches "(?=x)"`:      {"invalid_when", "no lookahead"},
		`subject matches "(a)\\1"`:     {"invalid_when", "no back-references"},
		`subject matches from`:         {"invalid_when", "column 17: a pattern stands in quotes"},
		`headers["X-Spam"] == "yes"`:   {"invalid_when", `write headers["x-spam"]`},
		`"X-Spam" in headers`:          {"invalid_when", `write "x-spam"`},
		`repeat("x", 1000000) == text`: {"invalid_when", "unknown name repeat; this function may be slow; there are all, any"},
		`len(split(text, "")) > 1`:     {"invalid_when", "may be slow"},
		`len(filter(to, # != "")) > 1`: {"invalid_when", "may be slow"},
		`map(to, #)[0] == "x"`:         {"invalid_when", "may be slow"},
		`now().Year() > 1`:             {"invalid_when", "may be slow"},
		`1 in 1..1000000000`:           {"invalid_when", ".. may be slow"},
		`2 ** 9 == 1`:                  {"invalid_when", "** may be slow"},
		`text + text == text`:          {"invalid_when", "texts are not joined"},
		`text[0:5] == "Hello"`:         {"invalid_when", "use startsWith"},
		`let a = text; a == ""`:        {"invalid_when", "without let"},
		`{"a": 1}["a"] == 1`:           {"invalid_when", "no { }"},
		`any(to, any(cc, # == "x"))`:   {"invalid_when", "do not stand within each other"},
		`from in [any(to, true)]`:      {"invalid_when", "cannot use string as type bool"},
		regexpOf(600):                  {"when_too_costly", "make two rules of it"},
		`any(attachments, text contains .name) and any(to, text matches "(a|b|c|d)*xyzxyzxyz")`: {"when_too_costly", "steps on one email"},
		strings.Repeat("true and ", 200) + "true":                                               {"invalid_when", "make two rules of it"},
		strings.Repeat("(", 3000):                                                               {"invalid_when", "line 1"},
		strings.Repeat("not ", 900) + "true":                                                    {"invalid_when", "make two rules of it"},
		`$env["from"] == "x"`:                                                                   {"invalid_when", "use the names themselves"},
		`From == "x"`:                                                                           {"invalid_when", "did you mean from?"},
		"\x00":                                                                                  {"invalid_when", "line 1"},
	} {
		_, err := Compile(when)
		f := fault.As(err)
		if f == nil {
			t.Errorf("%.80q is taken: %v", when, err)
			continue
		}
		if f.Code != c.code || f.Field != "when" || !strings.Contains(f.Message, c.says) || strings.Contains(f.Message, "\n") {
			t.Errorf("%.80q: %s in %s: %s; want %s: %s", when, f.Code, f.Field, f.Message, c.code, c.says)
		}
	}
}

// Tried: conditions that are sound and fail on some emails.
func TestConditionsThatFailSayWhere(t *testing.T) {
	t.Parallel()
	for when, says := range map[string]string{
		`cc[0] == "x"`:        "line 1, column 3: index out of range",
		`size % len(cc) == 0`: "divide by zero",
	} {
		c, err := Compile(when)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if holds, err := c.Holds(sample()); holds || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", when, holds, err)
		}
	}
}

func TestNamesAreThoseOfTheFacts(t *testing.T) {
	t.Parallel()
	names := Names()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if strings.Contains(name, "[]") {
			continue
		}
		when := map[string]string{"text": name + ` == ""`, "number": name + " == 0", "true or false": name, "texts by name": name + `["x"] == ""`}[names[name]]
		if when == "" {
			when = "len(" + name + ") == 0"
		}
		if _, err := Compile(when); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	if len(names) < 25 || names["contact.tags"] != "list of text" || names["attachments[].size"] != "number" {
		t.Errorf("names: %v", names)
	}
}
