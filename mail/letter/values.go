package letter

import (
	"html"
	htmltemplate "html/template"
	"strings"
)

// values are the variables of one letter, as they are: how they stand in text and in HTML is settled here for every
// template.
type values struct {
	lines   map[string]string // one line each
	quoted  map[string]string // foreign texts
	reasons []string          // of a priority; nil where the kind has none
	body    string            // what staff wrote; empty where the kind has none
}

// both is the values for text and for HTML. Texts of more than a line keep their lines in HTML.
func (v values) both(l Look) (text, markup map[string]any) {
	text = map[string]any{"accent": l.Accent, "body": v.body, "reasons": ""}
	markup = map[string]any{"accent": l.Accent, "body": l.Clickable(v.body), "reasons": htmltemplate.HTML("")}
	for name, value := range v.lines {
		text[name], markup[name] = value, value
	}
	for name, value := range v.quoted {
		text[name], markup[name] = quoteLines(value), linesHTML(value)
	}
	if len(v.reasons) > 0 {
		text["reasons"], markup["reasons"] = "  - "+strings.Join(v.reasons, "\n  - "), listHTML(v.reasons)
	}
	return text, markup
}

func listHTML(items []string) htmltemplate.HTML {
	var b strings.Builder
	b.WriteString("<ul style=\"margin:0 0 16px;padding:0 0 0 24px\">\n")
	for _, item := range items {
		b.WriteString("<li>" + html.EscapeString(item) + "</li>\n")
	}
	b.WriteString("</ul>")
	return htmltemplate.HTML(b.String())
}
