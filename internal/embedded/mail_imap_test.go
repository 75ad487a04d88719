package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

func appendMail(t testing.TB, c *imapclient.Client, folder string, raw []byte, o *imap.AppendOptions) *imap.AppendData {
	t.Helper()
	cmd := c.Append(folder, int64(len(raw)), o)
	cmd.Write(raw)
	cmd.Close()
	data, err := cmd.Wait()
	if err != nil {
		t.Fatalf("APPEND to %s: %v", folder, err)
	}
	return data
}

func store(t testing.TB, c *imapclient.Client, op imap.StoreFlagsOp, flag imap.Flag, uids ...imap.UID) {
	t.Helper()
	flags := &imap.StoreFlags{Op: op, Flags: []imap.Flag{flag}}
	if err := c.Store(imap.UIDSetNum(uids...), flags, nil).Close(); err != nil {
		t.Fatalf("STORE: %v", err)
	}
}

// uidsIn lists a folder's UIDs.
func uidsIn(t testing.TB, c *imapclient.Client, folder string) (uids []imap.UID) {
	t.Helper()
	if _, err := c.Select(folder, nil).Wait(); err != nil {
		t.Fatalf("SELECT %s: %v", folder, err)
	}
	for _, m := range fetchAll(t, c) {
		uids = append(uids, m.UID)
	}
	return uids
}

func wantUIDs(t testing.TB, c *imapclient.Client, folder string, want ...imap.UID) {
	t.Helper()
	if got := uidsIn(t, c, folder); !slices.Equal(got, want) {
		t.Errorf("%s holds UIDs %v, want %v", folder, got, want)
	}
}

