package message

import (
	"mime"
	"slices"
	"strconv"
	"strings"
)

// mediaType is a Content-Type or a Content-Disposition.
type mediaType struct {
	value  string // "text/plain" or "attachment", lower-case
	params map[string]string
}

// parseMediaType reads a raw field body (RFC 2045 section 5.1). Broken
// parameters lose themselves only.
func parseMediaType(raw string) mediaType {
	value, rest, _ := strings.Cut(raw, ";")
	value, _, _ = strings.Cut(value, "(")
	t := mediaType{value: strings.ToLower(strings.Join(strings.Fields(literal(value)), ""))}
	t.params = parseParams(rest)
	return t
}

func parseParams(s string) map[string]string {
	params := map[string]string{}
	for s != "" && len(params) < 100 {
		s = strings.TrimLeft(s, "; \t\r\n")
		eq := strings.IndexAny(s, "=;")
		if eq < 0 {
			break
		}
		if s[eq] == ';' {
			s = s[eq+1:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:eq]))
		var value string
		value, s = paramValue(strings.TrimLeft(s[eq+1:], " \t"))
		if _, seen := params[name]; !seen && name != "" {
			params[name] = value
		}
	}
	return params
}

// paramValue reads a token or a quoted string. Tokens may hold spaces here:
// many writers forget the quotes.
func paramValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		value, _, _ = strings.Cut(value, " (")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			_, rest, _ = strings.Cut(s[i+1:], ";")
			return b.String(), rest
		default:
			b.WriteByte(s[i])
		}
	}
	// The closing quote is missing.
	value, rest, _ = strings.Cut(s[1:], ";")
	return strings.TrimSpace(value), rest
}

// text is a parameter for people: RFC 2231 continuations and charsets, or the
// RFC 2047 words that many writers use instead.
func (t mediaType) text(name string) string {
	if v, ok := t.extended(name); ok {
		return CleanLine(v)
	}
	return CleanLine(decodeWords(t.params[name]))
}

// extended reads name* and name*0, name*1* and so on (RFC 2231 sections 3 and 4).
func (t mediaType) extended(name string) (string, bool) {
	if v, ok := t.params[name+"*"]; ok {
		return decodeExtended(v), true
	}
	var raw strings.Builder
	charset, encodedWords := "", true
	for i := range 100 {
		key := name + "*" + strconv.Itoa(i)
		if v, ok := t.params[key+"*"]; ok {
			if i == 0 {
				charset, v = splitExtended(v)
			}
			raw.WriteString(percentDecode(v))
			encodedWords = false
		} else if v, ok := t.params[key]; ok {
			raw.WriteString(v)
		} else {
			break
		}
	}
	if raw.Len() == 0 {
		return "", false
	}
	if encodedWords {
		return decodeWords(raw.String()), true
	}
	text, _ := decodeCharset([]byte(raw.String()), charset)
	return text, true
}

func decodeExtended(v string) string {
	charset, v := splitExtended(v)
	if charset == "" && strings.Contains(v, "=?") {
		return decodeWords(v)
	}
	text, _ := decodeCharset([]byte(percentDecode(v)), charset)
	return text
}

// splitExtended takes charset'language' off a value.
func splitExtended(v string) (charset, rest string) {
	if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
		return parts[0], parts[2]
	}
	return "", v
}

func percentDecode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := hexValue(s[i+1]), hexValue(s[i+2]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// cleanType is a media type that is safe to show; "" if it is none.
func cleanType(s string) string {
	t, sub, ok := strings.Cut(s, "/")
	if !ok || t == "" || sub == "" || len(s) > 127 {
		return ""
	}
	if _, _, err := mime.ParseMediaType(s); err != nil {
		return ""
	}
	return s
}

// The extensions of the types that come without a name most often.
var typeExtensions = map[string]string{
	"message/rfc822": ".eml", "message/global": ".eml", "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics",
	"application/ics": ".ics", "text/vcard": ".vcf", "text/x-vcard": ".vcf", "text/csv": ".csv", "text/rfc822-headers": ".txt",
	"message/delivery-status": ".txt", "message/feedback-report": ".txt", "message/disposition-notification": ".txt",
	"image/jpeg": ".jpg", "image/jpg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp",
	"image/svg+xml": ".svg", "image/heic": ".heic", "image/tiff": ".tif", "image/bmp": ".bmp", "application/pdf": ".pdf",
	"application/zip": ".zip", "application/json": ".json", "application/xml": ".xml", "text/xml": ".xml",
	"application/msword": ".doc", "application/vnd.ms-excel": ".xls", "application/rtf": ".rtf",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       ".xlsx",
	"application/pgp-signature": ".asc", "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s",
	"application/pkcs7-mime": ".p7m", "audio/mpeg": ".mp3", "audio/wav": ".wav", "video/mp4": ".mp4",
}

// fileName makes a safe bare name of what the email says, and a sensible one
// of the type when it says nothing.
func fileName(said, typ string) string {
	said = strings.Map(func(r rune) rune {
		if unwanted(r) || r == '\n' || r == '\t' || isInvisible(r) {
			return -1
		}
		return r
	}, said)
	if i := strings.LastIndexAny(said, `/\`); i >= 0 {
		said = said[i+1:]
	}
	said = strings.Trim(said, " .")
	if said != "" {
		return shortenName(said)
	}
	if typ == "application/ms-tnef" {
		return "winmail.dat"
	}
	kind, _, _ := strings.Cut(typ, "/")
	if !slices.Contains([]string{"image", "audio", "video", "message"}, kind) {
		kind = "attachment"
	}
	return kind + typeExtensions[typ]
}

// shortenName keeps a name within 200 bytes, its extension whole.
func shortenName(name string) string {
	const most = 200
	if len(name) <= most {
		return name
	}
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 && len(name)-i <= 20 {
		ext = name[i:]
	}
	return strings.ToValidUTF8(name[:most-len(ext)], "") + ext
}

// isInvisible tells characters that hide what a text says, as the mark that
// makes "gpj.exe" read "exe.jpg".
func isInvisible(r rune) bool {
	return r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff
}
