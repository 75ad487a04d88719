package message

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// corpusDir finds the corpora beside the checkout, from the test's folder upwards.
func corpusDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
	}
	corpus := filepath.Join(dir, "..", "shared", "corpus")
	if _, err := os.Stat(corpus); err != nil {
		t.Fatalf("the corpora are needed: %v", err)
	}
	return corpus
}

// corpusCase is one email and what must be true of it.
type corpusCase struct {
	measure string
	name    string
	raw     []byte
	judge   func(*Email) bool
}

// pinned are the cases that pass, of all; they may only become more. The
// measures are those of score.py beside the corpora.
var pinned = map[string][2]int{
	"bounce bounceparser yes or no":                       {49, 52},
	"bounce flufl recognised":                             {55, 59},
	"bounce sisimai not-bounce":                           {1, 1},
	"bounce sisimai recognised":                           {275, 277},
	"bounce sisimai with other line ends":                 {60, 60},
	"bounce: feedback, vacation, delivered are not human": {12, 12},
	"mime php-imap attachment hash":                       {6, 8},
	"mime php-imap subject":                               {16, 16},
	"mime php-imap text":                                  {15, 15},
	"mime: some text or attachment from every email":      {261, 268},
	"reply crisp":                                         {27, 27},
	"reply github":                                        {5, 5},
	"reply talon":                                         {35, 37},
	"reply talon html":                                    {10, 14},
	"reply trimmer":                                       {30, 32},
	"reply willdurand":                                    {16, 17},
	"reply zapier":                                        {3, 3},
}

func TestCorpusScores(t *testing.T) {
	t.Parallel()
	s := newScores(pinned)
	for _, c := range corpusCases(t) {
		s.judge(t, c)
	}
	s.report(t)
}

// scores counts the cases that pass, by measure.
type scores struct {
	pinned        map[string][2]int
	passed, total map[string]int
}

func newScores(pinned map[string][2]int) *scores {
	return &scores{pinned: pinned, passed: map[string]int{}, total: map[string]int{}}
}

func (s *scores) judge(t *testing.T, c corpusCase) {
	t.Helper()
	e, err := Parse(bytes.NewReader(c.raw), DefaultLimits(), nil)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	checkInvariants(t, c.name, e)
	s.count(t, c.measure, c.name, c.judge(e))
}

// count logs what does not pass where CORPUS_MISSES is set.
func (s *scores) count(t *testing.T, measure, name string, ok bool) {
	t.Helper()
	s.total[measure]++
	if ok {
		s.passed[measure]++
	} else if os.Getenv("CORPUS_MISSES") != "" {
		t.Logf("miss: %s: %s", measure, name)
	}
}

// report logs the table and holds it against the pinned scores.
func (s *scores) report(t *testing.T) {
	t.Helper()
	for _, m := range slices.Sorted(maps.Keys(s.total)) {
		t.Logf("%4d/%-4d %s", s.passed[m], s.total[m], m)
		pin := s.pinned[m]
		switch {
		case s.total[m] != pin[1]:
			t.Errorf("%s: %d cases, pinned are %d", m, s.total[m], pin[1])
		case s.passed[m] < pin[0]:
			t.Errorf("%s: %d of %d pass, %d did", m, s.passed[m], s.total[m], pin[0])
		case s.passed[m] > pin[0]:
			t.Errorf("%s: %d of %d pass, more than the pinned %d: pin the new score", m, s.passed[m], s.total[m], pin[0])
		}
	}
	if len(s.total) != len(s.pinned) {
		t.Errorf("%d measures, %d are pinned", len(s.total), len(s.pinned))
	}
}

// checkInvariants states what holds for every email.
func checkInvariants(t testing.TB, name string, e *Email) {
	t.Helper()
	for field, s := range map[string]string{
		"text": e.Text, "reply": e.Reply, "cut": e.Cut, "signature": e.Signature, "forwarded": e.Forwarded, "html": e.HTML,
		"subject": e.Subject, "message id": e.MessageID, "from": e.From.Name + e.From.Address, "charset": e.Charset,
		"problems": strings.Join(e.Problems, ""), "reasons": strings.Join(e.Reasons, ""), "return path": e.ReturnPath,
	} {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r == 0 || unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("%s: %s is not clean: %q", name, field, s)
		}
	}
	if strings.TrimSpace(e.Text) != "" && strings.TrimSpace(e.Reply) == "" {
		t.Errorf("%s: text without a reply", name)
	}
	if e.Class == "" {
		t.Errorf("%s: no class", name)
	}
	for _, a := range e.Attachments {
		if a.Name == "" || strings.ContainsAny(a.Name, "/\\\x00\n") || a.Type == "" {
			t.Errorf("%s: attachment %q of type %q", name, a.Name, a.Type)
		}
	}
	if slices.Contains(e.References, "") || slices.Contains(e.InReplyTo, "") {
		t.Errorf("%s: empty message id among the references", name)
	}
}

