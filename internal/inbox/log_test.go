package inbox_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/postern-desk/postern/mail/message"
)

// heard is a log that several goroutines write.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write notes what is logged.
func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// Tried: a panic whose value holds what somebody wrote. It is not parallel, since the default logger is the process's.
func TestLogOfAPanicHoldsNoWordsOfAnEmail(t *testing.T) {
	log, before := &heard{}, slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	defer slog.SetDefault(before)
	d := newDesk(t)
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		e, _ := message.Parse(raw, l, keep)
		panic("index of " + e.Subject)
	})
	ids := d.accept(t, email{from: "ann@client.example", subject: "my diagnosis", id: unique(), body: "x"})
	d.ingest(t, ids...)
	d.expectOriginal(t, ids[0])
	if said := log.String(); strings.Contains(said, "diagnosis") || !strings.Contains(said, "panic=string") || !strings.Contains(said, "log_test.go") {
		t.Errorf("the log says\n%s", said)
	}
}