// changeEverything does with INBOX (five emails) all that a client can.
func changeEverything(t *testing.T, c *imapclient.Client) {
	for _, folder := range []string{"Done", "Spam", "Trash", "Old", "Old/2025"} {
		if err := c.Create(folder, nil).Wait(); err != nil {
			t.Fatalf("CREATE %s: %v", folder, err)
		}
	}
	store(t, c, imap.StoreFlagsAdd, imap.FlagSeen, 1, 2)
	store(t, c, imap.StoreFlagsAdd, "$Seen2", 1)
	store(t, c, imap.StoreFlagsDel, imap.FlagSeen, 2)
	copied, err := c.Copy(imap.UIDSetNum(1, 4), "Done").Wait()
	if err != nil || copied.DestUIDs.String() != "1:2" {
		t.Fatalf("COPY: %+v, %v", copied, err)
	}
	moved, err := c.Move(imap.UIDSetNum(2), "Spam").Wait()
	if err != nil || moved.SourceUIDs.String() != "2" || moved.DestUIDs.String() != "1" {
		t.Fatalf("MOVE: %+v, %v", moved, err)
	}
	store(t, c, imap.StoreFlagsAdd, imap.FlagDeleted, 3, 5)
	if err := c.UIDExpunge(imap.UIDSetNum(5, 1)).Close(); err != nil {
		t.Fatalf("UID EXPUNGE: %v", err)
	}
	at := time.Date(2025, 3, 1, 12, 0, 0, 0, time.FixedZone("", 2*3600))
	data := appendMail(t, c, "INBOX", testEmail("appended", 10), &imap.AppendOptions{Time: at, Flags: []imap.Flag{imap.FlagFlagged, `\Recent`}})
	if data.UID != 6 {
		t.Errorf("APPEND got UID %d, want 6", data.UID)
	}
	for name, err := range map[string]error{
		"RENAME": c.Rename("Old", "Archive", nil).Wait(), "DELETE": c.Delete("Trash").Wait(), "SUBSCRIBE": c.Subscribe("Done").Wait(),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestWhatClientsDoOutlivesARestart(t *testing.T) {
	t.Parallel()
	config := mailConfig(t.TempDir())
	m := startMail(t, config)
	for n := range 5 {
		sendMail(t, m.SMTPAddr(), testEmail(fmt.Sprint(n+1), 100), testSupport)
	}
	c, first := openInbox(t, m.IMAPAddr(), testSupport)
	changeEverything(t, c)
	before := describe(m.store.state)
	stopped(t, m)

	m = startMail(t, config)
	if after := describe(m.store.state); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	c, again := openInbox(t, m.IMAPAddr(), testSupport)
	if again.UIDValidity != first.UIDValidity || again.UIDNext != 7 {
		t.Errorf("UIDVALIDITY %d, UIDNEXT %d; want %d and 7", again.UIDValidity, again.UIDNext, first.UIDValidity)
	}
	var flags []string
	for _, email := range fetchAll(t, c) {
		flags = append(flags, fmt.Sprintf("%d %v", email.UID, email.Flags))
		if email.UID == 6 && !email.InternalDate.Equal(time.Date(2025, 3, 1, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("the appended email has INTERNALDATE %v", email.InternalDate)
		}
	}
	if want := []string{`1 [\Seen $Seen2]`, `3 [\Deleted]`, `4 []`, `6 [\Flagged]`}; !slices.Equal(flags, want) {
		t.Errorf("INBOX shows %q, want %q", flags, want)
	}
	wantUIDs(t, c, "Done", 1, 2)
	wantUIDs(t, c, "Spam", 1)
	sendMail(t, m.SMTPAddr(), testEmail("next", 10), testSupport)
	wantUIDs(t, c, "INBOX", 1, 3, 4, 6, 7)
	wantFolders(t, c, "*", nil, "Archive", "Archive/2025", "Done", "INBOX", "Spam")
	wantFolders(t, c, "%", nil, "Archive", "Done", "INBOX", "Spam")
	wantFolders(t, c, "inbox", nil, "INBOX")
	wantFolders(t, c, "*", &imap.ListOptions{SelectSubscribed: true}, "Done")
}

func wantFolders(t *testing.T, c *imapclient.Client, pattern string, o *imap.ListOptions, want ...string) {
	t.Helper()
	found, err := c.List("", pattern, o).Collect()
	if err != nil {
		t.Fatalf("LIST: %v", err)
	}
	var names []string
	for _, data := range found {
		names = append(names, data.Mailbox)
	}
	if !slices.Equal(names, want) {
		t.Errorf("LIST %q (%+v) shows %q, want %q", pattern, o, names, want)
	}
}

func TestFolderMadeAnewHasAnotherUIDValidity(t *testing.T) {
	t.Parallel()
	config := mailConfig(t.TempDir())
	m := startMail(t, config)
	c, inbox := openInbox(t, m.IMAPAddr(), testSupport)
	seen := map[uint32]bool{inbox.UIDValidity: true}
	for n := range 3 {
		if err := c.Create("Twice", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		data, err := c.Select("Twice", nil).Wait()
		if err != nil || seen[data.UIDValidity] {
			t.Errorf("round %d: UIDVALIDITY %d came before (%v)", n, data.UIDValidity, err)
		}
		seen[data.UIDValidity] = true
		if err := c.Delete("Twice").Wait(); err != nil {
			t.Fatal(err)
		}
	}
	// A wiped directory must not look like the old one.
	other, now := openInbox(t, startMail(t, mailConfig(t.TempDir())).IMAPAddr(), testSupport)
	if now.UIDValidity == inbox.UIDValidity && time.Now().Unix() > int64(inbox.UIDValidity) {
		t.Errorf("another directory has the same UIDVALIDITY %d", now.UIDValidity)
	}
	other.Close()
}

func TestFoldersThatCannotBe(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	if err := c.Create("There", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	select_ := func(name string) error { _, err := c.Select(name, nil).Wait(); return err }
	missing := func(name string) error {
		cmd := c.Append(name, 2, nil)
		cmd.Write([]byte("\r\n"))
		cmd.Close()
		_, err := cmd.Wait()
		return err
	}
	for what, err := range map[string]error{
		"INBOX again":       c.Create("inbox", nil).Wait(),
		"There again":       c.Create("There/", nil).Wait(),
		"endless name":      c.Create(strings.Repeat("n", maxFolderName+1), nil).Wait(),
		"delete INBOX":      c.Delete("Inbox").Wait(),
		"rename INBOX":      c.Rename("INBOX", "Elsewhere", nil).Wait(),
		"rename over":       c.Rename("There", "INBOX", nil).Wait(),
		"delete nothing":    c.Delete("Nowhere").Wait(),
		"subscribe nothing": c.Subscribe("Nowhere").Wait(),
		"select nothing":    select_("Nowhere"),
		"append nowhere":    missing("Nowhere"),
	} {
		if err == nil {
			t.Errorf("%s was allowed", what)
		}
	}
	if err := missing("Nowhere"); err == nil || !strings.Contains(err.Error(), "TRYCREATE") {
		t.Errorf("APPEND to a missing folder says %v, want TRYCREATE", err)
	}
}

func TestSectionsOfAnEmail(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	raws := map[string]string{
		"plain":            "Subject: a\r\nFrom: b@c\r\n\r\nbody\r\n",
		"malformed header": "Subject: a\r\nthis is no header line\r\n\r\nbody\r\n",
		"no body":          "Subject: a\r\n",
		"bare LF":          "Subject: a\nX: y\n\nbody\n",
		"empty header":     "\r\nbody\r\n",
		"long line":        "Subject: " + strings.Repeat("s", 20_000) + "\r\n\r\nbody\r\n",
		"nothing":          "",
		"binary":           "\x00\xff\r\n\r\n\x01\x02",
	}
	for name, raw := range raws {
		uid := appendMail(t, c, "INBOX", []byte(raw), nil).UID
		head, _, _ := strings.Cut(raw, "body")
		if strings.Contains(name, "binary") {
			head = "\x00\xff\r\n\r\n"
		}
		for _, test := range []struct {
			item imap.FetchItemBodySection
			want string
		}{
			{imap.FetchItemBodySection{}, raw},
			{imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader}, head},
			{imap.FetchItemBodySection{Specifier: imap.PartSpecifierText}, raw[len(head):]},
			{imap.FetchItemBodySection{Partial: &imap.SectionPartial{Offset: 3, Size: 5}}, cutOut(raw, 3, 8)},
			{imap.FetchItemBodySection{Partial: &imap.SectionPartial{Offset: 1 << 40, Size: 1 << 40}}, ""},
			{imap.FetchItemBodySection{Specifier: imap.PartSpecifierText, Partial: &imap.SectionPartial{Offset: 1, Size: 1 << 60}}, cutOut(raw[len(head):], 1, 1<<30)},
		} {
			test.item.Peek = true
			messages, err := c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{&test.item}}).Collect()
			if err != nil || len(messages) != 1 || len(messages[0].BodySection) != 1 {
				t.Fatalf("%s: %v", name, err)
			}
			if got := string(messages[0].BodySection[0].Bytes); got != test.want {
				t.Errorf("%s, section %q %+v: got %q, want %q", name, test.item.Specifier, test.item.Partial, shorten(got), shorten(test.want))
			}
		}
	}
}

func cutOut(s string, from, to int) string { return s[min(from, len(s)):min(to, len(s))] }

func shorten(s string) string { return s[:min(len(s), 100)] }

func TestEnvelopeStructureAndParts(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	sendMail(t, m.SMTPAddr(), []byte("From: Ann <ann@client.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"+
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n"+
		"--b\r\nContent-Type: application/pdf\r\n\r\nsecond\r\n--b--\r\n"), testSupport)
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	part := &imap.FetchItemBodySection{Part: []int{2}} // without PEEK: sets \Seen
	fields := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"From"}, Peek: true}
	messages, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{
		Envelope: true, BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection: []*imap.FetchItemBodySection{part, fields},
	}).Collect()
	if err != nil || len(messages) != 1 {
		t.Fatalf("FETCH: %v", err)
	}
	got := messages[0]
	if got.Envelope.Subject != "Grüße" || got.Envelope.From[0].Addr() != testSender {
		t.Errorf("ENVELOPE is %+v", got.Envelope)
	}
	if s, ok := got.BodyStructure.(*imap.BodyStructureMultiPart); !ok || len(s.Children) != 2 {
		t.Errorf("BODYSTRUCTURE is %+v", got.BodyStructure)
	}
	if body := got.FindBodySection(part); string(body) != "second" {
		t.Errorf("part 2 is %q", body)
	}
	if head := got.FindBodySection(fields); string(head) != "From: Ann <ann@client.example>\r\n\r\n" {
		t.Errorf("the From field is %q", head)
	}
	if !slices.Contains(got.Flags, imap.FlagSeen) {
		t.Errorf("reading a part left the flags %v", got.Flags)
	}
	for _, email := range inbox(t, m.IMAPAddr(), testSupport) {
		if !slices.Contains(email.Flags, imap.FlagSeen) {
			t.Errorf("another session sees %v", email.Flags)
		}
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	sendMail(t, m.SMTPAddr(), testEmail("one", 10), testSupport)
	writer, _ := openInbox(t, m.IMAPAddr(), testSupport)
	store(t, writer, imap.StoreFlagsAdd, imap.FlagDeleted, 1)
	before := m.store.journal.size

	c := dialIMAP(t, m.IMAPAddr(), nil)
	if err := c.Login(testSupport, testPassword).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Flags: []imap.Flag{imap.FlagSeen}}, nil).Close(); err == nil {
		t.Error("STORE was allowed after EXAMINE")
	}
	read := &imap.FetchItemBodySection{}
	if _, err := c.Fetch(imap.UIDSetNum(1), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{read}}).Collect(); err != nil {
		t.Errorf("FETCH: %v", err)
	}
	if _, err := c.Move(imap.UIDSetNum(1), "INBOX").Wait(); err == nil {
		t.Error("MOVE was allowed after EXAMINE")
	}
	if err := c.UnselectAndExpunge().Wait(); err != nil {
		t.Errorf("CLOSE: %v", err)
	}
	if m.store.journal.size != before {
		t.Error("the journal grew")
	}
}

