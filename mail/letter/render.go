package letter

import (
	"embed"
	"fmt"
	"html"
	htmltemplate "html/template"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/postern-desk/postern/internal/words"
)

// Rendered is a letter's words: they go into Subject, Text, HTML and Auto of a
// Letter. Subject is one line without control characters.
type Rendered struct {
	Subject, Text, HTML string
	Auto                Auto
	Failed              error // why the desk's own template was not taken; nil where it was, or there is none
}

// templates are ours, written as a desk writes its own, but for the sentences: {{letter.add}} is one of the catalogue,
// and {{letter.subject|}} is a label as wide as the widest of its template.
//
//go:embed templates
var templates embed.FS

//go:embed page.html
var pageSource string

// page stands around the HTML of every letter.
var page = htmltemplate.Must(htmltemplate.New("page").Parse(pageSource))

var sentence = regexp.MustCompile(`\{\{([a-z]+\.[a-z_]+)(\|?)\}\}`)

// Builtin is the source of our own template of that kind in a language: a desk that saves it as its own gets the same
// letters.
func Builtin(kind string, l words.Language) (text, markup string, err error) {
	source, err := templates.ReadFile("templates/" + kind + ".txt")
	if err != nil {
		return "", "", fmt.Errorf("letter: there is no kind %s", kind)
	}
	text = spoken(kind, l, string(source))
	if source, err = templates.ReadFile("templates/" + kind + ".html"); err != nil {
		return "", "", err
	}
	return text, spoken(kind, htmlWords{l}, string(source)), nil
}

// speaker says sentences of the catalogue.
type speaker interface {
	T(key string, values ...string) string
	Column(keys ...string) []string
}

// htmlWords is a language whose sentences are fit for HTML.
type htmlWords struct{ words.Language }

// T escapes the sentence; names of variables have nothing to escape.
func (h htmlWords) T(key string, values ...string) string {
	return html.EscapeString(h.Language.T(key, values...))
}

// spoken puts sentences in their places; their variables become those of the template.
func spoken(kind string, l speaker, source string) string {
	var variables, labels []string
	for _, name := range Variables[kind] {
		variables = append(variables, name, "{{"+name+"}}")
	}
	for _, label := range sentence.FindAllStringSubmatch(source, -1) {
		if label[2] != "" {
			labels = append(labels, label[1])
		}
	}
	column := map[string]string{}
	for i, label := range l.Column(labels...) {
		column[labels[i]] = label
	}
	return sentence.ReplaceAllStringFunc(source, func(found string) string {
		key := sentence.FindStringSubmatch(found)
		if key[2] != "" {
			return column[key[1]]
		}
		return l.T(key[1], variables...)
	})
}

type builtinKey struct {
	kind     string
	language words.Language
}

// builtins are ours, compiled when they are first needed.
var builtins sync.Map

func builtin(kind string, l words.Language) (*Template, error) {
	key := builtinKey{kind, l}
	if t, ok := builtins.Load(key); ok {
		return t.(*Template), nil
	}
	text, markup, err := Builtin(kind, l)
	if err != nil {
		return nil, err
	}
	t, err := CompileTemplate(kind, text, markup)
	if err != nil {
		return nil, fmt.Errorf("letter: built-in %s: %w", kind, err)
	}
	builtins.Store(key, t)
	return t, nil
}

// write fills the desk's own template where there is one, else ours. One that fails is no reason to lose a letter:
// ours is taken, and Failed says why.
func (l Look) write(kind string, v values) (r Rendered, err error) {
	if l.Template != nil {
		if r, r.Failed = l.fill(l.Template, kind, v, maxLetter); r.Failed == nil {
			return r, nil
		}
	}
	failed := r.Failed
	ours, err := builtin(kind, l.Language)
	if err != nil {
		return r, err
	}
	r, err = l.fill(ours, kind, v, math.MaxInt)
	r.Failed = failed
	return r, err
}

// fill writes text and HTML of at most so many bytes each. The line to reply above, the logo and the colours stand
// around every template.
func (l Look) fill(t *Template, kind string, v values, most int) (r Rendered, err error) {
	text, markup := v.both(l)
	plain, inner, err := t.write(text, markup, most)
	if err != nil {
		return r, err
	}
	around := struct {
		Look
		Desk, Line string
		Inner      htmltemplate.HTML
	}{Look: l, Desk: v.lines["desk"], Inner: htmltemplate.HTML(strings.TrimRight(inner, "\n"))}
	if replied[kind] {
		around.Line = l.ReplyLine()
		plain = around.Line + "\n\n" + plain
	}
	r.Text = plain
	if inner == "" {
		return r, nil
	}
	var whole strings.Builder
	err = page.Execute(&whole, around)
	r.HTML = whole.String()
	return r, err
}
