package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
)

// header reads one field of a raw email.
func header(t *testing.T, raw, field string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header.Get(field)
}

// TestDemoTellsItsStory starts the demo from nothing and follows one request through it: the email, the
// ticket and why it stands where it does, what the client and the staff get, the answer, the reply.
func TestDemoTellsItsStory(t *testing.T) {
	t.Parallel()
	d := demo(t, nil, openFolder(t))
	for _, subject := range []string{"Card reader at the till", "Urgent: ovens offline", "Question about your opening hours"} {
		d.ticket(t, subject)
	}
	for _, words := range []string{d.API + "/support", d.APIKey, d.SMTP, d.IMAP, d.IMAPPassword, "Ctrl-C"} {
		if !strings.Contains(d.child.said.String(), words) {
			t.Errorf("the screen does not tell %q", words)
		}
	}

	sent := d.send(t, "maya@harbour.example", d.SupportAddress, "Hello", "", "May I ask something?")
	ticket := d.thread(t, d.ticket(t, "Hello").text("id"))
	if ticket.inner("contact").text("name") != "Maya Hart" || ticket.text("client_id") == "" {
		t.Errorf("linked to %v of client %q", ticket["contact"], ticket.text("client_id"))
	}
	if ticket.text("priority") != "high" || !strings.Contains(fmt.Sprint(ticket["priority_reasons"]), "VIP") {
		t.Errorf("priority %s because %v; she is a VIP", ticket.text("priority"), ticket["priority_reasons"])
	}
	number := fmt.Sprintf("#%v", ticket["number"])
	acknowledgement := d.letter(t, "maya@harbour.example", number)
	if header(t, acknowledgement, "In-Reply-To") != "<"+sent+">" || header(t, acknowledgement, "Auto-Submitted") == "" {
		t.Errorf("the acknowledgement is no answer of a program to her email:\n%s", acknowledgement)
	}
	d.letter(t, d.StaffAddress, number)

	d.ask(t, http.MethodPost, "/v1/tickets/"+ticket.text("id")+"/messages", object{"visibility": "everyone", "body": "Of course you may."})
	answer := d.letter(t, "maya@harbour.example", "Of course you may.")
	if header(t, answer, "In-Reply-To") != "<"+sent+">" || !strings.Contains(header(t, answer, "References"), sent) || header(t, answer, "Auto-Submitted") != "" {
		t.Errorf("the answer is not threaded:\n%s", answer)
	}
	d.send(t, "maya@harbour.example", header(t, answer, "Reply-To"), "Re: Hello", "In-Reply-To: "+header(t, answer, "Message-Id")+"\r\n", "Thank you.")
	waitFor(t, patience, "her reply is on the ticket", func() bool { return len(d.thread(t, ticket.text("id")).list("messages")) == 3 })
	if full := d.thread(t, ticket.text("id")); full.text("status") != "open" || len(d.tickets(t, "Re: Hello")) != 0 {
		t.Errorf("after the reply: status %s, %d tickets of its own", full.text("status"), len(d.tickets(t, "Re: Hello")))
	}
	expectOneRecord(t, d, ticket.text("id"))
}

// expectOneRecord wants each event of the ticket to be an audit entry under the same id.
func expectOneRecord(t *testing.T, d *desk, id string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `select w.type || ' ' || (a.event_id is not null) || ' ' || coalesce(a.kind, '') from webhook_events w
		left join audit_entries a on a.event_id = w.id where w.subject_id = $1 order by w.sequence`, id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ticket.opened true ticket.opened", "ticket.replied true ticket.replied", "ticket.replied true ticket.replied"}
	if !slices.Equal(got, want) {
		t.Errorf("events and their entries %v, want %v", got, want)
	}
}

