package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// askingAt asks one server, as a desk with dns_server does.
func askingAt(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
}

func startDNS(t *testing.T) (*MailDNS, *MailSigner) {
	t.Helper()
	signer, err := OpenMailSigner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dns, err := StartMailDNS(t.Context(), "127.0.0.1:0", signer, nil)
	if err != nil {
		t.Fatalf("StartMailDNS: %v", err)
	}
	t.Cleanup(dns.Stop)
	return dns, signer
}

func TestDNSKnowsTheKeyAndNothingElse(t *testing.T) {
	t.Parallel()
	dns, signer := startDNS(t)
	resolver := askingAt(dns.Addr())
	long := strings.Repeat("a.", 110) + "example" // the answer does not fit into 512 bytes
	for _, domain := range []string{"client.example", "Client.EXAMPLE", "xn--bcher-kva.example", "localhost", long} {
		texts, err := resolver.LookupTXT(t.Context(), mailSelector+"._domainkey."+domain+".")
		if err != nil || len(texts) != 1 || texts[0] != signer.record {
			t.Errorf("%s: %q (%v), want the one key", domain, texts, err)
		}
	}
	// Some resolvers mix upper and lower case at random.
	if texts, err := resolver.LookupTXT(t.Context(), "DeMo._doMAINkey.Client.example."); err != nil || len(texts) != 1 {
		t.Errorf("in mixed case: %q (%v)", texts, err)
	}
	for _, name := range []string{"_dmarc.client.example.", "other._domainkey.client.example.", "client.example.", mailSelector + "._domainkey.", "."} {
		texts, err := resolver.LookupTXT(t.Context(), name)
		var none *net.DNSError
		if !errors.As(err, &none) || !none.IsNotFound || none.IsTemporary || none.IsTimeout {
			t.Errorf("%s: %q (%v), want a plain no", name, texts, err)
		}
	}
	if addrs, err := resolver.LookupHost(t.Context(), mailSelector+"._domainkey.client.example."); err == nil {
		t.Errorf("the key has the address %v", addrs)
	}
}

// query builds a question; size 0 leaves EDNS out.
func query(t testing.TB, name string, size int) []byte {
	t.Helper()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 4711, RecursionDesired: true})
	err := errors.Join(b.StartQuestions(),
		b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET}))
	if size > 0 {
		head := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(".")}
		err = errors.Join(err, b.StartAdditionals(), head.SetEDNS0(size, 0, false), b.OPTResource(head, dnsmessage.OPTResource{}))
	}
	raw, finish := b.Finish()
	if err := errors.Join(err, finish); err != nil {
		t.Fatal(err)
	}
	return raw
}

func parsed(t testing.TB, answer []byte) (m dnsmessage.Message) {
	t.Helper()
	if err := m.Unpack(answer); err != nil {
		t.Fatalf("the answer %q cannot be read: %v", answer, err)
	}
	return m
}

// No answer is larger than the client takes; one that would be is cut to nothing and says so.
func TestDNSAnswersAsLargeAsAsked(t *testing.T) {
	t.Parallel()
	dns, _ := startDNS(t)
	short, long := mailSelector+"._domainkey.b.example.", mailSelector+"._domainkey."+strings.Repeat("a.", 110)+"example."
	for _, test := range []struct {
		name      string
		edns      int
		limit     int
		truncated bool
	}{
		{short, 0, 512, false}, {short, 1, 512, false}, {long, 0, 512, true}, {long, 1, 512, true}, {long, 600, 600, true}, {long, 1232, 1232, false}, {long, 65535, 1232, false},
	} {
		raw := dns.answers.udp(query(t, test.name, test.edns))
		m := parsed(t, raw)
		opts := 0
		for _, extra := range m.Additionals {
			if extra.Header.Type == dnsmessage.TypeOPT {
				opts++
			}
		}
		if len(raw) > test.limit || m.Truncated != test.truncated || (len(m.Answers) == 0) != test.truncated || (opts == 1) != (test.edns > 0) {
			t.Errorf("EDNS %d, %d bytes asked for: %d bytes, truncated %v, %d answers, %d OPT", test.edns, test.limit, len(raw), m.Truncated, len(m.Answers), opts)
		}
		if m.ID != 4711 || !m.Response || !m.RecursionDesired || !m.Authoritative || len(m.Questions) != 1 || m.Questions[0].Name.String() != test.name {
			t.Errorf("the header is %+v over %v", m.Header, m.Questions)
		}
		if m := parsed(t, dns.answers.tcp(query(t, test.name, test.edns))); m.Truncated || len(m.Answers) != 1 {
			t.Errorf("by TCP: truncated %v, %d answers", m.Truncated, len(m.Answers))
		}
	}
}

