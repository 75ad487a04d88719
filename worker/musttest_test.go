package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/tickets"
)

const (
	ann     = "Ann <ann@client.example>"
	annAt   = "ann@client.example"
	mallory = "Mallory <mallory@elsewhere.example>"
	staffAt = "staff@team.example"
)

// mustTest is every situation that has cost a helpdesk its clients' email, each played on a real Dovecot:
// what is tried, and what the ledger, the tickets and the letters must say afterwards.
var mustTest = []struct {
	name string
	from string // the mailbox's start point; empty is "all"
	try  func(t *testing.T, d *desk)
}{
	{"a multipart without a boundary keeps its text", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "broken", id: unique(), extra: "MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n", body: "The words are here."})
		d.expect(t, "opened 1")
		if body := d.ticket(t, 1).Messages[0].Body; !strings.Contains(body, "The words are here.") {
			t.Errorf("the text was lost: %q", body)
		}
	}},
	{"emails with empty ids never join each other", "", func(t *testing.T, d *desk) {
		const empty = "Message-ID: <>\r\nIn-Reply-To: <>\r\nReferences:\r\n"
		d.put(t, email{from: ann, subject: "one", extra: empty, body: "a"}, email{from: ann, subject: "two", extra: empty, body: "b"},
			email{from: ann, subject: "three", extra: "In-Reply-To:\r\n", body: "c"})
		d.put(t, email{from: ann, subject: "four", extra: empty, body: "d"})
		d.expect(t, "opened 1", "opened 2", "opened 3", "opened 4")
	}},
	{"one Message-ID in two mailboxes is one ticket", "", func(t *testing.T, d *desk) {
		e := email{from: ann, to: "support@desk.example, sales@desk.example", subject: "both", id: unique(), body: "x"}
		d.put(t, e)
		_, d.user = d.addMailbox(t, "sales@desk.example", nil)
		d.put(t, e)
		d.expect(t, "opened 1", "duplicate 1")
		d.expectLetters(t, "acknowledgement "+annAt, "notice "+staffAt)
	}},
	{"one Message-ID with two contents is kept twice", "", func(t *testing.T, d *desk) {
		id := unique()
		d.put(t, email{from: ann, subject: "a", id: id, body: "first"})
		d.put(t, email{from: ann, subject: "a", id: id, body: "second"})
		d.expect(t, "opened 1", "opened 2")
		if a, b := d.ticket(t, 1).Messages[0].Body, d.ticket(t, 2).Messages[0].Body; a != "first" || b != "second" {
			t.Errorf("bodies %q and %q", a, b)
		}
	}},
	{"our own address as the sender is a loop", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: "Support <Support@Desk.example>", subject: "welcome", id: unique(), body: "x"})
		d.expect(t, "own_loop -")
		d.expectLetters(t)
	}},
	{"our own letter that comes back is a loop", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
		letter, _ := d.smtp.to(annAt)
		d.put(t, email{raw: strings.ReplaceAll(string(letter.raw), "support@desk.example", "forwarder@elsewhere.example")})
		d.expect(t, "opened 1", "own_loop -")
	}},
	{"out of office in Gmail's dialect without a thread", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "Away Re: your invoice", id: unique(), extra: gmailAway, body: "I am away."})
		d.expect(t, "auto_reply -")
		d.expectLetters(t)
	}},
	{"out of office in Exchange's dialect without a thread", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "Automatic reply: your invoice", id: unique(), extra: exchangeAway, body: "I am away."})
		d.expect(t, "auto_reply -")
		d.expectLetters(t)
	}},
	{"out of office in Gmail's dialect on a closed ticket", "", func(t *testing.T, d *desk) { awayOnClosed(t, d, gmailAway) }},
	{"out of office in Exchange's dialect on a closed ticket", "", func(t *testing.T, d *desk) { awayOnClosed(t, d, exchangeAway) }},
	{"a delivery failure for a closed ticket neither reopens it nor is one", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
		letter := d.answer(t, 1)
		d.close(t, 1)
		d.put(t, email{raw: deliveryFailure(letter)})
		d.expect(t, "opened 1", "bounce 1")
		if f := d.ticket(t, 1); f.Ticket.Status != tickets.Closed || len(f.Messages) != 2 {
			t.Errorf("status %s with %d messages", f.Ticket.Status, len(f.Messages))
		}
		d.expectLetters(t, "acknowledgement "+annAt, "notice "+staffAt, "answer "+annAt)
	}},
	{"old email that is moved in after the start counts", mailboxes.FromNow, func(t *testing.T, d *desk) {
		d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "was there", id: unique(), body: "x"})
		d.poll(t)
		d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "moved in", id: unique(), body: "y"})
		d.poll(t)
		d.expect(t, "before_start -", "opened 1")
	}},
	{"another UIDVALIDITY brings nothing twice and loses nothing", mailboxes.FromNow, func(t *testing.T, d *desk) {
		d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "was there", id: unique(), body: "x"})
		d.poll(t)
		d.put(t, email{from: ann, subject: "new", id: unique(), body: "y"})
		must(t, dovecot.WipeUIDValidity(d.user, "INBOX"))
		d.put(t, email{from: ann, subject: "newer", id: unique(), body: "z"})
		d.expect(t, "before_start -", "opened 1", "before_start -", "duplicate 1", "opened 2")
		d.expectLetters(t, "acknowledgement "+annAt, "acknowledgement "+annAt, "notice "+staffAt, "notice "+staffAt)
	}},
	{"a folder that is emptied goes on", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "one", id: unique(), body: "x"})
		must(t, dovecot.Empty(d.user, "INBOX"))
		d.poll(t)
		d.put(t, email{from: ann, subject: "two", id: unique(), body: "y"})
		d.expect(t, "opened 1", "opened 2")
	}},
	{"a folder that is renamed and made anew", "", func(t *testing.T, d *desk) {
		d.update(t, mailboxes.Fields{Folders: &[]string{"Desk"}})
		d.deliver(t, "Desk", time.Now(), email{from: ann, subject: "one", id: unique(), body: "x"})
		d.poll(t)
		must(t, dovecot.RenameFolder(d.user, "Desk", "Done"))
		d.deliver(t, "Desk", time.Now(), email{from: ann, subject: "two", id: unique(), body: "y"})
		// No server tells an open connection of it: the folder is opened anew within five minutes, or as here when the
		// connection has ended.
		must(t, dovecot.CutOff(d.user))
		d.poll(t)
		d.expect(t, "opened 1", "opened 2")
	}},
	{"restored from a backup, seen before new email came", "", func(t *testing.T, d *desk) { restored(t, d, true, 1) }},
	{"restored from a backup, then as much new email as was lost", "", func(t *testing.T, d *desk) { restored(t, d, false, 1) }},
	{"restored from a backup, then more new email than was lost", "", func(t *testing.T, d *desk) { restored(t, d, false, 2) }},
	{"two processes poll at once", "", func(t *testing.T, d *desk) {
		var emails []email
		var want []string
		for i := range 12 {
			emails = append(emails, email{from: fmt.Sprintf("p%d@client.example", i), subject: "x", id: unique(), body: "x"})
			want = append(want, fmt.Sprintf("opened %d", i+1))
		}
		d.set.BatchMessages = 2
		d.work(t)
		d.work(t)
		d.deliver(t, "INBOX", time.Now(), emails...)
		// Without the unique key, as if the queue let two of them run.
		d.exec(t, `insert into river_job (args, kind, queue, max_attempts, state)
			select json_build_object('mailbox_id', $1::text), 'poll_mailbox', 'inbound', 1, 'available' from generate_series(1, 6)`, d.box.ID)
		d.quiet(t)
		got := d.ledger(t)
		slices.SortFunc(got, byTicket)
		if !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	}},
	{"the same email in two folders", "", func(t *testing.T, d *desk) {
		d.update(t, mailboxes.Fields{Folders: &[]string{"INBOX", "Copies"}})
		e := email{from: ann, subject: "x", id: unique(), body: "x"}
		d.deliver(t, "INBOX", time.Now(), e)
		d.deliver(t, "Copies", time.Now(), e)
		d.poll(t)
		got := d.ledger(t) // whichever is routed first
		slices.Sort(got)
		if !slices.Equal(got, []string{"duplicate 1", "opened 1"}) {
			t.Errorf("the ledger says %v", got)
		}
	}},
	{"a reply waits for its parent that is stored and not routed", "", func(t *testing.T, d *desk) {
		parent := unique()
		d.exec(t, `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
		d.exec(t, `create trigger refuse before insert on tickets for each row when (new.subject = 'parent') execute function refuse()`)
		d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "parent", id: parent, body: "x"})
		d.enqueue(t, pollOf(d))
		d.eventually(t, 20*time.Second, "the poll is over and the parent failed once", `select exists (select from inbound_emails
			where last_error is not null) and not exists (select from river_job where kind = 'poll_mailbox' and state <> 'completed')`)
		d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "reply", id: unique(), inReplyTo: parent, body: "y"})
		d.enqueue(t, pollOf(d))
		d.eventually(t, 20*time.Second, "the reply was put off", `select exists (select from river_job
			where kind = 'ingest_emails' and state = 'scheduled' and args -> 'email_ids' @> (select to_jsonb(max(id)) from inbound_emails))
			and (select count(*) = 2 from inbound_emails where disposition is null)`)
		d.exec(t, "drop trigger refuse on tickets")
		d.quiet(t)
		d.expect(t, "opened 1", "replied 1")
	}},
	{"a reply whose parent is in a folder that is read later", "", func(t *testing.T, d *desk) {
		d.update(t, mailboxes.Fields{Folders: &[]string{"INBOX", "Moved"}})
		parent := unique()
		d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "reply", id: unique(), inReplyTo: parent, body: "y"})
		d.deliver(t, "Moved", time.Now(), email{from: ann, subject: "parent", id: parent, body: "x"})
		d.poll(t)
		if f := d.ticket(t, 1); len(f.Messages) != 2 || one[int](t, d, "select count(*) from tickets") != 1 {
			t.Errorf("%d tickets, the first with %d messages: %v", one[int](t, d, "select count(*) from tickets"), len(f.Messages), d.ledger(t))
		}
	}},
	{"a late parent joins the ticket of its reply", "", func(t *testing.T, d *desk) {
		parent := unique()
		d.put(t, email{from: ann, subject: "reply", id: unique(), inReplyTo: parent, body: "y"})
		d.put(t, email{from: ann, subject: "parent", id: parent, body: "x"})
		d.expect(t, "opened 1", "replied 1")
	}},
	{"a late parent of somebody else's makes its own ticket", "", func(t *testing.T, d *desk) {
		parent := unique()
		d.put(t, email{from: ann, subject: "reply", id: unique(), inReplyTo: parent, body: "y"})
		d.put(t, email{from: mallory, subject: "parent", id: parent, body: "x"})
		d.expect(t, "opened 1", "opened 2")
	}},
	{"HTML with 5,000 links", "", func(t *testing.T, d *desk) {
		links := strings.Repeat("<p><a href=\"https://shop.example/item?id=123456\">An item</a></p>\r\n", 5000)
		began := time.Now()
		d.put(t, email{from: ann, subject: "links", id: unique(), extra: "MIME-Version: 1.0\r\nContent-Type: text/html\r\n", body: "<html><body>" + links + "</body></html>"})
		d.expect(t, "opened 1")
		if f := d.ticket(t, 1); !strings.Contains(f.Messages[0].Body, "An item") {
			t.Error("the text was lost")
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
	}},
	{"NUL and invalid UTF-8 everywhere", "", func(t *testing.T, d *desk) {
		const parts = "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi/2M=\r\n" +
			"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>a=00b=FFc</p>\r\n" +
			"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"=?utf-8?Q?a=00b=FF.bin?=\"\r\nContent-ID: <\xff=00>\r\n\r\n\x80\xff\r\n--b--\r\n"
		d.put(t, email{from: "=?utf-8?Q?A=00nn=FF?= <ann@client.example>", subject: "caf\xe9 =?utf-8?Q?a=00b=FF?=", id: "\xff" + unique(),
			extra: "X-Priority: \xff\r\nX-Mailer: \xff\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n", body: parts},
			email{from: ann, subject: "the next one", id: unique(), body: "x"})
		got := d.ledger(t)
		if len(got) != 2 || got[1] != "opened 2" || strings.HasPrefix(got[0], "pending") || strings.HasPrefix(got[0], "quarantined") {
			t.Errorf("the ledger says %v", got)
		}
		for _, text := range column[string](t, d, "select subject || requester_name from tickets union all select body || coalesce(html, '') from messages union all select name from attachments") {
			if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
				t.Errorf("%q is no text", text)
			}
		}
	}},
	{"60 References, the ticket's being the first", "", func(t *testing.T, d *desk) {
		first := unique()
		d.put(t, email{from: ann, subject: "a", id: first, body: "x"})
		refs := "References: <" + first + ">\r\n"
		for range 59 {
			refs += " <" + strings.Repeat("x", 60) + unique() + ">\r\n"
		}
		d.put(t, email{from: ann, subject: "Re: a", id: unique(), extra: refs, body: "y"})
		d.expect(t, "opened 1", "replied 1")
		if letter := d.answer(t, 1); len(letter.header.Get("References")) > 4096 {
			t.Errorf("our References have %d bytes; relays refuse them", len(letter.header.Get("References")))
		}
	}},
	{"a stranger who replies with stolen headers is held", "", func(t *testing.T, d *desk) {
		id := unique()
		d.put(t, email{from: ann, subject: "a", id: id, body: "x"})
		letter, _ := d.smtp.to(annAt)
		before := d.ticket(t, 1)
		d.put(t, email{from: mallory, subject: "Re: a", id: unique(), inReplyTo: letter.messageID(), extra: "References: <" + id + ">\r\n", body: "send me the files"})
		d.expect(t, "opened 1", "held 1")
		expectHeld(t, d, before)
	}},
	{"a stranger who found a reply address is held", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
		letter, _ := d.smtp.to(annAt)
		before := d.ticket(t, 1)
		d.put(t, email{from: mallory, to: letter.header.Get("Reply-To"), subject: "Re: a", id: unique(), body: "send me the files"})
		d.expect(t, "opened 1", "held 1")
		expectHeld(t, d, before)
	}},
	{"a stranger does not reopen a closed ticket", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
		letter, _ := d.smtp.to(annAt)
		d.close(t, 1)
		before := d.ticket(t, 1)
		d.put(t, email{from: mallory, to: letter.header.Get("Reply-To"), subject: "Re: a", id: unique(), inReplyTo: letter.messageID(), body: "x"})
		d.expect(t, "opened 1", "held 1")
		expectHeld(t, d, before)
	}},
	{"the reply address alone joins, whatever else is lost", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
		letter, _ := d.smtp.to(annAt)
		d.put(t, email{from: ann, to: strings.ToUpper(letter.header.Get("Reply-To")), subject: "another subject", id: unique(), body: "y"})
		d.expect(t, "opened 1", "replied 1")
	}},
	{"a number in the subject never joins", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
		n := d.ticket(t, 1).Ticket.Number
		d.put(t, email{from: mallory, subject: fmt.Sprintf("Re: [#%d] a", n), id: unique(), body: "x"},
			email{from: ann, subject: fmt.Sprintf("Re: Ticket#%d a", n), id: unique(), body: "y"})
		d.expect(t, "opened 1", "opened 2", "opened 3")
	}},
	{"from now: what was there does not count", mailboxes.FromNow, func(t *testing.T, d *desk) {
		d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "old", id: unique(), body: "x"}, email{from: ann, subject: "older", id: unique(), body: "y"})
		d.deliver(t, "INBOX", time.Now().Add(time.Second), email{from: ann, subject: "just came", id: unique(), body: "z"})
		d.poll(t)
		d.expect(t, "before_start -", "before_start -", "opened 1")
		d.expectLetters(t, "acknowledgement "+annAt, "notice "+staffAt)
	}},
	{"from a date: what is older does not count", mailboxes.FromDate, func(t *testing.T, d *desk) {
		d.deliver(t, "INBOX", lastYear.Add(-time.Second), email{from: ann, subject: "old", id: unique(), body: "x"})
		d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "on the day", id: unique(), body: "y"})
		d.poll(t)
		d.expect(t, "before_start -", "opened 1")
	}},
	{"from all: everything counts", mailboxes.FromAll, func(t *testing.T, d *desk) {
		d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "old", id: unique(), body: "x"})
		d.poll(t)
		d.expect(t, "opened 1")
	}},
	{"an email over the limit opens a ticket from its beginning", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "huge", id: unique(), body: strings.Repeat("The words. All of them.\r\n", 60_000)},
			email{from: ann, subject: "the next one", id: unique(), body: "x"})
		d.expect(t, "oversize 1", "opened 2")
		if f := d.ticket(t, 1); f.Ticket.Subject != "huge" || len(f.Messages[0].Problems) == 0 {
			t.Errorf("subject %q, problems %q", f.Ticket.Subject, f.Messages[0].Problems)
		}
	}},
	{"what a filter marked as spam opens nothing", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "win", id: unique(), extra: "X-Spam-Flag: YES\r\n", body: "x"})
		d.expect(t, "spam -")
		d.expectLetters(t)
	}},
	{"mail of a list opens nothing", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "digest", id: unique(), extra: "List-Id: <news.client.example>\r\n", body: "x"})
		d.expect(t, "list -")
		d.expectLetters(t)
	}},
	{"an answer to an invitation opens nothing", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "Accepted: meeting", id: unique(), extra: "MIME-Version: 1.0\r\nContent-Type: text/calendar; method=REPLY\r\n",
			body: "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"})
		d.expect(t, "calendar_reply -")
		d.expectLetters(t)
	}},
	{"a read receipt opens nothing", "", func(t *testing.T, d *desk) {
		d.put(t, email{from: ann, subject: "Read: a", id: unique(),
			extra: "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n",
			body: "--b\r\n\r\nYour message was read.\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n" +
				"Final-Recipient: rfc822;ann@client.example\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n--b--\r\n"})
		d.expect(t, "receipt -")
		d.expectLetters(t)
	}},
	{"the 21st email of one sender goes to a burst ticket", "", func(t *testing.T, d *desk) {
		var emails []email
		var want []string
		for i := range 23 {
			emails = append(emails, email{from: ann, subject: "flood", id: unique(), body: "x"})
			want = append(want, fmt.Sprintf("opened %d", i+1))
		}
		want[20], want[21], want[22] = "flood 21", "flood 21", "flood 21"
		d.put(t, emails[:10]...)
		d.put(t, emails[10:22]...)
		d.put(t, emails[22])
		d.expect(t, want...)
		if f := d.ticket(t, 21); !f.Ticket.Burst || len(f.Messages) != 3 {
			t.Errorf("the burst ticket: %t with %d messages", f.Ticket.Burst, len(f.Messages))
		}
		if acks := one[int](t, d, "select count(*) from letters where kind = 'acknowledgement'"); acks != 3 {
			t.Errorf("%d acknowledgements", acks)
		}
	}},
	{"a fourth acknowledgement in the hour is not sent", "", func(t *testing.T, d *desk) {
		for range 4 {
			d.put(t, email{from: ann, subject: "again", id: unique(), body: unique()})
		}
		d.expect(t, "opened 1", "opened 2", "opened 3", "opened 4")
		d.expectLetters(t, "acknowledgement "+annAt, "acknowledgement "+annAt, "acknowledgement "+annAt,
			"notice "+staffAt, "notice "+staffAt, "notice "+staffAt, "notice "+staffAt)
	}},
	{"duplicates inside one batch", "", func(t *testing.T, d *desk) {
		e := email{from: ann, subject: "x", id: unique(), body: "x"}
		d.put(t, e, e, e)
		d.expect(t, "opened 1", "duplicate 1", "duplicate 1")
		d.expectLetters(t, "acknowledgement "+annAt, "notice "+staffAt)
	}},
	{"a reply before its parent in one batch", "", func(t *testing.T, d *desk) {
		parent := unique()
		d.put(t, email{from: ann, subject: "Re: x", id: unique(), inReplyTo: parent, body: "y"}, email{from: ann, subject: "x", id: parent, body: "x"})
		d.expect(t, "replied 1", "opened 1")
	}},
	{"emails that reply to each other", "", func(t *testing.T, d *desk) {
		a, b := unique(), unique()
		d.exec(t, "alter table inbound_emails alter accepted_at set default now() - interval '1 hour'") // they have waited long enough
		d.put(t, email{from: ann, subject: "a", id: a, inReplyTo: b, body: "x"}, email{from: ann, subject: "b", id: b, inReplyTo: a, body: "y"})
		d.expect(t, "opened 1", "replied 1")
	}},
	{"an email that replies to itself", "", func(t *testing.T, d *desk) {
		id := unique()
		d.put(t, email{from: ann, subject: "a", id: id, inReplyTo: id, body: "x"})
		d.expect(t, "opened 1")
	}},
	{"one email whose transaction fails does not stop the others", "", func(t *testing.T, d *desk) {
		d.exec(t, `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
		d.exec(t, `create trigger refuse before insert on tickets for each row when (new.subject = 'poison') execute function refuse()`)
		d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "a", id: unique(), body: "x"},
			email{from: ann, subject: "poison", id: unique(), body: "y"}, email{from: ann, subject: "c", id: unique(), body: "z"})
		d.enqueue(t, pollOf(d))
		d.eventually(t, 20*time.Second, "the others are routed", "select count(*) = 2 from tickets")
		d.exec(t, "drop trigger refuse on tickets")
		d.quiet(t)
		d.expect(t, "opened 1", "opened 3", "opened 2")
	}},
	{"no sender at all", "", func(t *testing.T, d *desk) {
		d.put(t, email{subject: "who am I", id: unique(), body: "x"}, email{from: "undisclosed", subject: "nor I", id: unique(), body: "y"})
		d.expect(t, "opened 1", "opened 2")
		d.expectLetters(t, "notice "+staffAt, "notice "+staffAt)
	}},
	{"a reply to a closed ticket reopens it, where the mailbox says so", "", func(t *testing.T, d *desk) {
		id, no := unique(), false
		d.put(t, email{from: ann, subject: "a", id: id, body: "x"})
		d.close(t, 1)
		d.put(t, email{from: ann, subject: "Re: a", id: unique(), inReplyTo: id, body: "still"})
		if s := d.ticket(t, 1).Ticket.Status; s != tickets.Open {
			t.Errorf("status %s", s)
		}
		d.close(t, 1)
		d.update(t, mailboxes.Fields{Reopens: &no})
		d.put(t, email{from: ann, subject: "Re: a", id: unique(), inReplyTo: id, body: "and again"})
		d.expect(t, "opened 1", "replied 1", "opened 2")
		if s := d.ticket(t, 1).Ticket.Status; s != tickets.Closed {
			t.Errorf("status %s", s)
		}
	}},
}

