package letter

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

var link = regexp.MustCompile(`\bhttps?://[^\s<>"\x00-\x1f]+`)

// linesHTML shows text as it is: escaped, with its line breaks. Its links are
// not made clickable, because nobody vouches for who wrote it.
func linesHTML(text string) template.HTML {
	return template.HTML(breakLines(html.EscapeString(text)))
}

// Clickable is linesHTML for what staff wrote: links are clickable, in the desk's colour.
func (l Look) Clickable(text string) template.HTML {
	style := ""
	if l.Accent != "" {
		style = ` style="color:` + html.EscapeString(l.Accent) + `"`
	}
	var b strings.Builder
	end := 0
	for _, at := range link.FindAllStringIndex(text, -1) {
		url := trimURL(text[at[0]:at[1]])
		b.WriteString(html.EscapeString(text[end:at[0]]))
		safe := html.EscapeString(url)
		b.WriteString(`<a href="` + safe + `"` + style + `>` + safe + `</a>`)
		end = at[0] + len(url)
	}
	b.WriteString(html.EscapeString(text[end:]))
	return template.HTML(breakLines(b.String()))
}

// trimURL leaves the sentence's punctuation outside of the link, and a closing
// bracket unless the link opened it.
func trimURL(url string) string {
	for url != "" {
		last := url[len(url)-1]
		switch {
		case strings.IndexByte(".,;:!?'*_", last) >= 0:
		case last == ')' && strings.Count(url, ")") > strings.Count(url, "("):
		case last == ']' && strings.Count(url, "]") > strings.Count(url, "["):
		default:
			return url
		}
		url = url[:len(url)-1]
	}
	return url
}

// breakLines also keeps indentation, which HTML would swallow.
func breakLines(escaped string) string {
	lines := strings.Split(escaped, "\n")
	for i, line := range lines {
		line = strings.ReplaceAll(line, "\t", "    ")
		rest := strings.TrimLeft(line, " ")
		lines[i] = strings.Repeat("&nbsp;", len(line)-len(rest)) + rest
	}
	return strings.Join(lines, "<br>\n")
}