// An email is a ticket within a second of the server's 250. The best of several counts: the machine does
// other things too.
func TestEmailIsATicketWithinASecond(t *testing.T) {
	t.Parallel()
	d := demo(t, nil, openFolder(t), "--empty")
	var took []time.Duration
	for i := range 5 {
		subject := fmt.Sprintf("measured %d", i)
		began := time.Now()
		d.send(t, fmt.Sprintf("m%d@client.example", i), d.SupportAddress, subject, "", "x")
		d.ticket(t, subject)
		took = append(took, time.Since(began).Round(time.Millisecond))
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("from MAIL FROM to the API: %v", took)
	if slices.Min(took) > time.Second {
		t.Errorf("the quickest took %s", slices.Min(took))
	}
	if n := len(d.ask(t, http.MethodGet, "/v1/tickets?limit=100", nil).list("items")); n != 5 {
		t.Errorf("%d tickets in an empty demo that got 5 emails", n)
	}
}

// One email, two replies to it and a post of the form are two tickets.
func TestRow021_EmailAndFormMakeTicketsAndRepliesThread(t *testing.T) {
	t.Parallel()
	d := demo(t, nil, openFolder(t), "--empty")
	sent := d.send(t, "ann@client.example", d.SupportAddress, "Printer on fire", "", "Please help.")
	ticket := d.ticket(t, "Printer on fire")
	answerTo := header(t, d.letter(t, "ann@client.example", "Printer on fire"), "Reply-To")
	d.send(t, "ann@client.example", d.SupportAddress, "Re: Printer on fire", "In-Reply-To: <"+sent+">\r\nReferences: <"+sent+">\r\n", "It is out.")
	d.send(t, "ann@client.example", answerTo, "and another thing", "", "It burns again.")
	response, err := http.PostForm(d.API+"/support", url.Values{"name": {"Bob"}, "email": {"bob@client.example"}, "subject": {"From the form"}, "message": {"Hello."}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= 400 {
		t.Fatalf("the form says %s", response.Status)
	}
	form := d.ticket(t, "From the form")
	waitFor(t, patience, "both replies are on the ticket", func() bool { return len(d.thread(t, ticket.text("id")).list("messages")) == 3 })
	if all := d.ask(t, http.MethodGet, "/v1/tickets?limit=100", nil).list("items"); len(all) != 2 {
		t.Errorf("%d tickets, want 2", len(all))
	}
	if form.text("channel") != "form" || ticket.text("channel") != "email" {
		t.Errorf("channels %s and %s", form.text("channel"), ticket.text("channel"))
	}
	var dispositions []string
	for _, e := range d.ask(t, http.MethodGet, "/v1/inbound-emails?limit=100", nil).list("items") {
		dispositions = append(dispositions, e.text("disposition"))
	}
	slices.Sort(dispositions)
	if !slices.Equal(dispositions, []string{"opened", "replied", "replied"}) {
		t.Errorf("dispositions %v", dispositions)
	}
}

// TestDemoGoesOnAfterAKill kills an ordinary user's demo with emails on their way and starts it again on
// the same data: the same key, the same password, each email one ticket. Then Ctrl-C ends everything.
func TestDemoGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		as = &syscall.Credential{Uid: 65534, Gid: 65534}
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	first := demo(t, as, dir, "--empty")
	first.send(t, "ann@client.example", first.SupportAddress, "before", "", "x")
	first.ticket(t, "before")
	for i := range 8 {
		first.send(t, fmt.Sprintf("k%d@client.example", i), first.SupportAddress, fmt.Sprintf("on its way %d", i), "", "x")
	}
	first.child.kill()

	second := demo(t, as, dir, "--empty")
	if second.APIKey != first.APIKey || second.IMAPPassword != first.IMAPPassword {
		t.Error("the second start has another key or password")
	}
	second.ticket(t, "before")
	for i := range 8 {
		second.ticket(t, fmt.Sprintf("on its way %d", i))
	}
	second.send(t, "zoe@client.example", second.SupportAddress, "afterwards", "", "x")
	second.ticket(t, "afterwards")
	if n := len(second.ask(t, http.MethodGet, "/v1/tickets?limit=100", nil).list("items")); n != 10 {
		t.Errorf("%d tickets for 10 emails", n)
	}
	second.letter(t, "zoe@client.example", "afterwards")

	began := time.Now()
	second.child.interrupt(t)
	if code := second.child.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("Ctrl-C gave exit status %d", code)
	}
	t.Logf("Ctrl-C took %s", time.Since(began).Round(time.Millisecond))
	waitFor(t, 10*time.Second, "no process of the demo is left", func() bool { return len(processesWith(t, dir)) == 0 })
	for _, address := range []string{second.API + "/readyz", "http://" + second.SMTP, "http://" + second.IMAP} {
		if response, err := http.Get(address); err == nil {
			response.Body.Close()
			t.Errorf("%s still answers", address)
		}
	}
}

// processesWith finds the processes whose command line names the folder.
func processesWith(t *testing.T, dir string) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(dir)) {
			found = append(found, string(bytes.ReplaceAll(text, []byte{0}, []byte(" "))))
		}
	}
	return found
}