func TestMustTestList(t *testing.T) {
	t.Parallel()
	for _, c := range mustTest {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDeskFrom(t, or(c.from, mailboxes.FromAll))
			d.work(t)
			c.try(t, d)
		})
	}
}

var lastYear = time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	gmailAway = "Auto-Submitted: auto-replied\r\nPrecedence: bulk\r\nX-Autoreply: yes\r\nReturn-Path: <>\r\n"
	// Exchange writes its fields in lower case and calls the answer generated.
	exchangeAway = "auto-submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nX-MS-Exchange-Inbox-Rules-Loop: ann@client.example\r\n"
)

// awayOnClosed answers the acknowledgement of a closed ticket with an out-of-office note.
func awayOnClosed(t *testing.T, d *desk, dialect string) {
	d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
	letter, _ := d.smtp.to(annAt)
	d.close(t, 1)
	d.put(t, email{from: ann, subject: "Automatic reply: a", id: unique(), inReplyTo: letter.messageID(), extra: dialect, body: "I am away."})
	d.expect(t, "opened 1", "auto_reply 1")
	d.expectLetters(t, "acknowledgement "+annAt, "notice "+staffAt)
	f := d.ticket(t, 1)
	if f.Ticket.Status != tickets.Closed || len(f.Messages) != 2 || !f.Messages[1].Automatic {
		t.Errorf("status %s, messages %+v; want it noted and still closed", f.Ticket.Status, f.Messages)
	}
}

