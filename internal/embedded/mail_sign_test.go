package embedded

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// signingMail is a mail server that signs, with the DNS that answers for it.
func signingMail(t *testing.T, dir string) (*Mail, *MailDNS) {
	t.Helper()
	signer, err := OpenMailSigner(dir)
	if err != nil {
		t.Fatalf("OpenMailSigner: %v", err)
	}
	dns, err := StartMailDNS(t.Context(), "127.0.0.1:0", signer, nil)
	if err != nil {
		t.Fatalf("StartMailDNS: %v", err)
	}
	t.Cleanup(dns.Stop)
	c := mailConfig(dir)
	c.Sign = signer.Sign
	return startMail(t, c), dns
}

// handIn sends the bytes as they are, which no client library does.
func handIn(t *testing.T, addr string, raw string, authenticated bool) {
	t.Helper()
	auth := ""
	if authenticated {
		auth = "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00boss@client.example\x00"+testPassword)) + "\r\n"
	}
	c := talkTo(t, addr)
	c.say(greeting + auth + strings.TrimPrefix(envelopeFor(testSupport), greeting) + "DATA\r\n" + dotStuffed(raw) + "\r\n.\r\nQUIT\r\n")
	if heard := c.hear(); !strings.Contains(heard, "OK: queued") {
		t.Fatalf("the email was refused: %q", shorten(heard))
	}
}

// newest is the last email of the support mailbox.
func newest(t *testing.T, m *Mail) []byte {
	t.Helper()
	got := inbox(t, m.IMAPAddr(), testSupport)
	if len(got) == 0 {
		t.Fatal("no email came")
	}
	return bodyOf(t, got[len(got)-1])
}

// verified lists the domains whose signatures are good, as a reader finds out
// who asks that DNS.
func verified(t testing.TB, raw []byte, dns *MailDNS) (domains []string) {
	t.Helper()
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		return askingAt(dns.Addr()).LookupTXT(t.Context(), name)
	}})
	if err != nil {
		t.Fatalf("the verifier stumbles: %v", err)
	}
	for _, v := range found {
		if v.Err == nil {
			domains = append(domains, v.Domain)
		} else {
			t.Logf("signature for %s: %v", v.Domain, v.Err)
		}
	}
	return domains
}

func isSigned(raw []byte) bool {
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return bytes.Contains(head, []byte("DKIM-Signature:"))
}

func TestMailHandedInWithAuthIsSigned(t *testing.T) {
	t.Parallel()
	m, dns := signingMail(t, t.TempDir())
	for name, raw := range map[string]string{
		"plain":             "From: Ann <ann@client.example>\r\nTo: b@desk.example\r\nSubject: x\r\n\r\nhello\r\n",
		"8 bit":             "From: ann@client.example\r\nSubject: gr\xc3\xbc\xc3\x9fe\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xe4\xf6\xfc \x80\xff\x00\r\n",
		"bare LF":           "From: ann@client.example\nSubject: x\n folded\n\nhello \n\n  there\n\n\n",
		"bare CR":           "From: ann@client.example\r\nSubject: x\r\n\r\nhel\rlo\r\r\n\r.",
		"dots":              "From: ann@client.example\r\n\r\n.\r\n..\r\n...and more\r\n",
		"no body":           "From: ann@client.example\r\nSubject: x\r\n",
		"empty lines":       "From: ann@client.example\r\n\r\n\r\n \r\n\t\r\n\r\n",
		"upper case":        "FROM : Ann <ann@CLIENT.Example>\r\nsubject: x\r\n\r\nhello\r\n",
		"folded From":       "From: Ann\r\n of\r\n\tSales\r\n <ann@client.example>\r\n\r\nhello\r\n",
		"unknown charset":   "From: =?x-klingon?q?Ann?= <ann@client.example>\r\n\r\nhello\r\n",
		"one long line":     "From: ann@client.example\r\n\r\n" + strings.Repeat("a ", 200_000) + "\r\n",
		"signed by another": "DKIM-Signature: v=1; a=rsa-sha256; d=elsewhere.example; s=x; h=from; bh=AAAA; b=AAAA\r\nFrom: ann@client.example\r\n\r\nhello\r\n",
	} {
		handIn(t, m.SMTPAddr(), raw, true)
		got := newest(t, m)
		if domains := verified(t, got, dns); len(domains) != 1 || domains[0] != "client.example" {
			t.Errorf("%s: good signatures for %q, want one for the From domain", name, domains)
		}
		if !bytes.HasSuffix(got, []byte("\r\n"+raw+"\r\n")) {
			t.Errorf("%s: what was signed is not what was sent", name)
		}
		trace, _, _ := strings.Cut(string(got), "DKIM-Signature: a=rsa-sha256;")
		if !strings.Contains(trace, "Received: ") || strings.Contains(trace, "From: ") || strings.Contains(trace, "elsewhere") {
			t.Errorf("%s: the signature stands below %q, want it between the trace and the email", name, trace)
		}
		handIn(t, m.SMTPAddr(), raw, false)
		if got := newest(t, m); bytes.Contains(got, []byte("s=demo")) {
			t.Errorf("%s: it is signed without AUTH", name)
		}
	}
}