// A second demo on the same folder says who runs there and what to do, and harms nothing.
func TestSecondDemoOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	d := demo(t, nil, openFolder(t), "--empty")
	// The ports are those of the first: that is not what to complain about.
	_, errs, status := command(t, nil, "demo", "--data", d.dir, "--listen", strings.TrimPrefix(d.API, "http://"), "--smtp", d.SMTP, "--imap", d.IMAP)
	if status != 1 || strings.Count(errs, "\n") != 1 {
		t.Errorf("status %d, and not one line:\n%s", status, errs)
	}
	for _, words := range []string{"already running in " + d.dir, d.API, fmt.Sprintf("kill %d", d.child.command.Process.Pid), "--data"} {
		if !strings.Contains(errs, words) {
			t.Errorf("it does not say %q:\n%s", words, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(d.dir, "demo.json")); err != nil {
		t.Errorf("the second demo took the first one's demo.json: %v", err)
	}
	d.send(t, "ann@client.example", d.SupportAddress, "still here", "", "x")
	d.ticket(t, "still here")
}

// Before the first has told where it is, there is its process to name.
func TestSecondDemoWhileTheFirstStarts(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	first := start(t, nil, nil, "demo", "--empty", "--data", dir, "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0")
	waitFor(t, patience, "it has the lock", func() bool { return strings.Contains(first.said.String(), "Starting") })
	_, errs, status := command(t, nil, "demo", "--data", dir)
	if _, err := os.Stat(filepath.Join(dir, "demo.json")); err == nil {
		t.Skip("the first was quicker") // the other test has this case
	}
	if want := fmt.Sprintf("still starting, process %d", first.command.Process.Pid); status != 1 || !strings.Contains(errs, want) {
		t.Errorf("status %d, want 1 and %q:\n%s", status, want, errs)
	}
}

// A port that is taken, or cannot be, is told with its flag, its address and the remedy, in one line.
func TestDemoPortsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()
	for _, flag := range []string{"--listen", "--smtp", "--imap"} {
		for address, want := range map[string][]string{
			busy:           {"postern: " + flag + ": ", busy, "already", flag + " 127.0.0.1:0 takes a free one"},
			"192.0.2.1:80": {"postern: " + flag + ": ", "192.0.2.1", "no address", "127.0.0.1"},
			"nowhere":      {flag, "nowhere", "host:port"},
		} {
			if flag == "--listen" && address != busy {
				continue // a setting: the configuration's own check is first
			}
			args := []string{"demo", "--data", openFolder(t)}
			for _, other := range []string{"--listen", "--smtp", "--imap"} {
				if other != flag {
					args = append(args, other, "127.0.0.1:0")
				}
			}
			_, errs, status := command(t, nil, append(args, flag, address)...)
			if status == 0 {
				t.Errorf("%s %s is accepted", flag, address)
			}
			for _, words := range want {
				if !strings.Contains(lastLine(errs), words) {
					t.Errorf("%s %s: the last line lacks %q:\n%s", flag, address, words, errs)
				}
			}
		}
	}
}

// The demo has every role, whatever the environment gives to the desks of this machine.
func TestDemoHasEveryRole(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	c := start(t, nil, []string{"POSTERN_ROLES=worker"}, "demo", "--data", dir, "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0", "--empty")
	waitFor(t, patience, "the demo answers", func() bool { return strings.Contains(c.said.String(), "The desk is open") || c.over() })
	if _, err := os.Stat(filepath.Join(dir, "demo.json")); err != nil {
		t.Errorf("%v\n%s", err, c.said)
	}
}

