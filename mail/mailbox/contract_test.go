package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// contract is what both servers must show alike.
var contract = map[string]func(t *testing.T, box inbox){
	"every byte of the corpus":        keepsEveryByte,
	"reading leaves no trace":         leavesNoTrace,
	"a cursor finds what is new":      followsCursor,
	"what is gone is missing":         reportsMissing,
	"IDLE reports a new email":        idleReports,
	"a wrong password is refused":     refusesPassword,
	"folders are listed and opened":   listsFolders,
	"TLS and STARTTLS":                securesConnection,
	"an email of 20 MiB comes whole":  fetchesLargeEmail,
	"a session ends while it fetches": closesWhileFetching,
}

func TestContract(t *testing.T) {
	t.Parallel()
	for server, start := range servers(t) {
		for name, check := range contract {
			t.Run(server+"/"+name, func(t *testing.T) {
				t.Parallel()
				check(t, start(t))
			})
		}
	}
}

// dialBox dials with the default limits.
func dialBox(t testing.TB, a mailbox.Account) *mailbox.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patient)
	t.Cleanup(cancel)
	s, err := mailbox.Dial(ctx, a, mailbox.Timeouts{})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openBox(t testing.TB, s *mailbox.Session) mailbox.Folder {
	t.Helper()
	folder, err := s.Open(t.Context(), "INBOX")
	if err != nil {
		t.Fatalf("open INBOX: %v", err)
	}
	return folder
}

func listBox(t testing.TB, s *mailbox.Session, from uint32) []mailbox.Meta {
	t.Helper()
	var metas []mailbox.Meta
	if err := s.List(t.Context(), from, 0, func(m mailbox.Meta) error { metas = append(metas, m); return nil }); err != nil {
		t.Fatalf("list: %v", err)
	}
	return metas
}

func keepsEveryByte(t *testing.T, box inbox) {
	emails := corpus(t)
	box.add(t, "INBOX", emails...)
	s := dialBox(t, box.account)
	if folder := openBox(t, s); int(folder.Messages) != len(emails) {
		t.Fatalf("the folder has %d emails; want %d", folder.Messages, len(emails))
	}
	metas := listBox(t, s, 1)
	if len(metas) != len(emails) {
		t.Fatalf("listed %d emails; want %d", len(metas), len(emails))
	}
	want := make(map[uint32][]byte)
	var refused []uint32 // listed with another size than sent
	for i, m := range metas {
		want[m.UID] = box.sent(emails[i])
		if int64(len(want[m.UID])) != m.Size {
			refused = append(refused, m.UID)
			delete(want, m.UID)
		}
		if !m.InternalDate.Equal(received) {
			t.Fatalf("uid %d came in at %v; want %v", m.UID, m.InternalDate, received)
		}
	}
	if len(want) < 100 {
		t.Fatalf("the server sends %d emails as listed; too few to show anything", len(want))
	}
	batches, oversize := mailbox.Batches(metas, 50, 1<<20, 1<<30)
	if len(oversize) > 0 {
		t.Fatalf("%d emails are oversize", len(oversize))
	}
	var refusals []uint32
	for _, batch := range batches {
		missing, err := s.Fetch(t.Context(), batch, func(m mailbox.Meta, body io.Reader) error {
			raw, err := io.ReadAll(body)
			if !bytes.Equal(raw, want[m.UID]) {
				t.Errorf("uid %d: got %d bytes that differ from the %d stored", m.UID, len(raw), len(want[m.UID]))
			}
			delete(want, m.UID)
			return err
		})
		if missing != nil || err != nil && !errors.Is(err, mailbox.ErrIncomplete) {
			t.Fatalf("fetch: missing %v, %v", missing, err)
		}
		refusals = append(refusals, wrongSizes(err)...)
	}
	if slices.Sort(refusals); !slices.Equal(refusals, refused) {
		t.Errorf("refused %v; want %v", refusals, refused)
	}
	if len(want) > 0 {
		t.Errorf("%d emails were not handed on", len(want))
	}
}

// wrongSizes returns the UIDs of the SizeErrors joined in err.
func wrongSizes(err error) []uint32 {
	var wrong *mailbox.SizeError
	if joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); ok {
		var uids []uint32
		for _, err := range joined.Unwrap() {
			if errors.As(err, &wrong) {
				uids = append(uids, wrong.UID)
			}
		}
		return uids
	}
	return nil
}

func leavesNoTrace(t *testing.T, box inbox) {
	box.add(t, "INBOX", []byte("Subject: a\r\n\r\nb\r\n"))
	s := dialBox(t, box.account)
	openBox(t, s)
	if _, err := s.Fetch(t.Context(), listBox(t, s, 1), func(mailbox.Meta, io.Reader) error { return nil }); err != nil {
		t.Fatalf("fetch: %v", err)
	}
	openBox(t, s)
	again := dialBox(t, box.account)
	openBox(t, again)
	for _, m := range append(listBox(t, s, 1), listBox(t, again, 1)...) {
		if slices.Contains(m.Flags, "\\Seen") {
			t.Errorf("uid %d has the flags %v after it was read", m.UID, m.Flags)
		}
	}
}

func followsCursor(t *testing.T, box inbox) {
	box.add(t, "INBOX", []byte("Subject: 1\r\n\r\n"), []byte("Subject: 2\r\n\r\n"))
	s := dialBox(t, box.account)
	folder := openBox(t, s)
	old := listBox(t, s, 1)
	next := old[len(old)-1].UID + 1
	if folder.UIDNext != next || folder.UIDValidity == 0 {
		t.Errorf("folder is %+v; want UIDNEXT %d", folder, next)
	}
	if got := listBox(t, s, next); len(got) > 0 {
		t.Errorf("listed %v although nothing is new", got)
	}
	box.add(t, "INBOX", []byte("Subject: 3\r\n\r\n"))
	if err := s.Noop(t.Context()); err != nil {
		t.Fatalf("noop: %v", err)
	}
	got := listBox(t, s, next)
	if len(got) != 1 || got[0].UID < next {
		t.Errorf("listed %v; want the one new email", got)
	}
}

