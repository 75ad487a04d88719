package message

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// referencePinned is as pinned, for what other parsers make of the same bytes.
var referencePinned = map[string][2]int{
	"discourse bounce":         {3, 3},
	"discourse reply":          {9, 10},
	"enmime attachments":       {20, 20},
	"enmime subject":           {45, 45},
	"enmime text":              {28, 37},
	"mail-parser address":      {24, 33},
	"mail-parser content_type": {43, 48},
	"mail-parser date":         {15, 17},
	"mail-parser id":           {5, 6},
	"mail-parser text":         {20, 23},
	"mail-parser unstructured": {19, 19},
	"redmine attachments":      {9, 9},
	"redmine automatic mail":   {5, 5},
	"redmine subject":          {6, 6},
	"redmine text":             {9, 10},
	"ruby-mail attachments":    {15, 17},
	"ruby-mail from":           {49, 49},
	"ruby-mail message id":     {46, 46},
	"ruby-mail subject":        {48, 50},
	"ruby-mail text":           {38, 40},
	"ruby-mail to":             {49, 50},
	"zammad out of office":     {4, 4},
}

// TestReferenceScores compares with the results of other mail parsers. They
// differ among themselves, so the number counts, not every case.
func TestReferenceScores(t *testing.T) {
	t.Parallel()
	root := corpusDir(t)
	cases := slices.Concat(rubyCases(t, root), enmimeCases(t, root), mailParserCases(t, root), redmineCases(t, root), discourseCases(t, root), headerCases(t, root))
	s := newScores(referencePinned)
	for _, c := range cases {
		s.judge(t, c)
	}
	for _, c := range mailParserHeaders(t, root) {
		s.count(t, c.measure, c.name, c.ok)
	}
	s.report(t)
}

// holds says that want stands in got, white space apart.
func holds(got, want string) bool { return strings.Contains(squash(got), squash(want)) }

func addressesAre(got []Address, want []string) bool {
	var have []string
	for _, a := range got {
		have = append(have, strings.ToLower(a.Address))
	}
	for i := range want {
		want[i] = strings.ToLower(want[i])
	}
	return slices.Equal(have, want)
}

type wantedFile struct {
	Filename, Name string
	SHA256         string `json:"sha256"`
}

func hasFile(e *Email, w wantedFile) bool {
	return slices.ContainsFunc(e.Attachments, func(a Attachment) bool {
		return w.SHA256 != "" && hex.EncodeToString(a.SHA256[:]) == strings.ToLower(w.SHA256) || w.Filename+w.Name != "" && a.Name == w.Filename+w.Name
	})
}

// oneOrMany reads a text or a list of texts; what that library could not read is none.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil && one != "" {
		*o = []string{one}
		return nil
	}
	var many []string
	if json.Unmarshal(b, &many) == nil {
		*o = many
	}
	return nil
}

func rubyCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	var records map[string]struct {
		Error, Subject, Text string
		From, To             oneOrMany
		MessageID            oneOrMany `json:"message_id"`
		Attachments          []wantedFile
	}
	readJSON(t, filepath.Join(root, "mime-ruby-mail/expected.json"), &records)
	for name, r := range records {
		path := filepath.Join(root, "mime-ruby-mail", name)
		if r.Error != "" {
			continue
		}
		raw := read(t, path)
		add := func(measure string, ok func(*Email) bool) {
			out = append(out, corpusCase{"ruby-mail " + measure, path, raw, ok})
		}
		add("subject", func(e *Email) bool { return squash(e.Subject) == squash(r.Subject) })
		if len(r.MessageID) == 1 {
			add("message id", func(e *Email) bool { return e.MessageID == squash(r.MessageID[0]) })
		}
		if len(r.From) == 1 {
			add("from", func(e *Email) bool { return strings.EqualFold(e.From.Address, r.From[0]) })
		}
		if len(r.To) > 0 {
			add("to", func(e *Email) bool { return addressesAre(e.To, r.To) })
		}
		if strings.TrimSpace(r.Text) != "" {
			add("text", func(e *Email) bool { return holds(e.Text, CleanText(r.Text)) })
		}
		for _, file := range r.Attachments {
			add("attachments", func(e *Email) bool { return hasFile(e, file) })
		}
	}
	return out
}

func enmimeCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	var records map[string]struct {
		Error, Subject, Text string
		To                   []string
		Attachments, Inlines []wantedFile
	}
	readJSON(t, filepath.Join(root, "mime-enmime/expected.json"), &records)
	for name, r := range records {
		path := filepath.Join(root, "mime-enmime", name)
		if _, err := os.Stat(path); err != nil || r.Error != "" {
			continue
		}
		raw := read(t, path)
		out = append(out, corpusCase{"enmime subject", path, raw, func(e *Email) bool { return squash(e.Subject) == squash(r.Subject) }})
		if strings.TrimSpace(r.Text) != "" {
			out = append(out, corpusCase{"enmime text", path, raw, func(e *Email) bool { return holds(e.Text, CleanText(r.Text)) }})
		}
		for _, file := range slices.Concat(r.Attachments, r.Inlines) {
			out = append(out, corpusCase{"enmime attachments", path, raw, func(e *Email) bool { return hasFile(e, file) || holds(e.Text, file.Name) }})
		}
	}
	return out
}

// mailParserCases wants the text of every text part, from the parser's own tree.
func mailParserCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	for _, path := range glob(t, root, "mime-mail-parser/*/*.eml") {
		var tree struct {
			TextBody []int `json:"text_body"`
			Parts    []struct {
				Body map[string]json.RawMessage
			}
		}
		readJSON(t, strings.TrimSuffix(path, ".eml")+".json", &tree)
		raw := read(t, path)
		for _, i := range tree.TextBody {
			var text string
			if json.Unmarshal(tree.Parts[i].Body["Text"], &text) != nil || strings.TrimSpace(text) == "" {
				continue
			}
			out = append(out, corpusCase{"mail-parser text", fmt.Sprintf("%s part %d", path, i), raw, func(e *Email) bool { return holds(e.Text, CleanText(text)) }})
		}
	}
	return out
}

func redmineCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	var records map[string][]struct {
		Settings json.RawMessage
		Checks   []assertion
	}
	readJSON(t, filepath.Join(root, "inbound-redmine/expected.json"), &records)
	for name, scenarios := range records {
		path := filepath.Join(root, "inbound-redmine/emails", name)
		for _, s := range scenarios {
			for _, c := range s.Checks {
				want := c.text()
				x := corpusCase{name: path + ": " + c.On + " " + want, raw: read(t, path)}
				switch {
				case len(s.Settings) > len("null") || // rests on how that product is set up
					c.Op != "equals" && c.Op != "contains":
					continue
				case c.On == "issue.subject" && want != "(no subject)":
					x.measure, x.judge = "redmine subject", func(e *Email) bool { return squash(e.Subject) == squash(want) }
				case c.On == "issue.description":
					x.measure, x.judge = "redmine text", func(e *Email) bool { return holds(e.Text, want) }
				case c.On == "attachment.filename":
					x.measure, x.judge = "redmine attachments", func(e *Email) bool { return hasFile(e, wantedFile{Name: want}) }
				case c.On == "attachment.digest":
					x.measure, x.judge = "redmine attachments", func(e *Email) bool { return hasFile(e, wantedFile{SHA256: want}) }
				default:
					continue
				}
				out = append(out, x)
			}
		}
	}
	var auto struct {
		Cases []struct {
			Header   string
			Accepted bool
		}
	}
	readJSON(t, filepath.Join(root, "inbound-redmine/auto-headers.json"), &auto)
	for _, c := range auto.Cases {
		out = append(out, corpusCase{"redmine automatic mail", c.Header, []byte(c.Header + "\r\n" + head + "\r\ntext"), func(e *Email) bool { return (e.Class == ClassHuman) == c.Accepted }})
	}
	return out
}

// wordsOf leaves out what Markdown adds.
func wordsOf(s string) string {
	s, _, _ = strings.Cut(s, "<details")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

func discourseCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	var records map[string][]struct {
		Raises string
		Checks []assertion
	}
	readJSON(t, filepath.Join(root, "inbound-discourse/expected.json"), &records)
	for name, scenarios := range records {
		path := filepath.Join(root, "inbound-discourse/emails", name)
		for _, s := range scenarios {
			switch s.Raises {
			case "BouncedEmailError":
				out = append(out, corpusCase{"discourse bounce", path, read(t, path), isBounce})
			case "AutoGeneratedEmailError":
				out = append(out, corpusCase{"discourse automatic mail", path, read(t, path), func(e *Email) bool { return e.Class != ClassHuman }})
			}
			for _, c := range s.Checks {
				if c.On == "topic.posts.last.raw" && c.Op == "equals" {
					want := wordsOf(c.text())
					out = append(out, corpusCase{"discourse reply", path, read(t, path), func(e *Email) bool { return wordsOf(e.Reply) == want }})
				}
			}
		}
	}
	return out
}