func TestOneSessionSeesWhatAnotherDoes(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	for n := range 4 {
		sendMail(t, m.SMTPAddr(), testEmail(fmt.Sprint(n+1), 10), testSupport)
	}
	var expunged []uint32
	watcher := dialIMAP(t, m.IMAPAddr(), &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Expunge: func(seq uint32) { expunged = append(expunged, seq) },
	}})
	if err := watcher.Login(testSupport, testPassword).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := watcher.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	actor, _ := openInbox(t, m.IMAPAddr(), testSupport)
	store(t, actor, imap.StoreFlagsAdd, imap.FlagDeleted, 1, 3)
	if err := actor.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	// By number, the watcher still means what it was told of: 2 is UID 2.
	messages, err := watcher.Fetch(imap.SeqSetNum(2), &imap.FetchOptions{UID: true}).Collect()
	if err != nil || len(messages) != 1 || messages[0].UID != 2 {
		t.Errorf("number 2 is %+v (%v), want UID 2", messages, err)
	}
	if err := watcher.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(expunged, []uint32{3, 1}) {
		t.Errorf("the watcher heard EXPUNGE %v, want 3 and 1", expunged)
	}
	moved, err := actor.Move(imap.UIDSetNum(77), "INBOX").Wait()
	if err != nil {
		t.Errorf("moving nothing: %+v, %v", moved, err)
	}
}

