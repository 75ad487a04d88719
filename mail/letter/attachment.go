package letter

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

const (
	octetStream = "application/octet-stream"
	maxType     = 200 // bytes of a media type with its parameters
	maxName     = 255 // bytes of a file name
)

// writeAttachment streams one file into its own part.
func writeAttachment(mw *multipart.Writer, a Attachment) (err error) {
	part, err := mw.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {attachmentType(a.Type)},
		"Content-Disposition":       {disposition(a.Name)},
		"Content-Transfer-Encoding": {"base64"},
	})
	if err != nil {
		return err
	}
	content, err := a.Open()
	if err != nil {
		return fmt.Errorf("open attachment: %w", err)
	}
	defer func() {
		if cerr := content.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close attachment: %w", cerr)
		}
	}()
	lines := &lineWriter{w: part}
	enc := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := io.Copy(enc, content); err != nil {
		return fmt.Errorf("copy attachment: %w", err)
	}
	if err := enc.Close(); err != nil {
		return err
	}
	return nil
}

// attachmentType keeps a media type that may be sent in base64. Composite types
// may not (RFC 2045 section 6.4).
func attachmentType(t string) string {
	media, params, err := mime.ParseMediaType(t)
	top, _, found := strings.Cut(media, "/")
	if err != nil || !found || top == "multipart" || top == "message" || len(media) > maxType {
		return octetStream
	}
	for k, v := range params {
		if hasControl(k) || hasControl(v) {
			return octetStream
		}
	}
	full := mime.FormatMediaType(media, params)
	if full == "" || len(full) > maxType {
		full = mime.FormatMediaType(media, nil)
	}
	if full == "" {
		return octetStream
	}
	return strings.ReplaceAll(full, "; ", ";\r\n ")
}

// disposition spells the file name as RFC 2231 wants it: percent-encoded, cut
// into continuations so that no line gets long.
func disposition(name string) string {
	name = cutBytes(strings.ToValidUTF8(name, "\uFFFD"), maxName)
	if name == "" {
		return "attachment"
	}
	if !needsEncoding(name) && len(name) <= maxWord && !strings.ContainsAny(name, `"\`) {
		return "attachment;\r\n filename=" + quote(name)
	}
	var b strings.Builder
	b.WriteString("attachment")
	piece, n := "utf-8''", 0
	flush := func() {
		fmt.Fprintf(&b, ";\r\n filename*%d*=%s", n, piece)
		piece, n = "", n+1
	}
	for i := range len(name) {
		if len(piece)+3 > maxWord {
			flush()
		}
		piece += percent(name[i])
	}
	flush()
	return b.String()
}

// percent escapes all but letters, digits and the marks that no parser minds.
func percent(c byte) string {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		return string(rune(c))
	}
	return fmt.Sprintf("%%%02X", c)
}

// cutBytes shortens to at most n bytes without splitting a character.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// lineWriter breaks a base64 stream into lines of 76 (RFC 2045 section 6.8).
type lineWriter struct {
	w   io.Writer
	col int
}

func (lw *lineWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if lw.col == 76 {
			if _, err := io.WriteString(lw.w, "\r\n"); err != nil {
				return written, err
			}
			lw.col = 0
		}
		n := min(len(p), 76-lw.col)
		if _, err := lw.w.Write(p[:n]); err != nil {
			return written, err
		}
		lw.col, written, p = lw.col+n, written+n, p[n:]
	}
	return written, nil
}
