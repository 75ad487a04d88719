package letter

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
)

// Rendered is a letter's words: they go into Subject, Text, HTML and Auto of a
// Letter. Subject is one line without control characters.
type Rendered struct {
	Subject, Text, HTML string
	Auto                Auto
}

//go:embed templates
var templates embed.FS

var (
	texts = texttemplate.Must(texttemplate.New("").Funcs(texttemplate.FuncMap{
		"quote": quoteLines,
	}).ParseFS(templates, "templates/*.txt"))
	pages = htmltemplate.Must(htmltemplate.New("").Funcs(htmltemplate.FuncMap{
		"lines": linesHTML,
	}).ParseFS(templates, "templates/*.html"))
)

// render fills both templates of a kind with the same data, so that both parts
// of the letter say the same.
func render(kind string, data any) (text, html string, err error) {
	var t, h strings.Builder
	if err := texts.ExecuteTemplate(&t, kind+".txt", data); err != nil {
		return "", "", fmt.Errorf("letter: text of %s: %w", kind, err)
	}
	if err := pages.ExecuteTemplate(&h, kind+".html", data); err != nil {
		return "", "", fmt.Errorf("letter: HTML of %s: %w", kind, err)
	}
	return t.String(), strings.TrimSpace(h.String()) + "\n", nil
}
