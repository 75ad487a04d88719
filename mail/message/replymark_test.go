package message

import (
	"strings"
	"testing"
)

// Tried: the line of each language bare, quoted, in the middle of a sentence, and with nothing above it.
func TestReplyLineEndsTheReply(t *testing.T) {
	t.Parallel()
	for _, line := range ReplyLines {
		for _, tc := range []struct{ name, text, reply string }{
			{"bare", "Thanks!\n\n" + line + "\n\nHello Ann,", "Thanks!"},
			{"quoted", "Thanks!\n\n> " + line + "\n> Hello Ann,", "Thanks!"},
			{"under an introduction", "Thanks!\n\nOn Sun, 22 Nov 2026 at 18:41, Support <support@desk.example> wrote:\n> " + line + "\n>\n> Hello", "Thanks!"},
			{"in a sentence", "It says " + line + " there.", "It says " + line + " there."},
			{"nothing above", line + "\n\nI write below.", line + "\n\nI write below."},
		} {
			e, err := Parse(strings.NewReader("From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+tc.text), DefaultLimits(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(e.Reply) != tc.reply {
				t.Errorf("%s, %s: reply %q, want %q (cut %q)", line, tc.name, e.Reply, tc.reply, e.Cut)
			}
		}
	}
}
