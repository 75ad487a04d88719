package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/postern-desk/postern/mail/message"
)

func TestEmailsHaveTheShapeThatIsClaimed(t *testing.T) {
	t.Parallel()
	const n = 1000
	var total, alternative, attachments, header int
	for i := range n {
		raw := email(i)
		if len(raw) < smallestEmail || len(raw) > largestEmail {
			t.Errorf("email %d has %d bytes, want %d to %d", i, len(raw), smallestEmail, largestEmail)
		}
		total += len(raw)
		end := bytes.Index(raw, []byte("\r\n\r\n"))
		if end < 2000 || end > 4200 {
			t.Errorf("the header of email %d has %d bytes, want 2 to 4 KB", i, end)
		}
		header += end
		if bytes.Contains(raw[:end], []byte("multipart/alternative")) {
			alternative++
		}
		if bytes.Contains(raw, []byte("Content-Disposition: attachment")) {
			attachments++
		}
	}
	if mean := total / n >> 10; mean < 14 || mean > 18 {
		t.Errorf("the mean is %d KiB, want about 16", mean)
	}
	if alternative != 400 || attachments != 300 {
		t.Errorf("%d alternative and %d with attachments, want 400 and 300 of %d", alternative, attachments, n)
	}
	t.Logf("mean %d bytes, header %d bytes", total/n, header/n)
}

func TestEmailsAreTheSameEveryTime(t *testing.T) {
	t.Parallel()
	for i := range 50 {
		if !bytes.Equal(email(i), email(i)) {
			t.Fatalf("email %d differs from itself", i)
		}
		if bytes.Equal(email(i), email(i+1)) {
			t.Fatalf("emails %d and %d are the same", i, i+1)
		}
	}
}

// An email that the parser took for automatic mail would open no ticket: the measure would be of less
// work than it says.
func TestEmailsAreReadAsPeoplesMail(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		raw := email(i)
		e, err := message.Parse(bytes.NewReader(raw), message.DefaultLimits(), nil)
		if err != nil {
			t.Fatalf("email %d: %v", i, err)
		}
		if e.Class != message.ClassHuman || e.From.Address != senderOf(i) || e.MessageID != messageID(i) || len(e.Problems) > 0 {
			t.Errorf("email %d was read as class %s from %s, Message-ID %s, problems %v", i, e.Class, e.From.Address, e.MessageID, e.Problems)
		}
		if strings.TrimSpace(e.Text) == "" || bytes.Contains(raw, []byte("Content-Disposition: attachment")) != (len(e.Attachments) == 1) {
			t.Errorf("email %d: %d bytes of text, %d attachments", i, len(e.Text), len(e.Attachments))
		}
	}
}
