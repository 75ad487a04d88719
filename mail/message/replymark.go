package message

import "strings"

// ReplyLine stands at the head of our letters: what a reply repeats below it is old. It is the same line as
// in mail/letter, which this package may not know; a test of both compares them.
const ReplyLine = "=== Please write your reply above this line ==="

// aboveReplyLine splits a text at the line, quoted or not. Where nothing stands above it the sender wrote
// below, and nothing is split.
func aboveReplyLine(text string) (above, below string) {
	if !strings.Contains(text, ReplyLine) {
		return text, ""
	}
	at := 0
	for line := range strings.Lines(text) {
		if strings.Trim(line, "> |*\t\r\n") == ReplyLine && strings.TrimSpace(text[:at]) != "" {
			return text[:at], text[at:]
		}
		at += len(line)
	}
	return text, ""
}
