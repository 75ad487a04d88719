package embedded

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
)

// BenchmarkMailIntake: emails of 4 KiB over eight SMTP connections, each
// answered 250 after its fsync.
func BenchmarkMailIntake(b *testing.B) {
	m := startMail(b, mailConfig(b.TempDir()))
	raw := testEmail("speed", 4096)
	var next atomic.Int64
	b.SetBytes(int64(len(raw)))
	b.ResetTimer()
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			c, err := gosmtp.Dial(m.SMTPAddr())
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Quit()
			for next.Add(1) <= int64(b.N) {
				if err := c.SendMail(testSender, []string{testSupport}, bytes.NewReader(raw)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "emails/s")
	if _, data := openInbox(b, m.IMAPAddr(), testSupport); data.NumMessages != uint32(b.N) {
		b.Errorf("%d emails are there, want %d", data.NumMessages, b.N)
	}
}

// Many clients share an fsync; the journal must still hold each email once,
// and UIDs must come to light in order.
func TestManySendersAndAReader(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	var senders sync.WaitGroup
	for n := range 8 {
		senders.Go(func() {
			for i := range 25 {
				sendMail(t, m.SMTPAddr(), testEmail(fmt.Sprintf("%d-%d", n, i), 500), testSupport, fmt.Sprintf("own%d@desk.example", n))
			}
		})
	}
	done := make(chan struct{})
	go func() { senders.Wait(); close(done) }()
	var cursor uint32
	seen := map[string]bool{}
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		if err := c.Noop().Wait(); err != nil {
			t.Fatal(err)
		}
		// A reader that never looks below its cursor must miss nothing.
		for _, email := range fetchFrom(t, c, cursor+1) {
			subject := headerField(bodyOf(t, email), "Subject")
			if seen[subject] {
				t.Errorf("%s came twice", subject)
			}
			seen[subject] = true
			cursor = max(cursor, uint32(email.UID))
		}
	}
	if len(seen) != 200 {
		t.Errorf("the reader saw %d emails, want 200", len(seen))
	}
}

// What looks at the tree of folders never shares a batch with anything.
func TestTreeChangesAreWrittenAlone(t *testing.T) {
	t.Parallel()
	s := &mailStore{ops: make(chan *mailOp, 4)}
	message, tree := func() *mailOp { return &mailOp{} }, &mailOp{alone: true}
	for _, op := range []*mailOp{message(), message(), tree, message()} {
		s.ops <- op
	}
	if batch, next := s.gather(message()); len(batch) != 3 || next != tree {
		t.Errorf("a batch of %d, then %+v; want the three messages, then the change of the tree", len(batch), next)
	}
	if batch, next := s.gather(tree); len(batch) != 1 || next != nil {
		t.Errorf("the change of the tree is in a batch of %d", len(batch))
	}
}

// A batch ends when enough bytes wait for its fsync.
func TestBatchHasALimit(t *testing.T) {
	t.Parallel()
	s := &mailStore{ops: make(chan *mailOp, 9)}
	large := &mailOp{raw: [][]byte{make([]byte, mailBatchBytes/2)}}
	for range 9 {
		s.ops <- large
	}
	if batch, _ := s.gather(large); len(batch) != 2 {
		t.Errorf("a batch of %d half batches", len(batch))
	}
}