// restored gives the mailbox back as a backup had it, after which the server gives the last UID out anew.
func restored(t *testing.T, d *desk, seen bool, more int) {
	d.put(t, email{from: ann, subject: "in the backup", id: unique(), body: "x"})
	backup, err := dovecot.Snapshot(d.user)
	must(t, err)
	d.put(t, email{from: ann, subject: "after the backup", id: unique(), body: "y"})
	must(t, dovecot.Restore(backup))
	want := []string{"opened 1", "opened 2", "duplicate 1"}
	if seen {
		d.poll(t)
	}
	var emails []email
	for i := range more {
		emails = append(emails, email{from: ann, subject: "new", id: unique(), body: "z"})
		want = append(want, fmt.Sprintf("opened %d", i+3))
	}
	d.deliver(t, "INBOX", time.Now().Add(time.Hour), emails...)
	d.poll(t)
	d.expect(t, want...)
}

// expectHeld wants the first ticket as it was before, but for the note that an email was held.
func expectHeld(t *testing.T, d *desk, before tickets.Full) {
	t.Helper()
	after := d.ticket(t, 1)
	if after.Ticket.Held != before.Ticket.Held+1 || after.Ticket.Status != before.Ticket.Status ||
		len(after.Messages) != len(before.Messages) || len(after.Participants) != len(before.Participants) {
		t.Errorf("before %+v\nafter %+v", before.Ticket, after.Ticket)
	}
	d.expectLetters(t, "acknowledgement "+annAt, "notice "+staffAt, "held_notice "+staffAt)
}

// deliveryFailure is what a mail server makes of a letter that it could not deliver (RFC 3464).
func deliveryFailure(letter taken) string {
	return "Return-Path: <>\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.client.example>\r\nTo: " + letter.from +
		"\r\nSubject: Undelivered Mail Returned to Sender\r\nMessage-ID: <" + unique() + ">\r\nReferences: <" + letter.messageID() +
		">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
		"--b\r\n\r\nI could not deliver it.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.client.example\r\n\r\n" +
		"Final-Recipient: rfc822; " + letter.to + "\r\nAction: failed\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" +
		string(letter.raw) + "\r\n--b--\r\n"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// byTicket compares lines of the ledger by their tickets.
func byTicket(a, b string) int {
	var x, y int
	fmt.Sscanf(a[strings.LastIndexByte(a, ' ')+1:], "%d", &x)
	fmt.Sscanf(b[strings.LastIndexByte(b, ' ')+1:], "%d", &y)
	return x - y
}
