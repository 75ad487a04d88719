package embedded

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// journalWith returns the bytes of a journal with n emails, and what a mailbox
// shows of them.
func journalWith(t testing.TB, n int) (journal []byte, shown []string) {
	t.Helper()
	dir := t.TempDir()
	m, err := StartMail(t.Context(), mailConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		sendMail(t, m.SMTPAddr(), testEmail(fmt.Sprintf("number %d", i+1), 50), testSupport, "other+tag@desk.example")
	}
	shown = show(t, m)
	stopped(t, m)
	journal, err = os.ReadFile(journalPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	return journal, shown
}

// show is a mailbox in words: UIDVALIDITY, then UID and subject of each email.
func show(t testing.TB, m *Mail) []string {
	t.Helper()
	c, data := openInbox(t, m.IMAPAddr(), testSupport)
	shown := []string{fmt.Sprint("validity ", data.UIDValidity)}
	for _, email := range fetchAll(t, c) {
		shown = append(shown, fmt.Sprintf("%d %s", email.UID, headerField(bodyOf(t, email), "Subject")))
	}
	return shown
}

func mailDirWith(t testing.TB, journal []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(journalPath(dir), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// recordEnds lists where each record of a journal ends.
func recordEnds(t *testing.T, journal []byte) (ends []int64) {
	t.Helper()
	_, err := scanMailJournal(bytes.NewReader(journal), int64(len(journal)), func(r mailStored) error {
		ends = append(ends, r.rawAt+r.rawSize)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

func TestTornEndIsCutOffAndKept(t *testing.T) {
	t.Parallel()
	journal, shown := journalWith(t, 3)
	ends := recordEnds(t, journal)
	before := ends[len(ends)-2]
	for _, size := range []int64{before + 1, before + mailRecordHead, before + 100, int64(len(journal)) - 1} {
		t.Run(fmt.Sprint("cut at ", size), func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			config := mailConfig(mailDirWith(t, journal[:size]))
			config.Log = slog.New(slog.NewTextHandler(&log, nil))
			m, err := StartMail(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(t, m); fmt.Sprint(got) != fmt.Sprint(shown[:3]) {
				t.Errorf("after the cut the mailbox shows %v, want %v", got, shown[:3])
			}
			sendMail(t, m.SMTPAddr(), testEmail("afterwards", 50), testSupport)
			want := append(append([]string{}, shown[:3]...), "3 afterwards")
			if got := show(t, m); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after the next email it shows %v, want %v", got, want)
			}
			stopped(t, m)
			if !strings.Contains(log.String(), "torn end") || strings.Contains(log.String(), testSender) {
				t.Errorf("the log does not tell of the cut, or tells too much: %s", &log)
			}
			aside, err := os.ReadFile(fmt.Sprintf("%s.cut-%d", journalPath(config.Dir), before))
			if err != nil || !bytes.Equal(aside, journal[before:size]) {
				t.Errorf("the torn bytes are not kept: %v", err)
			}
			if got := show(t, startMail(t, config)); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after another start it shows %v, want %v", got, want)
			}
		})
	}
}

// A journal cut anywhere shows a beginning of what it held.
func TestJournalCutAnywhere(t *testing.T) {
	t.Parallel()
	journal, _ := journalWith(t, 2)
	ends := recordEnds(t, journal)
	for size := range len(journal) {
		whole := 0
		for _, end := range ends {
			if end <= int64(size) {
				whole++
			}
		}
		got := 0
		good, err := scanMailJournal(bytes.NewReader(journal), int64(size), func(mailStored) error { got++; return nil })
		if err != nil || got != whole || good > int64(size) {
			t.Fatalf("cut at %d: %d records (%v), want %d", size, got, err, whole)
		}
	}
}

// Every single changed byte is noticed: the record it is in does not come out.
func TestChangedByteIsNoticed(t *testing.T) {
	t.Parallel()
	journal, _ := journalWith(t, 1)
	ends := recordEnds(t, journal)
	for at := range journal {
		spoilt := bytes.Clone(journal)
		spoilt[at] ^= 0x40
		got := 0
		_, err := scanMailJournal(bytes.NewReader(spoilt), int64(len(spoilt)), func(mailStored) error { got++; return nil })
		if at < len(mailMagic) {
			if err == nil {
				t.Fatalf("byte %d of the magic changed unnoticed", at)
			}
			continue
		}
		intact := 0
		for _, end := range ends {
			if end <= int64(at) {
				intact++
			}
		}
		if err != nil || got != intact {
			t.Fatalf("byte %d changed: %d records came out (%v), want %d", at, got, err, intact)
		}
	}
}

func TestForeignFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	record := func(kind byte, meta string) []byte {
		head, _ := mailRecord{kind: kind, meta: []byte(meta)}.head()
		return append(append([]byte(mailMagic), head...), meta...)
	}
	for name, content := range map[string][]byte{
		"another format": []byte("PSTMAIL2 and what it means"),
		"a short text":   []byte("hello"),
		"unknown kind":   record('?', "{}"),
		"broken JSON":    record('m', "{"),
		"head too long":  record('m', `{"targets":[{"folder":1,"uid":1,"head":9}]}`),
		"negative head":  record('m', `{"targets":[{"folder":1,"uid":1,"head":-9}]}`),
	} {
		dir := mailDirWith(t, content)
		if m, err := StartMail(t.Context(), mailConfig(dir)); err == nil {
			t.Errorf("%s: the server started", name)
			stopped(t, m)
		}
		if left, err := os.ReadFile(journalPath(dir)); err != nil || !bytes.Equal(left, content) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestCrashWhileTheJournalIsMade(t *testing.T) {
	t.Parallel()
	for size := range len(mailMagic) + 1 {
		dir := mailDirWith(t, []byte(mailMagic[:size]))
		m := startMail(t, mailConfig(dir))
		sendMail(t, m.SMTPAddr(), testEmail("first", 10), testSupport)
		stopped(t, m)
		again := startMail(t, mailConfig(dir))
		if got := inbox(t, again.IMAPAddr(), testSupport); len(got) != 1 {
			t.Errorf("magic of %d bytes: %d emails, want 1", size, len(got))
		}
	}
}

// A disk that refuses a write must not leave half a record behind: /dev/full
// cannot be truncated either, so the journal goes out of use and says so.
func TestFullDiskTakesNothing(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if os.IsNotExist(err) {
		t.Log("no /dev/full here; a closed file stands in for it")
		full, err = os.Create(filepath.Join(t.TempDir(), "closed"))
		full.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	j := &mailJournal{file: full, writer: bufio.NewWriter(nil), size: 8}
	for range 2 {
		if _, err := j.append([]mailRecord{{kind: 'x', meta: []byte("{}")}}); err == nil {
			t.Fatal("a write to a full disk succeeded")
		}
	}
	if j.size != 8 {
		t.Errorf("the journal believes it has %d bytes", j.size)
	}
}

func TestJournalIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "mail")
	startMail(t, mailConfig(dir))
	for path, want := range map[string]os.FileMode{dir: 0o700, journalPath(dir): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

// FuzzMailJournal: whatever the file holds, the server starts or refuses it;
// once it started, it takes an email, and a second start shows the same.
func FuzzMailJournal(f *testing.F) {
	journal, _ := journalWith(f, 2)
	f.Add(journal)
	f.Add(journal[:len(journal)-5])
	f.Add([]byte{})
	f.Add([]byte(mailMagic))
	f.Add(forgedJournal(
		&folderMade{Folder: 7, Owner: testSupport, Name: mailInbox},
		&folderMade{Folder: 8, Owner: testSupport, Name: "A/B"},
		&messageStored{Targets: []messageTarget{{Folder: 7, UID: 5}, {Folder: 8, UID: 4294967295}, {Folder: 9, UID: 1}}},
		&flagsChanged{Folder: 7, UIDs: imap.UIDSet{{Start: 9, Stop: 1}, {Start: 0, Stop: 0}}, Flags: []imap.Flag{`\Seen`}},
		&messagesCopied{From: 7, To: 7, UIDs: imap.UIDSet{{Start: 1, Stop: 4294967295}}, First: 6, Move: true},
		&messagesExpunged{Folder: 7, UIDs: imap.UIDSet{{Start: 1, Stop: 0}}},
		&folderRenamed{Folder: 8, Name: "A/B/C"}, &folderRenamed{Folder: 7, Name: "gone"}, &folderDeleted{Folder: 8},
		&folderSubscribed{Folder: 7, Subscribed: true},
	))
	f.Fuzz(func(t *testing.T, journal []byte) {
		dir := mailDirWith(t, withRightCRCs(journal))
		first, err := openMailStore(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		err = first.deliver(mailDelivery{owners: []string{testSupport}, heads: [][]byte{[]byte("A: b\r\n")}, body: mailBody{[]byte("\r\nhello")}})
		inbox := first.state.folder(testSupport, mailInbox)
		if usedUp := inbox.uidNext >= maxMailUID-1; err != nil && usedUp {
			first.Close()
			return
		}
		if err != nil || len(inbox.messages) == 0 {
			t.Fatalf("it started and takes no email: %v", err)
		}
		last := inbox.messages[len(inbox.messages)-1]
		if raw, err := io.ReadAll(first.read(last, 0)); err != nil || string(raw) != "A: b\r\n\r\nhello" {
			t.Fatalf("the email came back as %q (%v)", raw, err)
		}
		before := describe(first.state)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second, err := openMailStore(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("it started once and not again: %v", err)
		}
		defer second.Close()
		if after := describe(second.state); after != before {
			t.Fatalf("before:\n%s\nafter:\n%s", before, after)
		}
	})
}

func forgedJournal(changes ...mailChange) []byte {
	journal := []byte(mailMagic)
	for _, change := range changes {
		meta := mustJSON(change)
		head, _ := mailRecord{kind: change.kind(), meta: meta, raw: [][]byte{[]byte("raw")}}.head()
		journal = append(append(append(journal, head...), meta...), "raw"...)
	}
	return journal
}

// withRightCRCs lets the fuzzer past the check that would stop it at once.
func withRightCRCs(journal []byte) []byte {
	journal = bytes.Clone(journal)
	for at := len(mailMagic); at+mailRecordHead <= len(journal); {
		head := journal[at : at+mailRecordHead]
		length := int(binary.BigEndian.Uint32(head))
		end := at + mailRecordHead + length
		if length < 0 || end > len(journal) || int(binary.BigEndian.Uint32(head[9:])) > length {
			break
		}
		// The head's own crc field does not count.
		right, _ := mailRecord{kind: head[8], meta: journal[at+mailRecordHead : at+mailRecordHead+int(binary.BigEndian.Uint32(head[9:]))],
			raw: [][]byte{journal[at+mailRecordHead+int(binary.BigEndian.Uint32(head[9:])) : end]}}.head()
		copy(head[4:8], right[4:8])
		at = end
	}
	return journal
}

// When the disk fails, no client may hear 250, nor see what is not durable.
func TestFailedDiskIsToldToClients(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	m.store.journal.broken = errors.New("the disk of " + testSender + " is gone")
	err := smtp.SendMail(m.SMTPAddr(), nil, testSender, []string{testSupport}, testEmail("lost", 10))
	if answerCodes(err) != "451 4.3.0" || strings.Contains(err.Error(), testSender) {
		t.Errorf("SMTP says %v, want 451 without the reason", err)
	}
	cmd := c.Append("INBOX", 2, nil)
	cmd.Write([]byte("\r\n"))
	cmd.Close()
	if _, err := cmd.Wait(); err == nil || strings.Contains(err.Error(), testSender) {
		t.Errorf("APPEND says %v, want a refusal without the reason", err)
	}
	wantUIDs(t, c, "INBOX")
}
