package mailbox_test

import (
	"testing"
)

// Tried: every report that a server may make of an open folder, in its answer to NOOP and before it.
func TestUnchangedBelievesTheServer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                               true,
		"* OK Still here\r\n":            true,
		"* 2 FETCH (FLAGS (\\Seen))\r\n": true,
		"* 4 EXISTS\r\n":                 false,
		"* 3 EXISTS\r\n":                 false, // one came while another went
		"* 2 EXPUNGE\r\n":                false,
	} {
		s := dialFake(t, map[string]reply{"NOOP": say(text)})
		if _, err := s.Open(within(t), "INBOX"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a report is not forgotten before the folder is opened again
			if same, err := s.Unchanged(within(t), "INBOX"); same != want || err != nil {
				t.Errorf("after %q: unchanged %v, %v; want %v", text, same, err, want)
			}
		}
		if same, err := s.Unchanged(within(t), "Archive"); same || err != nil {
			t.Errorf("another folder: %v, %v", same, err)
		}
		if _, err := s.Open(within(t), "INBOX"); err != nil {
			t.Fatal(err)
		}
		if same, err := s.Unchanged(within(t), "INBOX"); same != want || err != nil {
			t.Errorf("opened again, after %q: unchanged %v, %v; want %v", text, same, err, want)
		}
	}
}

func TestUnchangedOfADeadConnection(t *testing.T) {
	t.Parallel()
	s := dialFake(t, map[string]reply{"NOOP": func(c *talk, _, _ string) { c.send("* BYE\r\n"); c.conn.Close() }})
	if _, err := s.Open(within(t), "INBOX"); err != nil {
		t.Fatal(err)
	}
	if same, err := s.Unchanged(within(t), "INBOX"); same || err == nil {
		t.Errorf("unchanged %v, %v", same, err)
	}
}
