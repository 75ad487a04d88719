package message

import "strings"

// maySeparate is a quick look before the expressions.
func maySeparate(line string) bool {
	if len(line) > 200 {
		return false
	}
	trimmed := strings.Trim(line, " \t*_")
	return (endsLikeSeparator(trimmed) || beginsMessageOf(trimmed)) && !isDelimiter(line)
}

func endsLikeSeparator(line string) bool {
	if line == "" {
		return false
	}
	switch c := line[len(line)-1]; {
	case c == '-' || c == '=' || c == '#' || c == ':':
		return true
	case c < 0x80:
		return false
	}
	return strings.HasSuffix(line, "–") || strings.HasSuffix(line, "—") || strings.HasSuffix(line, "：")
}

// beginsMessageOf is a quick look before messageOf.
func beginsMessageOf(line string) bool {
	const words = "message du"
	line = strings.TrimLeft(line, "*_"+asciiSpace)
	return len(line) >= len(words) && (line[0]|0x20) == words[0] && fold(line[:len(words)]) == "MESSAGE DU"
}

// beginsDashed is a quick look before originalLine.
func beginsDashed(line string) bool {
	line = strings.TrimLeft(line, "*"+asciiSpace)
	if line == "" {
		return false
	}
	return line[0] == '-' || line[0] == '_' || line[0] == '=' || strings.HasPrefix(line, "–") || strings.HasPrefix(line, "—")
}

// mayForward is a quick look before forwardLine.
func mayForward(line string) bool {
	if beginsDashed(line) {
		return true
	}
	for range beginForwards.prefixes(fold(strings.TrimLeft(line, "*_"+asciiSpace))) {
		return true
	}
	return false
}