func corpusCases(t testing.TB) []corpusCase {
	root := corpusDir(t)
	return slices.Concat(replyCases(t, root), talonCases(t, root), bounceCases(t, root), mimeCases(t, root), phpIMAPCases(t, root))
}

func wrapText(body []byte, subtype string) []byte {
	var b bytes.Buffer
	b.WriteString("From: Ann <ann@case.example>\r\nTo: desk@desk.example\r\nSubject: Re: case\r\nMessage-ID: <c@case.example>\r\n" +
		"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: " + subtype + "; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n")
	encoded := base64.StdEncoding.EncodeToString(bytes.ToValidUTF8(body, []byte("\uFFFD")))
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded + "\r\n")
	return b.Bytes()
}

func replyIs(want string) func(*Email) bool {
	want = strings.TrimSpace(want)
	return func(e *Email) bool { return strings.TrimSpace(e.Reply) == want }
}

func squash(s string) string { return strings.Join(strings.Fields(s), "") }

func squashedReplyIs(want string) func(*Email) bool {
	return func(e *Email) bool { return squash(e.Reply) == squash(want) }
}

type assertion struct {
	On    string          `json:"on"`
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value"`
}

func (a assertion) text() string {
	var s string
	if json.Unmarshal(a.Value, &s) != nil {
		return string(a.Value)
	}
	return s
}

type replyRecord struct {
	Asserted  []assertion `json:"asserted"`
	Fragments []struct {
		Hidden bool `json:"hidden"`
	} `json:"fragments"`
}

// expected is the stated reply, by the rule in the corpora's README.
func (r replyRecord) expected() (string, bool) {
	for _, a := range r.Asserted {
		if strings.HasPrefix(a.On, "visible_text") && a.Op == "equals" {
			return a.text(), true
		}
		if (a.On == "fragment 0" || a.On == "fragment 0 trimmed") && a.Op == "equals" && len(r.Fragments) > 0 && !r.Fragments[0].Hidden {
			rest := r.Fragments[1:]
			if !slices.ContainsFunc(rest, func(f struct {
				Hidden bool `json:"hidden"`
			}) bool {
				return !f.Hidden
			}) {
				return a.text(), true
			}
		}
	}
	return "", false
}

func replyCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	for _, path := range glob(t, root, "reply-trimmer/emails/*.txt") {
		want := read(t, filepath.Join(root, "reply-trimmer/trimmed", filepath.Base(path)))
		want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
		out = append(out, corpusCase{"reply trimmer", path, wrapText(read(t, path), "text/plain"), replyIs(string(want))})
	}
	for _, family := range []string{"github", "zapier", "willdurand", "crisp"} {
		var records map[string]replyRecord
		readJSON(t, filepath.Join(root, "reply-"+family, "expected.json"), &records)
		for name, record := range records {
			path := filepath.Join(root, "reply-"+family, "emails", name)
			want, ok := record.expected()
			if _, err := os.Stat(path); ok && err == nil {
				out = append(out, corpusCase{"reply " + family, path, wrapText(read(t, path), "text/plain"), replyIs(want)})
			}
		}
	}
	return out
}

var anyTag = regexp.MustCompile(`<[^>]+>`)

func talonCases(t testing.TB, root string) []corpusCase {
	dir := filepath.Join(root, "reply-talon")
	var out []corpusCase
	var inline map[string]struct {
		Kind, Input string
		Expected    json.RawMessage
	}
	readJSON(t, filepath.Join(dir, "inline.json"), &inline)
	for name, record := range inline {
		var want string
		if json.Unmarshal(record.Expected, &want) != nil {
			continue
		}
		switch record.Kind {
		case "plain":
			out = append(out, corpusCase{"reply talon", name, wrapText([]byte(record.Input), "text/plain"), replyIs(want)})
		case "html":
			want = anyTag.ReplaceAllString(want, "")
			out = append(out, corpusCase{"reply talon html", name, wrapText([]byte(record.Input), "text/html"), squashedReplyIs(want)})
		}
	}
	var standard map[string]struct{ Reply string }
	readJSON(t, filepath.Join(dir, "standard_replies.json"), &standard)
	for name, record := range standard {
		path := filepath.Join(dir, "standard_replies", name)
		out = append(out, corpusCase{"reply talon", path, read(t, path), replyIs(record.Reply)})
	}
	var pages map[string]struct {
		ReplyText string `json:"reply_text"`
	}
	readJSON(t, filepath.Join(dir, "html_replies.json"), &pages)
	for name, record := range pages {
		path := filepath.Join(dir, "html_replies", name)
		out = append(out, corpusCase{"reply talon html", path, wrapText(read(t, path), "text/html"), squashedReplyIs(record.ReplyText)})
	}
	return out
}

func isBounce(e *Email) bool { return e.Class == ClassBounce || e.Class == ClassDelayNotice }

func bounceCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	dir := filepath.Join(root, "bounce-sisimai")
	var records map[string]struct {
		Asserted []struct{ Reason string }
		Decoded  []json.RawMessage
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &records)
	soft := []string{"feedback", "vacation", "delivered"}
	for name, record := range records {
		if len(record.Asserted) == 0 || len(record.Decoded) == 0 {
			continue
		}
		for _, folder := range []string{"emails", "emails-crlf", "emails-cr"} {
			path := filepath.Join(dir, folder, name)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			c := corpusCase{"bounce sisimai recognised", path, read(t, path), isBounce}
			if slices.ContainsFunc(record.Asserted, func(a struct{ Reason string }) bool { return slices.Contains(soft, a.Reason) }) {
				c.measure, c.judge = "bounce: feedback, vacation, delivered are not human", func(e *Email) bool { return e.Class != ClassHuman }
			}
			if folder != "emails" {
				c.measure = "bounce sisimai with other line ends"
			}
			out = append(out, c)
		}
	}
	for _, path := range glob(t, dir, "not-bounce/*") {
		out = append(out, corpusCase{"bounce sisimai not-bounce", path, read(t, path), func(e *Email) bool { return !isBounce(e) }})
	}
	var flufl map[string]struct{ Permanent, Temporary []string }
	readJSON(t, filepath.Join(root, "bounce-flufl/expected.json"), &flufl)
	for name, record := range flufl {
		path := filepath.Join(root, "bounce-flufl/data", name)
		if len(record.Permanent)+len(record.Temporary) > 0 {
			out = append(out, corpusCase{"bounce flufl recognised", path, read(t, path), isBounce})
		}
	}
	var parser map[string]struct{ Asserted map[string]any }
	readJSON(t, filepath.Join(root, "bounce-bounceparser/expected.json"), &parser)
	for name, record := range parser {
		want, ok := record.Asserted["is_bounce"]
		if _, todo := record.Asserted["todo_is_bounce"]; ok && !todo {
			path := filepath.Join(root, "bounce-bounceparser/corpus", name)
			expected := want == true || want == float64(1)
			out = append(out, corpusCase{"bounce bounceparser yes or no", path, read(t, path), func(e *Email) bool { return isBounce(e) == expected }})
		}
	}
	return out
}

var encodedLeftOver = regexp.MustCompile(`(?im)^content-transfer-encoding:\s*base64`)

func mimeCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	patterns := []string{"mime-enmime/mail/*", "mime-enmime/low-quality/*", "mime-ruby-mail/*/*", "mime-mail-parser/*/*", "mime-php-imap/emails/*",
		"mime-mime4j/*", "mime-mime4j/*/*", "inbound-redmine/emails/*", "inbound-discourse/emails/*", "inbound-django-helpdesk/emails/*", "mime-enmime/parts/*", "mime-enmime/dsn/*"}
	for _, pattern := range patterns {
		for _, path := range glob(t, root, pattern) {
			raw := read(t, path)
			if !slices.Contains([]string{".eml", ".msg", ".raw"}, filepath.Ext(path)) || len(raw) == 0 {
				continue
			}
			out = append(out, corpusCase{"mime: some text or attachment from every email", path, raw, func(e *Email) bool {
				some := e.Text != "" || e.HTML != "" || len(e.Attachments) > 0
				return some && (len(e.Problems) > 0 || !encodedLeftOver.MatchString(e.Text))
			}})
		}
	}
	return out
}

var hashedContent = regexp.MustCompile(`^hash\("sha256", attachment\[\d+\]\.content\)`)

func phpIMAPCases(t testing.TB, root string) []corpusCase {
	fold := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	var out []corpusCase
	var records map[string][]assertion
	readJSON(t, filepath.Join(root, "mime-php-imap/expected.json"), &records)
	for name, checks := range records {
		path := filepath.Join(root, "mime-php-imap/emails", name)
		for _, a := range checks {
			want := a.text()
			c := corpusCase{name: path + ": " + want, raw: read(t, path)}
			switch {
			case a.Op != "equals":
				continue
			case a.On == "message.subject":
				c.measure, c.judge = "mime php-imap subject", func(e *Email) bool { return fold(e.Subject) == fold(want) }
			case a.On == "message.getTextBody()":
				c.measure, c.judge = "mime php-imap text", func(e *Email) bool { return strings.Contains(fold(e.Text), fold(want)) }
			case hashedContent.MatchString(a.On):
				c.measure, c.judge = "mime php-imap attachment hash", func(e *Email) bool {
					return slices.ContainsFunc(e.Attachments, func(x Attachment) bool { return hex.EncodeToString(x.SHA256[:]) == want })
				}
			default:
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

func glob(t testing.TB, root, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(p string) bool {
		info, err := os.Stat(p)
		return err != nil || info.IsDir()
	})
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
