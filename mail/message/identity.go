package message

import (
	"bytes"
	"strings"
)

const (
	maxReferences  = 100
	maxMessageID   = 998 // RFC 5322 section 2.1.1: no line is longer
	maxIDListBytes = 256 << 10
)

// messageIDs reads the ids of a raw Message-ID, In-Reply-To or References,
// without <>. An id that a writer left without <> counts where nothing else is
// there.
func messageIDs(raw string) []string {
	raw = raw[:min(len(raw), maxIDListBytes)]
	var out []string
	for rest := raw; ; {
		_, after, ok := strings.Cut(rest, "<")
		if !ok {
			break
		}
		id, tail, ok := strings.Cut(after, ">")
		if !ok {
			break
		}
		out, rest = appendID(out, id), tail
	}
	if len(out) == 0 {
		for _, id := range strings.Fields(strings.NewReplacer("<", " ", ">", " ", ",", " ").Replace(raw)) {
			if strings.Contains(id, "@") {
				out = appendID(out, id)
			}
		}
	}
	if len(out) > maxReferences {
		// The first names the thread, the last ones the parent.
		out = append(out[:1], out[len(out)-maxReferences+1:]...)
	}
	return out
}

func appendID(ids []string, id string) []string {
	// Some writers double the brackets.
	id = strings.Trim(id[strings.LastIndexByte(id, '<')+1:], ">")
	id = strings.Join(strings.Fields(CleanText(literal(id))), "")
	if id == "" || id == "@" || len(id) > maxMessageID {
		return ids
	}
	return append(ids, id)
}

func messageID(raw string) string {
	if ids := messageIDs(raw); len(ids) > 0 {
		return ids[0]
	}
	if id := appendID(nil, strings.Trim(strings.TrimSpace(raw), "<>")); len(id) > 0 {
		return id[0]
	}
	return ""
}

// PeekMessageID finds the Message-ID in the first bytes of a raw email, without
// <>; "" when they have none. It is cheap and total, and agrees with Parse.
func PeekMessageID(head []byte) string {
	head = head[:min(len(head), int(DefaultLimits().Header))]
	if bytes.IndexByte(head, '\n') < 0 {
		head = bytes.ReplaceAll(head, []byte("\r"), []byte("\n"))
	}
	value, found := []byte(nil), false
	started := false
	for line := range bytes.Lines(head) {
		if isBlank(line) {
			if started {
				break
			}
			continue
		}
		started = true
		if found {
			if line[0] != ' ' && line[0] != '\t' {
				break
			}
			value = append(value, bytes.TrimRight(line, "\r\n")...)
			continue
		}
		if name, v, ok := splitField(bytes.TrimRight(line, "\r\n")); ok && name == "message-id" {
			value, found = bytes.Clone(v), true
		}
	}
	return messageID(string(value))
}
