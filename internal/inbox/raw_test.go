package inbox_test

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
)

// Tried: bytes that are no email, under a header and alone; a body whose encoding gives nothing; Latin letters without
// a charset, which are text. What is shown as it came has the original with it, and says so.
func TestTextOfRawBytesHasTheOriginalAttached(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	noise := make([]byte, 20_000)
	rand.New(rand.NewSource(1)).Read(noise)
	for what, c := range map[string]struct {
		email email
		want  bool
	}{
		"noise":         {email{from: "ann@client.example", id: unique(), body: string(noise)}, true},
		"no header":     {email{headless: true, body: string(noise)}, true},
		"empty base64":  {email{from: "ann@client.example", id: unique(), extra: "Content-Transfer-Encoding: base64\r\n", body: "===="}, true},
		"latin letters": {email{from: "ann@client.example", id: unique(), body: "Gr\xfc\xdfe"}, false},
	} {
		ids := d.accept(t, c.email)
		d.ingest(t, ids...)
		m := d.full(t, d.expect(t, ids[0], inbox.Opened).TicketID.UUID)
		attached := len(m.Attachments) == 1 && m.Attachments[0].Name == "original.eml" && m.Attachments[0].Size == int64(len(c.email.raw()))
		said := slices.Contains(m.Messages[0].Problems, "some of the text is bytes as they came; the original is attached")
		if attached != c.want || said != c.want {
			t.Errorf("%s: attached: %v, said: %v, want %v: %q", what, attached, said, c.want, m.Messages[0].Problems)
		}
	}
}
