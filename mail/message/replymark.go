package message

import (
	"slices"
	"strings"
)

// ReplyLines stand at the head of our letters, one for each language: what a reply repeats below it is old. They
// are the same as in letters, which this package may not know; a test of both compares them.
var ReplyLines = []string{
	"=== Please write your reply above this line ===",
	"=== Bitte schreiben Sie Ihre Antwort über diese Zeile ===",
	"=== Merci d'écrire votre réponse au-dessus de cette ligne ===",
	"=== Por favor, escriba su respuesta encima de esta línea ===",
}

// aboveReplyLine splits a text at the first such line, quoted or not. Where nothing stands above it the sender
// wrote below, and nothing is split.
func aboveReplyLine(text string) (above, below string) {
	if !strings.Contains(text, "===") {
		return text, ""
	}
	at := 0
	for line := range strings.Lines(text) {
		if strings.Contains(line, "===") && slices.Contains(ReplyLines, strings.Trim(line, "> |*\t\r\n")) && strings.TrimSpace(text[:at]) != "" {
			return text[:at], text[at:]
		}
		at += len(line)
	}
	return text, ""
}

// fromReplyLine is a text from its first such line on; empty where it has none.
func fromReplyLine(text string) string {
	first := -1
	for _, line := range ReplyLines {
		if at := strings.Index(text, line); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	if first < 0 {
		return ""
	}
	return text[first:]
}