func headerCases(t testing.TB, root string) []corpusCase {
	var out []corpusCase
	var cases []struct {
		Case, Subject string
		Headers       []string
		OutOfOffice   bool `json:"out_of_office"`
	}
	readJSON(t, filepath.Join(root, "inbound-zammad/headers/out-of-office.json"), &cases)
	for _, c := range cases {
		raw := "From: a@x.example\r\nSubject: " + c.Subject + "\r\n" + strings.Join(c.Headers, "\r\n") + "\r\n\r\ntext"
		out = append(out, corpusCase{"zammad out of office", c.Case, []byte(raw), func(e *Email) bool { return (e.Class == ClassAutoReply) == c.OutOfOffice }})
	}
	return out
}

type headerCase struct {
	measure, name string
	ok            bool
}

// mailParserHeaders judges single field values.
func mailParserHeaders(t testing.TB, root string) []headerCase {
	var out []headerCase
	each := func(file string, judge func(value string, want json.RawMessage) bool) {
		var cases []struct {
			Header   string
			Expected json.RawMessage
		}
		readJSON(t, filepath.Join(root, "mime-mail-parser/headers", file+".json"), &cases)
		for _, c := range cases {
			value := unfoldForTest(c.Header)
			out = append(out, headerCase{"mail-parser " + file, fmt.Sprintf("%q %s", value, squash(string(c.Expected))), string(c.Expected) == "null" || judge(value, c.Expected)})
		}
	}
	each("unstructured", func(v string, want json.RawMessage) bool {
		var s string
		return json.Unmarshal(want, &s) == nil && squash(decodeWords(v)) == squash(s)
	})
	each("id", func(v string, want json.RawMessage) bool {
		var many []string
		if json.Unmarshal(want, &many) != nil {
			many = make([]string, 1)
			_ = json.Unmarshal(want, &many[0])
		}
		for i := range many {
			many[i] = squash(many[i])
		}
		return slices.Equal(messageIDs(v), many)
	})
	each("date", func(v string, want json.RawMessage) bool {
		var d struct {
			Year, Month, Day, Hour, Minute, Second int
			Before                                 bool `json:"tz_before_gmt"`
			TZHour                                 int  `json:"tz_hour"`
			TZMinute                               int  `json:"tz_minute"`
		}
		if json.Unmarshal(want, &d) != nil {
			return false
		}
		offset := d.TZHour*3600 + d.TZMinute*60
		if d.Before {
			offset = -offset
		}
		zone := time.FixedZone("", offset)
		expected := time.Date(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, 0, zone)
		return parseDate(v).Equal(expected) || d.Year < 1970
	})
	each("address", func(v string, want json.RawMessage) bool {
		var w struct {
			List  []struct{ Name, Address string }
			Group []struct {
				Addresses []struct{ Name, Address string }
			}
		}
		if json.Unmarshal(want, &w) != nil {
			return false
		}
		for _, g := range w.Group {
			w.List = append(w.List, g.Addresses...)
		}
		got := parseAddresses(v)
		return slices.EqualFunc(got, w.List, func(a Address, b struct{ Name, Address string }) bool {
			return squash(a.Address) == squash(b.Address) && squash(a.Name) == squash(b.Name)
		})
	})
	each("content_type", func(v string, want json.RawMessage) bool {
		var w struct {
			Type       string `json:"c_type"`
			Sub        string `json:"c_subtype"`
			Attributes [][2]string
		}
		if json.Unmarshal(want, &w) != nil {
			return false
		}
		m := parseMediaType(v)
		whole := w.Type
		if w.Sub != "" {
			whole += "/" + w.Sub
		}
		ok := m.value == whole
		for _, a := range w.Attributes {
			ok = ok && squash(m.text(a[0])) == squash(a[1])
		}
		return ok
	})
	return out
}

func unfoldForTest(header string) string {
	r := headerReader{src: newLineSource(strings.NewReader("Subject:"+header+"\r\n\r\n"), 1<<20, never), limit: 1 << 20, problem: func(string) {}}
	return r.read().get("subject")
}