// The library's client drops what it did not expect, so this one is by hand.
func TestStarIsTheLastMessage(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	for range 3 {
		appendMail(t, c, "INBOX", testEmail("x", 10), nil)
	}
	store(t, c, imap.StoreFlagsAdd, imap.FlagDeleted, 1)
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	by := talkTo(t, m.IMAPAddr())
	by.say("a LOGIN support \"" + testPassword + "\"\r\nb SELECT INBOX\r\nc FETCH * (UID)\r\n" +
		"d UID FETCH 100:* (UID)\r\ne FETCH *:1 (UID)\r\nf UID FETCH 1 (UID)\r\ng UID FETCH $ (UID)\r\nh LOGOUT\r\n")
	heard := by.hear()
	for tag, want := range map[string]string{
		"c": "* 2 FETCH (UID 3)\r\n", "d": "* 2 FETCH (UID 3)\r\n",
		"e": "* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 3)\r\n", "f": "", "g": "",
	} {
		_, answer, _ := strings.Cut(heard, string(tag[0]-1)+" OK")
		_, answer, _ = strings.Cut(answer, "\r\n")
		if !strings.HasPrefix(answer, want+tag+" OK") {
			t.Errorf("command %s was answered %q, want %q", tag, shorten(answer), want)
		}
	}
}

