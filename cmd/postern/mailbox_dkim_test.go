package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	verifier "github.com/emersion/go-msgauth/dkim"
)

// published reads name and value of the newest key as the command prints them; the zone file's line says the same.
func published(t *testing.T, out string) (name, value string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^    name:  (\S+)\n    value: (.+)\n  in a zone file\n    (\S+)\. 3600 IN TXT (.+)$`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no record in\n%s", out)
	}
	if joined := strings.ReplaceAll(strings.Trim(found[4], `"`), `" "`, ""); found[1] != found[3] || found[2] != joined {
		t.Errorf("the zone file's line is another record:\n%s", out)
	}
	return found[1], found[2]
}

func withDNS(t *testing.T, s *service, records map[string][]string) []string {
	t.Helper()
	return append([]string{"POSTERN_DNS_SERVER=" + nameServer(t, records)}, s.settings...)
}

// Tried, as an operator does it: the key is made and printed, signing is refused until DNS has it, then on in a running
// desk whose letter arrives and verifies; the next key beside it, the switch, and off. No output tells the private half.
func TestLettersAreSignedStepByStep(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.serve(t)
	all := ""
	run := func(settings []string, args ...string) string {
		out := succeed(t, settings, append([]string{"mailbox", "dkim", "support@desk.example"}, args...)...)
		all += out
		return out
	}
	nothing := withDNS(t, s, nil)
	out := run(nothing)
	name, value := published(t, out)
	if !strings.HasPrefix(out, "letters of desk.example are not signed\n") || !strings.Contains(out, "DNS: there is no record") || !strings.Contains(out, "postern mailbox dkim support@desk.example --on") ||
		!strings.HasSuffix(name, "._domainkey.desk.example") || !strings.HasPrefix(value, "v=DKIM1; k=rsa; p=") {
		t.Errorf("at first:\n%s", out)
	}
	if again := run(nothing); again != out {
		t.Errorf("asked again, it says\n%s", again)
	}
	for want, c := range map[string]struct {
		settings []string
		args     []string
	}{
		"there is no record":                 {nothing, []string{"--on"}},
		"the record has another key":         {withDNS(t, s, map[string][]string{name: {"v=DKIM1; p=AAAA"}}), []string{"--on"}},
		"DNS does not answer":                {append([]string{"POSTERN_DNS_SERVER=" + silentServer(t)}, s.settings...), []string{"--on"}},
		"has no such key":                    {nothing, []string{"--on", "--selector", "other"}},
		"a selector is made of":              {nothing, []string{"--rotate", "--selector", "Other"}},
		"--unchecked goes with --on":         {nothing, []string{"--unchecked"}},
		"--selector not with --off":          {nothing, []string{"--off", "--selector", "x"}},
		"can't be used together":             {nothing, []string{"--on", "--off"}},
		"there is no mailbox x@desk.example": {nothing, nil},
	} {
		address := "support@desk.example"
		if c.args == nil {
			address = "x@desk.example"
		}
		if _, errs, status := command(t, c.settings, append([]string{"mailbox", "dkim", address}, c.args...)...); status == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, want %q:\n%s", c.args, status, want, errs)
		}
	}
	right := withDNS(t, s, map[string][]string{name: {value}})
	if out := run(right, "--on"); !strings.HasPrefix(out, "letters of desk.example are signed with ") || !strings.Contains(out, "DNS: the key is there") || strings.Contains(out, "value:") {
		t.Errorf("switched on:\n%s", out)
	}
	if out := succeed(t, right, "mailbox", "check", "support@desk.example"); !strings.Contains(out, "ok    DKIM key "+name) {
		t.Errorf("check says\n%s", out)
	}
	if out, _, status := command(t, nothing, "mailbox", "check", "support@desk.example"); status != 1 || !strings.Contains(out, "FAIL  DKIM key "+name+": there is no record; publish") {
		t.Errorf("without the record check says\n%s", out)
	}
	records := map[string]string{name: value}
	waitFor(t, patience, "letters arrive signed", func() bool { return s.signedLetter(t, records) == 1 })
	out = run(right, "--rotate", "--selector", "next")
	name2, value2 := published(t, out)
	if name2 != "next._domainkey.desk.example" || !strings.Contains(out, ": it signs") || !strings.Contains(out, ": the next one") {
		t.Errorf("rotated:\n%s", out)
	}
	records[name2] = value2
	out = run(withDNS(t, s, map[string][]string{name: {value}, name2: {value2}}), "--on")
	if !strings.HasPrefix(out, "letters of desk.example are signed with next\n") || !strings.Contains(out, ": the last one; leave its record") {
		t.Errorf("switched over:\n%s", out)
	}
	if out := run(nothing, "--on", "--selector", strings.Split(name, ".")[0], "--unchecked"); !strings.Contains(out, "signed with "+strings.Split(name, ".")[0]) {
		t.Errorf("switched back unchecked:\n%s", out)
	}
	if out := run(nothing, "--off"); !strings.HasPrefix(out, "letters of desk.example are not signed\n") {
		t.Errorf("switched off:\n%s", out)
	}
	waitFor(t, patience, "letters arrive unsigned", func() bool { return s.signedLetter(t, records) == 0 })
	if strings.Contains(all, "PRIVATE") || regexp.MustCompile(`MII[CEJ]`).MatchString(strings.ReplaceAll(all, "p=MIIBIj", "")) {
		t.Error("the commands tell the private half")
	}
}

