package message

import (
	"strings"
	"testing"
)

// Tried: the line bare, quoted, in the middle of a sentence, and with nothing above it.
func TestReplyLineEndsTheReply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, reply string }{
		{"bare", "Thanks!\n\n" + ReplyLine + "\n\nHello Ann,", "Thanks!"},
		{"quoted", "Thanks!\n\n> " + ReplyLine + "\n> Hello Ann,", "Thanks!"},
		{"under an introduction", "Thanks!\n\nOn Sun, 22 Nov 2026 at 18:41, Support <support@desk.example> wrote:\n> " + ReplyLine + "\n>\n> Hello", "Thanks!"},
		{"in a sentence", "It says " + ReplyLine + " there.", "It says " + ReplyLine + " there."},
		{"nothing above", ReplyLine + "\n\nI write below.", ReplyLine + "\n\nI write below."},
	} {
		e, err := Parse(strings.NewReader("From: a@b.example\r\n\r\n"+tc.text), DefaultLimits(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(e.Reply) != tc.reply {
			t.Errorf("%s: reply %q, want %q (cut %q)", tc.name, e.Reply, tc.reply, e.Cut)
		}
	}
}