func TestDeletedWhileSelected(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	if err := c.Create("Brief", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	appendMail(t, c, "Brief", testEmail("x", 10), nil)
	wantUIDs(t, c, "Brief", 1)
	other, _ := openInbox(t, m.IMAPAddr(), testSupport)
	if err := other.Delete("Brief").Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Flags: []imap.Flag{imap.FlagSeen}}, nil).Close(); err == nil {
		t.Error("STORE in a deleted folder succeeded")
	}
	if err := c.Expunge().Close(); err == nil {
		t.Error("EXPUNGE in a deleted folder succeeded")
	}
	if _, err := c.Copy(imap.UIDSetNum(1), "INBOX").Wait(); err != nil {
		t.Errorf("COPY out of a deleted folder: %v", err)
	}
	wantUIDs(t, c, "INBOX")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	at := func(day int) *imap.AppendOptions {
		return &imap.AppendOptions{Time: time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)}
	}
	appendMail(t, c, "INBOX", []byte("Subject: Printer on fire\r\nDate: Sun, 1 Nov 2026 10:00:00 +0000\r\n\r\nPlease HELP\r\n"), at(1))
	appendMail(t, c, "INBOX", []byte("Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nContent-Transfer-Encoding: base64\r\n\r\n"+
		"aGVscCBjb21lcw==\r\n"), at(2))
	appendMail(t, c, "INBOX", []byte("no header at all\r\n\r\nhelp in a broken one "+strings.Repeat("z", 500)), at(3))
	store(t, c, imap.StoreFlagsAdd, imap.FlagSeen, 1)
	header := func(key, value string) imap.SearchCriteria {
		return imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: key, Value: value}}}
	}
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		criteria imap.SearchCriteria
		want     []imap.UID
	}{
		"all":            {imap.SearchCriteria{}, []imap.UID{1, 2, 3}},
		"seen":           {imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}, []imap.UID{1}},
		"unseen":         {imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}, []imap.UID{2, 3}},
		"subject":        {header("Subject", "FIRE"), []imap.UID{1}},
		"encoded":        {header("Subject", "grüße"), []imap.UID{2}},
		"has a subject":  {header("Subject", ""), []imap.UID{1, 2}},
		"body":           {imap.SearchCriteria{Body: []string{"help"}}, []imap.UID{1, 2, 3}},
		"text":           {imap.SearchCriteria{Text: []string{"printer"}}, []imap.UID{1}},
		"not":            {imap.SearchCriteria{Not: []imap.SearchCriteria{header("Subject", "fire")}}, []imap.UID{2, 3}},
		"or":             {imap.SearchCriteria{Or: [][2]imap.SearchCriteria{{header("Subject", "fire"), header("Subject", "gr")}}}, []imap.UID{1, 2}},
		"larger":         {imap.SearchCriteria{Larger: 400}, []imap.UID{3}},
		"smaller":        {imap.SearchCriteria{Smaller: 400}, []imap.UID{1, 2}},
		"since":          {imap.SearchCriteria{Since: day(2)}, []imap.UID{2, 3}},
		"before":         {imap.SearchCriteria{Before: day(2)}, []imap.UID{1}},
		"sent":           {imap.SearchCriteria{SentSince: day(1), SentBefore: day(2)}, []imap.UID{1}},
		"last by number": {imap.SearchCriteria{SeqNum: []imap.SeqSet{{{Start: 0, Stop: 0}}}}, []imap.UID{3}},
		"UIDs":           {imap.SearchCriteria{UID: []imap.UIDSet{{{Start: 2, Stop: 0}}}}, []imap.UID{2, 3}},
		"nothing":        {header("Subject", "water"), nil},
	} {
		data, err := c.UIDSearch(&test.criteria, nil).Wait()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := data.AllUIDs(); !slices.Equal(got, test.want) {
			t.Errorf("%s: found %v, want %v", name, got, test.want)
		}
	}
	data, err := c.Search(&imap.SearchCriteria{}, &imap.SearchOptions{ReturnMin: true, ReturnMax: true, ReturnCount: true}).Wait()
	if err != nil || data.Min != 1 || data.Max != 3 || data.Count != 3 {
		t.Errorf("ESEARCH: %+v, %v", data, err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, selected := openInbox(t, m.IMAPAddr(), testSupport)
	raw := bytes.Repeat([]byte("y"), 1234)
	for range 3 {
		appendMail(t, c, "INBOX", raw, nil)
	}
	store(t, c, imap.StoreFlagsAdd, imap.FlagSeen, 2)
	data, err := c.Status("INBOX", &imap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true, NumUnseen: true, Size: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if *data.NumMessages != 3 || data.UIDNext != 4 || data.UIDValidity != selected.UIDValidity || *data.NumUnseen != 2 || *data.Size != 3*1234 {
		t.Errorf("STATUS: %d messages, UIDNEXT %d, %d unseen, %d bytes", *data.NumMessages, data.UIDNext, *data.NumUnseen, *data.Size)
	}
}

// Of clients that create one folder at the same moment, while mail comes in,
// one is told OK.
func TestFolderIsCreatedOnce(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	var clients []*imapclient.Client
	for range 4 {
		c, _ := openInbox(t, m.IMAPAddr(), testSupport)
		clients = append(clients, c)
	}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 3 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					sendMail(t, m.SMTPAddr(), testEmail("noise", 10), "noise@desk.example")
				}
			}
		})
	}
	for round := range 40 {
		var made atomic.Int32
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() {
				if c.Create(fmt.Sprint("Folder ", round), nil).Wait() == nil {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("round %d: %d clients were told OK, want 1", round, made.Load())
		}
	}
	close(stop)
	senders.Wait()
}

func TestClosedSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	views := func() int {
		m.store.mu.RLock()
		defer m.store.mu.RUnlock()
		return len(m.store.state.folder(testSupport, mailInbox).views)
	}
	leaves := []func(*imapclient.Client) error{
		func(c *imapclient.Client) error { return c.Unselect().Wait() },
		func(c *imapclient.Client) error { return c.Logout().Wait() },
		func(c *imapclient.Client) error { return c.Close() },
		func(c *imapclient.Client) error {
			_, err := c.Select("INBOX", nil).Wait()
			return errors.Join(err, c.Close())
		},
	}
	for i, leave := range leaves {
		c, _ := openInbox(t, m.IMAPAddr(), testSupport)
		if views() != 1 {
			t.Fatalf("one session is open and %d are known", views())
		}
		if err := leave(c); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(5 * time.Second); views() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("way %d: the session is still known", i)
			}
		}
	}
}