func TestSigningDomain(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.", 116) + "example"
	for raw, want := range map[string]string{
		"From: a@b.example\r\n\r\n":                                                "b.example",
		"From: a@B\u00fccher.Example\n\n":                                          "xn--bcher-kva.example",
		"X: y\r\nFrom: \"a@c\" <\"x@y\"@b.example> (me)\r\n\r\n":                   "b.example",
		"Subject: x\r\n\r\nFrom: a@b.example\r\n\r\n":                              "", // no From
		"From: a@b.example\r\nFrom: c@d.example\r\n\r\n":                           "",
		"From: a@b.example\r\nfrom : a@b.example\r\n\r\n":                          "",
		"From: a@b.example\r\nSubject: x\r\nSUBJECT: y\r\n\r\n":                    "",
		"From: a@b.example\r\nX-Own: x\r\nX-Own: y\r\n\r\n":                        "b.example",
		"From: a@b.example, c@d.example\r\n\r\n":                                   "", // two authors
		"From: us: a@b.example, c@d.example;\r\n\r\n":                              "",
		"From: nobody:;\r\n\r\n":                                                   "",
		"From: a\r\n\r\n":                                                          "",
		"From:\r\n\r\n":                                                            "",
		"From: <>\r\n\r\n":                                                         "",
		"From\r\n\r\n":                                                             "", // a line that belongs to no field
		"From: a@b.example\r\nno field\r\n\r\n":                                    "",
		"From: a@b.example\r\n\u017fubject: folds to an s\r\n\r\n":                 "",
		"From x@y Mon Jan 1 00:00:00 2026\r\nFrom: a@b.example\r\n\r\n":            "", // mbox
		" folded\r\nFrom: a@b.example\r\n\r\n":                                     "", // it would continue the signature
		"From: a@b.example\r\nSubject: no end":                                     "",
		"":                                                                         "",
		"From: a@[192.0.2.1]\r\n\r\n":                                              "",
		"From: a@b;s=x.example\r\n\r\n":                                            "",
		"From: a@b_c.example\r\n\r\n":                                              "",
		"From: a@b..example\r\n\r\n":                                               "",
		"From: a@" + long + "\r\n\r\n":                                             "", // no room for the selector
		"From: a@" + long[4:] + "\r\n\r\n":                                         long[4:],
		"From: a@b.example\r\n" + strings.Repeat(" \n", maxSignedFolds+1) + "\r\n": "",
		"From: a@b.example\r\n" + strings.Repeat(" \n", maxSignedFolds) + "\r\n":   "b.example",
		"From: a@b.example\r\n" + strings.Repeat("X-Own: y\r\n", 15_000) + "\r\n":  "",
	} {
		if got := signingDomain(strings.NewReader(raw)); got != want {
			t.Errorf("%s: the domain is %q, want %q", shorten(fmt.Sprintf("%q", raw)), got, want)
		}
	}
}

// What cannot be signed is taken all the same, as it is.
func TestMailWithoutOneAuthorStaysUnsigned(t *testing.T) {
	t.Parallel()
	m, _ := signingMail(t, t.TempDir())
	for _, raw := range []string{"Subject: nobody\r\n\r\nx", "From: a@b.example\r\nFrom: c@d.example\r\n\r\nx", "no header"} {
		handIn(t, m.SMTPAddr(), raw, true)
		if got := newest(t, m); isSigned(got) || !bytes.HasSuffix(got, []byte("\r\n"+raw+"\r\n")) {
			t.Errorf("%q became %q", raw, got)
		}
	}
}

// Whatever a forger changes or adds on the way breaks the signature.
func TestSignatureHoldsTheEmailTogether(t *testing.T) {
	t.Parallel()
	m, dns := signingMail(t, t.TempDir())
	raw := "From: ann@client.example\r\nTo: b@desk.example\r\nSubject: yes\r\nMessage-ID: <1@client.example>\r\nX-Mailer: y\r\n\r\napproved\r\n"
	handIn(t, m.SMTPAddr(), raw, true)
	signed := string(newest(t, m))
	for what, forged := range map[string]string{
		"body":        strings.Replace(signed, "approved", "rejected", 1),
		"more body":   signed + "x\r\n",
		"subject":     strings.Replace(signed, "Subject: yes", "Subject: no", 1),
		"recipient":   strings.Replace(signed, "To: b@", "To: c@", 1),
		"no id":       strings.Replace(signed, "Message-ID: <1@client.example>\r\n", "", 1),
		"domain":      strings.Replace(signed, "d=client.example", "d=elsewhere.example", 1),
		"From above":  "From: boss@client.example\r\n" + signed,
		"From below":  strings.Replace(signed, "X-Mailer: y", "From: boss@client.example", 1),
		"Subject":     "Subject: no\r\n" + signed,
		"Reply-To":    "Reply-To: evil@elsewhere.example\r\n" + signed,
		"In-Reply-To": strings.Replace(signed, "X-Mailer: y", "In-Reply-To: <2@desk.example>", 1),
		"MIME":        "Content-Type: text/html\r\n" + signed,
	} {
		if forged == signed {
			t.Fatalf("%s: nothing was changed", what)
		}
		if domains := verified(t, []byte(forged), dns); len(domains) != 0 {
			t.Errorf("%s: the signature is still good for %q", what, domains)
		}
	}
	for what, same := range map[string]string{
		"a field of the way": "Received: from there\r\n" + signed,
		"another folding":    strings.Replace(signed, "Subject: yes", "subject:\r\n\tyes ", 1),
	} {
		if domains := verified(t, []byte(same), dns); len(domains) != 1 {
			t.Errorf("%s: the signature is broken", what)
		}
	}
}

func TestOldMailVerifiesAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m, dns := signingMail(t, dir)
	handIn(t, m.SMTPAddr(), "From: ann@client.example\r\n\r\nbefore", true)
	stopped(t, m)
	dns.Stop()
	m, dns = signingMail(t, dir)
	if domains := verified(t, newest(t, m), dns); len(domains) != 1 {
		t.Errorf("good signatures for %q after a restart, want one", domains)
	}
}

func TestSignedTwentyMebibytes(t *testing.T) {
	t.Parallel()
	m, dns := signingMail(t, t.TempDir())
	raw := testEmail("large", 20<<20)
	handIn(t, m.SMTPAddr(), string(raw), true)
	got := newest(t, m)
	if domains := verified(t, got, dns); len(domains) != 1 || !bytes.HasSuffix(got, append(raw, "\r\n"...)) {
		t.Errorf("good signatures for %q, want one, over the bytes sent", domains)
	}
}

// slowReader gives a few bytes at a time, and ends as it is told.
type slowReader struct {
	left int
	end  error
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, r.end
	}
	n := min(len(p), r.left, 700)
	r.left -= n
	return n, nil
}

// A large email lies in memory once, and one that breaks off is not taken for whole.
func TestMailBodyIsHeldOnce(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, mailFirstPiece, mailFirstPiece + 1, 100_000, 20 << 20} {
		body, err := readMailBody(&slowReader{left: size, end: net.ErrClosed})
		if err != net.ErrClosed || body.size() != size {
			t.Errorf("%d bytes that break off: %d came, and the error %v", size, body.size(), err)
		}
		held := 0
		for _, piece := range body {
			held += cap(piece)
		}
		if held > 2*size+mailFirstPiece || held > size+mailLargestPiece+mailFirstPiece {
			t.Errorf("%d bytes take %d in memory", size, held)
		}
	}
}

func TestMailKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, mailKeyName)
	// Whoever comes at the same time gets the same key.
	var opening sync.WaitGroup
	var records [4]string
	for i := range records {
		opening.Go(func() {
			s, err := OpenMailSigner(dir)
			if err != nil {
				t.Errorf("OpenMailSigner: %v", err)
				return
			}
			records[i] = s.record
		})
	}
	opening.Wait()
	for _, record := range records {
		if record != records[0] {
			t.Errorf("keys %q and %q", record, records[0])
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v (%v), want mode 0600", info.Mode(), err)
	}
	if left, err := filepath.Glob(path + ".*"); len(left) != 0 || err != nil {
		t.Errorf("%v was left behind (%v)", left, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string]string{
		"empty": "", "half": string(whole[:len(whole)/2]), "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"Ed25519": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n",
	} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenMailSigner(dir); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error is %v, want one line that names the file", name, err)
		}
	}
}

// Whatever is signed verifies, and nothing makes the signer stumble.
func FuzzMailSigning(f *testing.F) {
	dir := f.TempDir()
	signer, err := OpenMailSigner(dir)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"From: a@b.example\r\n\r\nx", "From: a@b.example\nSubject: x\n y\r\r\n\n\r", "From : \"x\"\r\n <a@b.example>\r\nTo: \x00\xff\r\n\r\n \r\n\t\r\n",
		"DKIM-Signature: b=x; h=from\r\nFrom: a@b.example\r\n\r\n.", "From:a@b.example\r\nContent-Type:\r\nReferences: \r\n  \r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		domain := signingDomain(bytes.NewReader(raw))
		if domain == "" {
			return
		}
		field, err := signer.Sign(bytes.NewReader(raw), domain)
		if err != nil {
			t.Fatalf("domain %q: %v", domain, err)
		}
		found, err := dkim.VerifyWithOptions(bytes.NewReader(append(field, raw...)), &dkim.VerifyOptions{MaxVerifications: 1,
			LookupTXT: func(name string) ([]string, error) {
				if name != mailSelector+"._domainkey."+domain {
					t.Fatalf("the key is looked for at %q", name)
				}
				return []string{signer.record}, nil
			}})
		if len(found) != 1 || found[0].Err != nil {
			t.Fatalf("it does not verify: %v, %+v", err, found)
		}
	})
}