// signedLetter has the desk acknowledge a ticket, and counts the good signatures on what arrives.
func (s *service) signedLetter(t *testing.T, records map[string]string) (good int) {
	t.Helper()
	id, _, _ := strings.Cut(unique(), "@")
	subject, address := "Signed? "+id, "ann-"+id+"@client.example"
	s.send(t, address, s.SupportAddress, subject, "", "x")
	raw := s.letter(t, address, subject)
	found, err := verifier.VerifyWithOptions(strings.NewReader(raw), &verifier.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if record, ok := records[name]; ok {
			return []string{record}, nil
		}
		return nil, errors.New("no such name: " + name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if v.Err != nil || v.Domain != "desk.example" {
			t.Errorf("a signature of %s: %v\n%s", v.Domain, v.Err, raw)
			continue
		}
		good++
	}
	return good
}

// Tried: what the doctor says of the key at each state of DNS and of the switch, and of a probe that is signed.
func TestDoctorLooksAtTheKey(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	name, value := published(t, succeed(t, s.settings, "mailbox", "dkim", "support@desk.example", "--selector", "one"))
	line := "DKIM key " + name
	dns := func(records ...string) []string { return withDNS(t, s, map[string][]string{name: records}) }
	examine(t, dns(), "--no-probe").want(t, "warn", line, "not signed with it yet", "no record", "--on")
	examine(t, dns(value), "--no-probe").want(t, "warn", line, "the key is there", "postern mailbox dkim support@desk.example --on")
	succeed(t, dns(value), "mailbox", "dkim", "support@desk.example", "--on")
	for words, records := range map[string][]string{
		"there is no record": {}, "another key": {"v=DKIM1; k=rsa; p=AAAA"}, "several records": {value, "v=DKIM1; p="}, "revoked": {"v=DKIM1; p="},
		"cannot be read": {"please publish"}, "only the beginning": {value[:200]},
	} {
		examine(t, dns(records...), "--no-probe").want(t, "fail", line, "letters are signed, but", words)
	}
	examine(t, dns(value+"; t=y"), "--no-probe").want(t, "warn", line, "test mode", "t=y")
	examine(t, append([]string{"POSTERN_DNS_SERVER=" + silentServer(t)}, s.settings...), "--no-probe").want(t, "warn", line, "POSTERN_DNS_SERVER")
	quiet := examine(t, dns(value), "--no-probe")
	quiet.want(t, "ok", line, "letters are signed, and the key is there")
	for _, c := range quiet.Checks {
		if c.Name == "DKIM of desk.example" {
			t.Errorf("without a probe it guesses: %+v", c)
		}
	}
	examine(t, dns(value)).want(t, "ok", "DKIM of desk.example", name)
	s.fixture(t, `update dkim_keys set secret = '\x01'`)
	examine(t, dns(value), "--no-probe").want(t, "fail", "DKIM key of desk.example", "letters wait", "--rotate")
}

// Tried: the client secret and the refresh token of a mailbox that signs in, given anew at the command line.
func TestOAuthSecretsAreSet(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s.settings = s.settings[:len(s.settings)-1] // no password
	succeed(t, s.settings, "mailbox", "add", "sales@desk.example", "--imap=127.0.0.1:1", "--imap-security=none", "--smtp=127.0.0.1:1", "--smtp-security=none", "--auth=oauth2",
		"--oauth-provider=google", "--oauth-client-id=app")
	before := s.count(t, "select version from mailboxes where address = 'sales@desk.example'")
	secret, token, empty := file("secret", "s3cret-horse\r\n"), file("token", "refresh-1\n"), file("empty", "\n")
	set := []string{"mailbox", "set", "sales@desk.example"}
	out := succeed(t, s.settings, append(set, "--oauth-client-secret-file", secret)...)
	out += succeed(t, s.settings, append(set, "--oauth-refresh-token-file", token)...)
	if strings.Contains(out, "horse") || strings.Contains(out, "refresh-1") {
		t.Errorf("set says\n%s", out)
	}
	if n := s.count(t, "select version from mailboxes where address = 'sales@desk.example'"); n != before+2 {
		t.Errorf("version %d, want two more than %d", n, before)
	}
	for want, args := range map[string][]string{
		"is empty":                  {"sales@desk.example", "--oauth-client-secret-file", empty},
		"no such file":              {"sales@desk.example", "--oauth-refresh-token-file", filepath.Join(dir, "none")},
		"would never be used":       {"support@desk.example", "--oauth-refresh-token-file", token},
		"logs in another way: this": {"support@desk.example", "--oauth-client-secret-file", secret},
	} {
		if _, errs, status := command(t, s.settings, append([]string{"mailbox", "set"}, args...)...); status != 1 || !strings.Contains(errs, want) || strings.Contains(errs, "horse") {
			t.Errorf("%v: status %d, want %q:\n%s", args, status, want, errs)
		}
	}
}
