package dkim

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	verifier "github.com/emersion/go-msgauth/dkim"
)

// testKey is one key for all tests: making one takes a while.
var testKey = sync.OnceValue(func() Key {
	k, err := NewKey("desk.example", "one")
	if err != nil {
		panic(err)
	}
	return k
})

// verify holds an email against the DNS of the test: only the key's own name has a record.
func verify(t testing.TB, email []byte) (good int, problems error) {
	t.Helper()
	k := testKey()
	found, err := verifier.VerifyWithOptions(bytes.NewReader(email), &verifier.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name == RecordName(k.Selector, k.Domain) {
			return []string{Record(k.Public())}, nil
		}
		return nil, errors.New("no such name")
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if v.Err == nil && v.Domain == k.Domain {
			good++
		}
		problems = errors.Join(problems, v.Err)
	}
	return good, problems
}

const plain = "From: Desk <support@desk.example>\r\nTo: ann@client.example\r\nSubject: =?utf-8?q?H=C3=A9llo?=\r\nDate: Thu, 01 Oct 2026 10:00:00 +0000\r\n" +
	"Message-ID: <1@desk.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"

// Tried: bodies with what canonical forms differ in; what servers do on the way that must not matter, and what
// somebody else would do that must.
func TestSignatureSurvivesTransportAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a line": "Hello\r\n", "none": "", "no line end": "Hello", "blank lines": "\r\n\r\nHello\r\n\r\n\r\n", "dots": ".\r\n..\r\n.hidden\r\n",
		"8 bit": "Gr\xc3\xbc\xc3\x9fe \xff\xfe\r\n", "a long line": strings.Repeat("x", 5000) + "\r\n", "trailing spaces": "a  \t\r\n b\t c \r\n",
		"large": strings.Repeat("0123456789abcdef\r\n", 100_000),
	} {
		field, err := testKey().Sign([]byte(plain + body))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(field, []byte("DKIM-Signature: ")) || !bytes.HasSuffix(field, []byte("\r\n")) || bytes.Contains(field, []byte("\r\n\r\n")) {
			t.Fatalf("%s: the field is %q", name, field)
		}
		signed := string(field) + plain + body
		for what, email := range map[string]string{
			"as it is":         signed,
			"with a trace":     "Received: from a by b; Thu, 01 Oct 2026 10:00:00 +0000\r\n" + signed,
			"folded elsewhere": strings.Replace(signed, "To: ann@client.example", "to:\r\n\t ann@client.example", 1),
			"with blank lines": signed + "\r\n\r\n",
		} {
			if body == "Hello" && what == "with blank lines" {
				continue // that only ends the line
			}
			if good, err := verify(t, []byte(email)); good != 1 {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		for what, email := range map[string]string{
			"another subject":      strings.Replace(signed, "H=C3=A9llo", "Bye", 1),
			"a second From":        "From: <boss@desk.example>\r\n" + signed,
			"a second Subject":     "Subject: Pay\r\n" + signed,
			"a Reply-To":           "Reply-To: eve@evil.example\r\n" + signed,
			"a Cc":                 "Cc: eve@evil.example\r\n" + signed,
			"a second To":          strings.Replace(signed, "Subject:", "To: eve@evil.example\r\nSubject:", 1),
			"another Content-Type": "Content-Type: text/html\r\n" + signed,
			"text added":           signed + "more\r\n",
		} {
			if good, _ := verify(t, []byte(email)); good != 0 {
				t.Errorf("%s, %s: it still verifies", name, what)
			}
		}
	}
}

func TestKeyIsOpenedAgainAndTellsNothing(t *testing.T) {
	t.Parallel()
	k := testKey()
	again, err := OpenKey(k.Domain, k.Selector, k.PKCS8())
	if err != nil || again.Public() != k.Public() {
		t.Fatalf("opened: %v", err)
	}
	if n := k.private.N.BitLen(); n != 2048 {
		t.Errorf("%d bits", n)
	}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s", k, k, k, k), fmt.Sprintf("%+v", struct{ K Key }{k})} {
		if strings.Contains(text, k.private.D.String()[:20]) || !strings.Contains(text, "one._domainkey.desk.example") {
			t.Errorf("it prints as %.200s", text)
		}
	}
	for _, bad := range [][]byte{nil, []byte("x"), k.PKCS8()[:600]} {
		if _, err := OpenKey("d", "s", bad); err == nil {
			t.Error("a broken key is opened")
		}
	}
	for selector, good := range map[string]bool{"a": true, "desk-2026": true, "a.b": true, "": false, ".": false, "a.": false, "-a": false, "a-": false,
		"A": false, "a_b": false, "é": false, "a b": false, strings.Repeat("a", 64): false, strings.Repeat("a.", 60) + "a": false} {
		if err := CheckSelector(selector); (err == nil) != good {
			t.Errorf("selector %q: %v", selector, err)
		}
	}
}