func (c *child) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Ctrl-C in the middle of the start ends it without a complaint, and the next start finds nothing in its way.
func TestDemoInterruptedWhileItStarts(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	c := start(t, nil, nil, "demo", "--empty", "--data", dir, "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0")
	waitFor(t, patience, "it makes the database", func() bool {
		_, err := os.Stat(filepath.Join(dir, "postgres"))
		return err == nil || c.over()
	})
	c.interrupt(t)
	if code := c.command.ProcessState.ExitCode(); code != 0 || strings.Contains(c.said.String(), "postern:") || !strings.Contains(c.said.String(), "Stopped before") {
		t.Errorf("exit status %d:\n%s", code, c.said)
	}
	waitFor(t, 10*time.Second, "no process of the demo is left", func() bool { return len(processesWith(t, dir)) == 0 })
	d := demo(t, nil, dir, "--empty")
	d.send(t, "ann@client.example", d.SupportAddress, "at last", "", "x")
	d.ticket(t, "at last")
}

// A damaged file of the demo is named with the remedy.
func TestDemoWithDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"demo-secrets.json", "mail/dkim.key"} {
		dir := openFolder(t)
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errs, status := command(t, nil, "demo", "--data", dir, "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0")
		if last := lastLine(errs); status != 1 || !strings.Contains(last, path) || !strings.Contains(last, "remove the f") {
			t.Errorf("%s: status %d, want 1 and what to remove:\n%s", file, status, errs)
		}
	}
}

// handIn is send with SMTP AUTH, as whoever writes.
func (d *desk) handIn(t *testing.T, from, subject string) {
	t.Helper()
	c, err := gosmtp.Dial(d.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", from, d.IMAPPassword)); err != nil {
		t.Fatal(err)
	}
	raw := "From: " + from + "\r\nTo: " + d.SupportAddress + "\r\nSubject: " + subject + "\r\nMessage-ID: <" + unique() + ">\r\n\r\nx\r\n"
	if err := c.SendMail(from, []string{d.SupportAddress}, strings.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
}

// proved tells for which domain the emails of the support mailbox are signed, by subject; "" for none.
func (d *desk) proved(t *testing.T) map[string]string {
	t.Helper()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, d.DNSServer)
	}}
	found := map[string]string{}
	for _, raw := range d.mail(t, d.SupportAddress) {
		signatures, err := dkim.VerifyWithOptions(strings.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			return resolver.LookupTXT(t.Context(), name)
		}})
		if err != nil || len(signatures) > 1 {
			t.Fatalf("%d signatures (%v) of\n%s", len(signatures), err, raw)
		}
		domain := ""
		for _, s := range signatures {
			if s.Err != nil {
				t.Errorf("%v\n%s", s.Err, raw)
			}
			domain = s.Domain
		}
		found[header(t, raw, "Subject")] = domain
	}
	return found
}

// What is handed in with the password is signed for its From domain, and the DNS that demo.json names
// proves it, after a restart too. Other mail is not signed. Every one of them is a ticket.
func TestDemoSignsWhatIsHandedInWithThePassword(t *testing.T) {
	t.Parallel()
	d := demo(t, nil, openFolder(t))
	d.handIn(t, "ann@client.example", "with the password")
	d.handIn(t, "bob@other.example", "with it too")
	d.send(t, "ann@client.example", d.SupportAddress, "without", "", "x")
	for _, subject := range []string{"with the password", "with it too", "without"} {
		d.ticket(t, subject)
	}
	if !strings.Contains(d.child.said.String(), d.DNSServer) {
		t.Errorf("the screen does not tell the DNS server %q", d.DNSServer)
	}
	want := map[string]string{"with the password": "client.example", "with it too": "other.example", "without": "",
		"Card reader at the till": "harbour.example", "Urgent: ovens offline": "harbour.example",
		"Question about your opening hours": "", "Out of office: your enquiry": ""}
	if got := d.proved(t); !maps.Equal(got, want) {
		t.Errorf("signed for %v, want %v", got, want)
	}
	d.child.interrupt(t)
	if got := demo(t, nil, d.dir).proved(t); !maps.Equal(got, want) {
		t.Errorf("after a restart signed for %v, want %v", got, want)
	}
}

func lastLine(text string) (last string) {
	for scan := bufio.NewScanner(strings.NewReader(text)); scan.Scan(); {
		last = scan.Text()
	}
	return last
}
