package mailbox_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// tidyInbox has three emails, and a folder to move to; it returns their names.
func tidyInbox(t *testing.T, box inbox) (*mailbox.Session, mailbox.Emails) {
	t.Helper()
	box.add(t, "Done", []byte("Subject: was there\r\n\r\n"))
	box.add(t, "INBOX", []byte("Subject: 1\r\n\r\n"), []byte("Subject: 2\r\n\r\n"), []byte("Subject: 3\r\n\r\n"))
	s := dialBox(t, box.account)
	e := mailbox.Emails{Folder: "INBOX", UIDValidity: openBox(t, s).UIDValidity}
	for _, m := range listBox(t, s, 1) {
		e.UIDs, e.Dates = append(e.UIDs, m.UID), append(e.Dates, m.InternalDate)
	}
	return s, e
}

// stand is what a folder holds: the UIDs, with a star where an email is marked as read.
func stand(t *testing.T, s *mailbox.Session, folder string) (out []string) {
	t.Helper()
	if _, err := s.Open(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	for _, m := range listBox(t, s, 1) {
		mark := ""
		if slices.Contains(m.Flags, "\\Seen") {
			mark = "*"
		}
		out = append(out, fmt.Sprint(m.UID, mark))
	}
	return out
}

// Tried on both servers: some of the emails, all of them again, more than one command names, UIDs that are
// gone, an email of another date under the UID, other UIDVALIDITY, folders that are not there.
func TestTidy(t *testing.T) {
	t.Parallel()
	for server, start := range servers(t) {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			s, e := tidyInbox(t, start(t))
			two, gone := e, e
			two.UIDs = e.UIDs[:2]
			gone.UIDs = counting(e.UIDs[2]+1, e.UIDs[2]+500, 1)
			gone.Dates = make([]time.Time, len(gone.UIDs))
			replaced := e
			replaced.Dates = []time.Time{e.Dates[0], e.Dates[1], e.Dates[2].Add(time.Second)}
			for _, emails := range []mailbox.Emails{two, replaced, gone} {
				if err := s.MarkSeen(t.Context(), emails); err != nil {
					t.Fatalf("mark %v: %v", emails.UIDs, err)
				}
			}
			want := []string{fmt.Sprint(e.UIDs[0], "*"), fmt.Sprint(e.UIDs[1], "*"), fmt.Sprint(e.UIDs[2])}
			if got := stand(t, s, "INBOX"); !slices.Equal(got, want) {
				t.Errorf("after marking two: %v, want %v", got, want)
			}
			other, nowhere := e, e
			other.UIDValidity++
			nowhere.Folder = "Nowhere"
			mustBe(t, s.MoveTo(t.Context(), other, "Done"), mailbox.ErrRenumbered)
			mustBe(t, s.MarkSeen(t.Context(), nowhere), mailbox.ErrNoFolder)
			mustBe(t, s.MoveTo(t.Context(), e, "Nowhere"), mailbox.ErrNoTarget)
			if got := stand(t, s, "INBOX"); !slices.Equal(got, want) {
				t.Errorf("after refusals: %v, want %v", got, want)
			}
			for _, emails := range []mailbox.Emails{two, two, gone} {
				if err := s.MoveTo(t.Context(), emails, "Done"); err != nil {
					t.Fatalf("move %v: %v", emails.UIDs, err)
				}
			}
			if got := stand(t, s, "INBOX"); !slices.Equal(got, want[2:]) {
				t.Errorf("after moving two: %v, want %v", got, want[2:])
			}
			if got := stand(t, s, "Done"); len(got) != 3 {
				t.Errorf("the other folder holds %v, want three", got)
			}
		})
	}
}
