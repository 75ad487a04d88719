package inbox_test

import (
	"testing"

	"github.com/postern-desk/postern/mail/letter"
	"github.com/postern-desk/postern/mail/message"
)

// The line that letters bear is the line that ends a reply.
func TestReplyLineIsTheSameOnBothWays(t *testing.T) {
	if letter.ReplyLine != message.ReplyLine {
		t.Errorf("letters say %q, replies end at %q", letter.ReplyLine, message.ReplyLine)
	}
}
