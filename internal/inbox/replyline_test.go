package inbox_test

import (
	"testing"

	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
	"github.com/postern-desk/postern/mail/message"
)

// The lines that letters bear are the lines that end a reply, in every language.
func TestReplyLineIsTheSameOnBothWays(t *testing.T) {
	if len(words.All) != len(message.ReplyLines) {
		t.Fatalf("letters speak %d languages, replies end at lines of %d", len(words.All), len(message.ReplyLines))
	}
	for i, l := range words.All {
		if line := (letter.Look{Language: l}).ReplyLine(); line != message.ReplyLines[i] {
			t.Errorf("letters say %q, replies end at %q", line, message.ReplyLines[i])
		}
	}
}