// Tried: what consoles and people make of a record.
func TestRecordIsCompared(t *testing.T) {
	t.Parallel()
	public := testKey().Public()
	record := Record(public)
	for name, c := range map[string]struct {
		found     []string
		published bool
		words     string
	}{
		"ours":               {[]string{record}, true, "the key is there"},
		"without a version":  {[]string{"p=" + public}, true, "the key is there"},
		"spaced":             {[]string{"v=DKIM1 ;k = rsa;  p=" + public[:100] + " " + public[100:] + " ; "}, true, "the key is there"},
		"noted":              {[]string{record + "; n=by hand; s=email; h=sha256:sha1; t=s"}, true, "the key is there"},
		"any service":        {[]string{record + "; s=*"}, true, "the key is there"},
		"none":               {nil, false, "no record"},
		"several":            {[]string{record, record}, false, "several"},
		"another":            {[]string{Record("AAAA")}, false, "another key"},
		"cut":                {[]string{record[:200]}, false, "only the beginning"},
		"revoked":            {[]string{"v=DKIM1; p="}, false, "revoked"},
		"no key":             {[]string{"v=DKIM1; k=rsa"}, false, "no key"},
		"SPF there":          {[]string{"v=spf1 -all"}, false, "another version"},
		"words":              {[]string{"hello"}, false, "cannot be read"},
		"twice":              {[]string{record + "; p="}, false, "cannot be read"},
		"backslashes":        {[]string{`v=DKIM1\; k=rsa\; p=` + public}, false, "another version"},
		"empty":              {[]string{""}, false, "no key"},
		"Ed25519":            {[]string{"k=ed25519; p=" + public}, false, "another kind"},
		"SHA-1":              {[]string{"h=sha1; p=" + public}, false, "other hashes"},
		"for something else": {[]string{"s=other; p=" + public}, false, "other services"},
	} {
		got := Compare(c.found, public)
		if got.Published != c.published || !strings.Contains(got.Seen, c.words) || (got.Remedy == "") != c.published {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Compare([]string{record + "; t=y:s"}, public); !got.Published || !got.Testing || got.Remedy == "" {
		t.Errorf("in test mode: %+v", got)
	}
	zone := ZoneStrings(record)
	if joined := strings.ReplaceAll(strings.Trim(zone, `"`), `" "`, ""); joined != record || strings.Count(zone, `"`) != 4 {
		t.Errorf("in a zone file: %s", zone)
	}
}

// FuzzCompare: a record is written by strangers, or by nobody in particular. Whatever it is, it is judged, in one
// line of bounded length.
func FuzzCompare(f *testing.F) {
	for _, seed := range []string{"v=DKIM1; k=rsa; p=AAAA", "p=", ";", "=;=", "v=DKIM1;p=A A\tA;t=y", "\xff=\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, record string) {
		got := Compare([]string{record}, "AAAA")
		if got.Seen == "" || len(got.Seen) > 250 || strings.Contains(got.Seen, "\n") {
			t.Errorf("%q: %+v", record, got)
		}
		if got.Published && !strings.Contains(strings.Join(strings.Fields(record), ""), "p=AAAA") {
			t.Errorf("%q: the key is not in it", record)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	letter := []byte(plain + strings.Repeat("A line of a letter that somebody reads.\r\n", 100))
	for b.Loop() {
		if _, err := testKey().Sign(letter); err != nil {
			b.Fatal(err)
		}
	}
}