func reportsMissing(t *testing.T, box inbox) {
	box.add(t, "INBOX", []byte("Subject: 1\r\n\r\n"), []byte("Subject: 2\r\n\r\n"))
	s := dialBox(t, box.account)
	openBox(t, s)
	metas := listBox(t, s, 1)
	if err := box.empty(); err != nil {
		t.Fatalf("empty INBOX: %v", err)
	}
	got, missing, err := collect(t.Context(), s, metas)
	slices.Sort(missing)
	if err != nil || len(got) > 0 || !slices.Equal(missing, []uint32{metas[0].UID, metas[1].UID}) {
		t.Fatalf("got %d emails, missing %v, %v; want both missing", len(got), missing, err)
	}
	if left := listBox(t, s, 1); len(left) > 0 {
		t.Errorf("listed %v in an empty folder", left)
	}
}

func idleReports(t *testing.T, box inbox) {
	s := dialBox(t, box.account)
	openBox(t, s)
	timer := time.AfterFunc(100*time.Millisecond, func() { box.add(t, "INBOX", []byte("Subject: new\r\n\r\n")) })
	defer timer.Stop()
	if news, err := s.Idle(t.Context(), patient); err != nil || !news {
		t.Fatalf("news %v, %v; want the new email", news, err)
	}
	if got := listBox(t, s, 1); len(got) != 1 {
		t.Errorf("listed %v after the news; want one email", got)
	}
	if news, err := s.Idle(t.Context(), 50*time.Millisecond); err != nil || news {
		t.Errorf("news %v, %v; want none", news, err)
	}
}

func refusesPassword(t *testing.T, box inbox) {
	box.account.Password = "wr0ng-horse"
	_, err := mailbox.Dial(within(t), box.account, mailbox.Timeouts{})
	mustBe(t, err, mailbox.ErrAuth)
}

func listsFolders(t *testing.T, box inbox) {
	box.add(t, "Support", []byte("Subject: s\r\n\r\n"))
	box.add(t, "INBOX", []byte("Subject: i\r\n\r\n"))
	s := dialBox(t, box.account)
	names, err := s.Folders(t.Context())
	if err != nil || !slices.Contains(names, "INBOX") || !slices.Contains(names, "Support") {
		t.Fatalf("folders %q, %v; want INBOX and Support among them", names, err)
	}
	if folder, err := s.Open(t.Context(), "Support"); err != nil || folder.Messages != 1 {
		t.Errorf("opened %+v, %v; want one email", folder, err)
	}
	_, err = s.Open(t.Context(), "Sales")
	mustBe(t, err, mailbox.ErrNoFolder)
	if folder := openBox(t, s); folder.Messages != 1 {
		t.Errorf("opened %+v after the refusal; want one email", folder)
	}
}

func securesConnection(t *testing.T, box inbox) {
	box.add(t, "INBOX", []byte("Subject: i\r\n\r\n"))
	tlsAccount, upgraded := box.account, box.account
	tlsAccount.Security, tlsAccount.Port = mailbox.SecurityTLS, box.tlsPort
	upgraded.Security = mailbox.SecuritySTARTTLS
	for _, a := range []mailbox.Account{tlsAccount, upgraded} {
		s := dialBox(t, a)
		openBox(t, s)
		got, _, err := collect(t.Context(), s, listBox(t, s, 1))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d emails, %v", a.Security, len(got), err)
		}
		if _, err := s.Idle(t.Context(), time.Millisecond); err != nil {
			t.Errorf("%s: idle: %v", a.Security, err)
		}
		a.RootCAs = nil
		_, err = mailbox.Dial(within(t), a, mailbox.Timeouts{})
		mustBe(t, err, mailbox.ErrTLS)
	}
}

func fetchesLargeEmail(t *testing.T, box inbox) {
	large := []byte("Subject: large\r\n\r\n")
	for line := 0; len(large) < 20<<20; line++ {
		large = fmt.Appendf(large, "%070d\r\n", line)
	}
	box.add(t, "INBOX", large)
	s := dialBox(t, box.account)
	openBox(t, s)
	missing, err := s.Fetch(t.Context(), listBox(t, s, 1), func(_ mailbox.Meta, body io.Reader) error {
		raw, err := io.ReadAll(body)
		if !bytes.Equal(raw, large) {
			t.Errorf("got %d bytes that differ from the %d stored", len(raw), len(large))
		}
		return err
	})
	if err != nil || missing != nil {
		t.Fatalf("fetch: missing %v, %v", missing, err)
	}
}

func closesWhileFetching(t *testing.T, box inbox) {
	large := append([]byte("Subject: large\r\n\r\n"), bytes.Repeat([]byte("a line of text\r\n"), 1<<17)...)
	box.add(t, "INBOX", large, large)
	s := dialBox(t, box.account)
	openBox(t, s)
	calls := 0
	_, err := s.Fetch(t.Context(), listBox(t, s, 1), func(_ mailbox.Meta, body io.Reader) error {
		calls++
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		_, err := io.Copy(io.Discard, body)
		return err
	})
	mustBe(t, err, mailbox.ErrClosed)
	if calls != 1 {
		t.Errorf("%d emails were handed on after the close", calls-1)
	}
}