func TestDNSRefusesWhatItCannotAnswer(t *testing.T) {
	t.Parallel()
	dns, _ := startDNS(t)
	whole := query(t, mailSelector+"._domainkey.b.example.", 1232)
	changed := func(at int, to ...byte) []byte {
		raw := bytes.Clone(whole)
		copy(raw[at:], to)
		return raw
	}
	for name, test := range map[string]struct {
		query []byte
		want  dnsmessage.RCode
	}{
		"status":        {changed(2, 2<<3), dnsmessage.RCodeNotImplemented},
		"no question":   {changed(4, 0, 0), dnsmessage.RCodeFormatError},
		"two questions": {changed(4, 0, 2), dnsmessage.RCodeFormatError},
		"cut off":       {whole[:20], dnsmessage.RCodeFormatError},
		"cut off EDNS":  {whole[:len(whole)-3], dnsmessage.RCodeFormatError},
		"a loop":        {changed(12, 0xc0, 12), dnsmessage.RCodeFormatError},
	} {
		if m := parsed(t, dns.answers.udp(test.query)); m.RCode != test.want || m.ID != 4711 || len(m.Answers) != 0 {
			t.Errorf("%s: %v with %d answers, want %v", name, m.Header, len(m.Answers), test.want)
		}
	}
	for name, silent := range map[string][]byte{"nothing": {}, "half a header": whole[:11], "an answer": changed(2, 0x80)} {
		if answer := dns.answers.udp(silent); answer != nil {
			t.Errorf("%s is answered with %q", name, answer)
		}
	}
}

// The server outlives what is no question, by UDP and by TCP.
func TestDNSOutlivesHostileClients(t *testing.T) {
	t.Parallel()
	dns, _ := startDNS(t)
	for _, network := range []string{"udp", "tcp"} {
		for _, hostile := range []string{"", "\x00", "GET / HTTP/1.0\r\n\r\n", "\xff\xff\x00", strings.Repeat("\xc0\x0c", 3000), "\x00\x0c" + strings.Repeat("\x00", 12)} {
			c, err := net.Dial(network, dns.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, hostile); err != nil {
				t.Logf("the server stopped reading: %v", err)
			}
			c.Close()
		}
	}
	c, err := net.Dial("tcp", dns.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// Several questions on one connection, in pieces.
	raw := query(t, mailSelector+"._domainkey.b.example.", 0)
	raw = append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...)
	for _, piece := range [][]byte{raw[:1], raw[1:9], append(bytes.Clone(raw[9:]), raw...)} {
		if _, err := c.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, answer); err != nil {
			t.Fatal(err)
		}
		if m := parsed(t, answer); len(m.Answers) != 1 {
			t.Errorf("%d answers, want the key", len(m.Answers))
		}
	}
	dns.Stop() // ends the connection that is open
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("after Stop there came %d bytes", n)
	}
	if _, err := StartMailDNS(t.Context(), "nowhere", &MailSigner{}, nil); err == nil {
		t.Error("it listens nowhere")
	}
}

// No packet makes the server panic or say more than its client takes.
func FuzzMailDNS(f *testing.F) {
	signer, err := OpenMailSigner(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	answers, err := newMailDNSAnswers(signer.record)
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"demo._domainkey.b.example.", "_dmarc.b.example.", "."} {
		f.Add(query(f, name, 0))
		f.Add(query(f, name, 4096))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		most := 512
		if bytes.Contains(raw, []byte{0, byte(dnsmessage.TypeOPT)}) {
			most = 1232
		}
		byUDP, byTCP := answers.udp(raw), answers.tcp(raw)
		if (byUDP == nil) != (byTCP == nil) || len(byUDP) > most {
			t.Fatalf("%d bytes by UDP (at most %d), %d by TCP", len(byUDP), most, len(byTCP))
		}
		for _, answer := range [][]byte{byUDP, byTCP} {
			if answer == nil {
				continue
			}
			if m := parsed(t, answer); !m.Response || m.ID != binary.BigEndian.Uint16(raw) {
				t.Fatalf("the answer's header is %+v", m.Header)
			}
		}
	})
}
