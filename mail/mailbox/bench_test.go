package mailbox_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/mail/mailbox"
)

const (
	benchEmails = 5000
	benchBatch  = 50
)

// benchInbox is a Dovecot folder of 5,000 emails of 4 to 28 KiB, 16 on average.
func benchInbox(b *testing.B) inbox {
	b.Helper()
	box := dovecotInbox(b, testimap.Start(b))
	random := rand.New(rand.NewPCG(1, 2))
	emails := make([][]byte, benchEmails)
	for i := range emails {
		lines := (4<<10 + random.IntN(24<<10)) / 78
		emails[i] = fmt.Appendf(nil, "Subject: email %d\r\n\r\n%s", i,
			bytes.Repeat([]byte("A line of text that is as long as lines of base64 in attachments tend to be.\r\n"), lines))
	}
	box.add(b, "INBOX", emails...)
	return box
}

// BenchmarkFetch reads all emails through Session.Fetch.
func BenchmarkFetch(b *testing.B) {
	s := dialBox(b, benchInbox(b).account)
	openBox(b, s)
	batches, _ := mailbox.Batches(listBox(b, s, 1), benchBatch, 64<<20, 64<<20)
	var count, size int64
	for b.Loop() {
		for _, batch := range batches {
			_, err := s.Fetch(b.Context(), batch, func(_ mailbox.Meta, body io.Reader) error {
				n, err := io.Copy(io.Discard, body)
				count, size = count+1, size+n
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, count, size)
}

// BenchmarkRawFetch is the measure of it: the library alone, streaming, without
// limits and checks.
func BenchmarkRawFetch(b *testing.B) {
	box := benchInbox(b)
	conn, err := net.Dial("tcp", net.JoinHostPort(box.account.Host, strconv.Itoa(box.account.Port)))
	if err != nil {
		b.Fatal(err)
	}
	client := imapclient.New(conn, nil)
	defer func() { _ = client.Close() }()
	if err := client.Login(box.account.Username, box.account.Password).Wait(); err != nil {
		b.Fatal(err)
	}
	if _, err := client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		b.Fatal(err)
	}
	var count, size int64
	for b.Loop() {
		for first := 1; first <= benchEmails; first += benchBatch {
			n, bytes := rawFetch(b, client, imap.UID(first), imap.UID(first+benchBatch-1))
			count, size = count+n, size+bytes
		}
	}
	report(b, count, size)
}

func rawFetch(b *testing.B, client *imapclient.Client, first, last imap.UID) (count, size int64) {
	var set imap.UIDSet
	set.AddRange(first, last)
	cmd := client.Fetch(set, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			if body, ok := item.(imapclient.FetchItemDataBodySection); ok {
				n, err := io.Copy(io.Discard, body.Literal)
				if err != nil {
					b.Fatal(err)
				}
				count, size = count+1, size+n
			}
		}
	}
	if err := cmd.Close(); err != nil {
		b.Fatal(err)
	}
	return count, size
}

func report(b *testing.B, count, size int64) {
	b.Helper()
	if want := int64(b.N) * benchEmails; count != want {
		b.Fatalf("read %d emails; want %d", count, want)
	}
	b.SetBytes(size / int64(b.N))
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "msg/s")
}
