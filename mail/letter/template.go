package letter

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"

	"golang.org/x/net/html"
)

// The bounds of a desk's own template, in bytes.
const (
	maxTemplate = 64 << 10
	maxLetter   = 2 << 20 // a letter written by one
)

// Template is a desk's own words for one kind of letter. It names variables and asks whether they are empty, and
// nothing else: there are no loops, calls or nested templates, so that writing a letter takes time in proportion to
// what is written. HTML values are escaped by where they stand.
type Template struct {
	text *texttemplate.Template
	html *htmltemplate.Template // nil: the letter has its text alone
}

// Variables is what templates of each kind of letter may name.
var Variables = map[string][]string{
	"acknowledgement": {"desk", "number", "subject", "name", "day", "clock", "link", "excerpt", "accent"},
	"answer":          {"desk", "number", "subject", "author", "body", "link", "quoted_by", "quoted", "accent"},
	"notice":          {"desk", "number", "subject", "from_name", "from_address", "unverified", "priority", "reasons", "link", "excerpt", "accent"},
	"held_notice":     {"desk", "number", "subject", "from_name", "from_address", "unverified", "priority", "reasons", "link", "excerpt", "accent", "why"},
	"outage":          {"desk", "mailbox", "sends", "server", "since", "summary", "detail", "remedy", "accent"},
}

// replied are the letters that are replied to: they begin with the line to reply above.
var replied = map[string]bool{"acknowledgement": true, "answer": true}

// Kinds are the letters that may have a template, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(Variables)) }

// CompileTemplate reads a template of that kind; html may be empty. The error says in which part and line what is
// wrong.
func CompileTemplate(kind, text, markup string) (*Template, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("text: a letter has a text, for programs that show no HTML")
	}
	t := &Template{}
	tree, err := restricted(kind, "text", text)
	if err != nil {
		return nil, err
	}
	if t.text, err = texttemplate.New("text").AddParseTree("text", tree); err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	if strings.TrimSpace(markup) != "" {
		if tree, err = restricted(kind, "html", markup); err != nil {
			return nil, err
		}
		if err := checkMarkup(markup); err != nil {
			return nil, err
		}
		if t.html, err = htmltemplate.New("html").AddParseTree("html", tree); err != nil {
			return nil, fmt.Errorf("html: %w", err)
		}
	}
	// The first writing looks where each value stands in the HTML, and refuses where none is safe.
	nothing := map[string]any{}
	for _, name := range Variables[kind] {
		nothing[name] = "x"
	}
	_, _, err = t.write(nothing, nothing, math.MaxInt)
	return t, err
}

// restricted parses one part and refuses all but variables and conditions.
func restricted(kind, part, source string) (*parse.Tree, error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("%s: a template has at most %d KiB", part, maxTemplate>>10)
	}
	known := map[string]any{}
	for _, name := range Variables[kind] {
		known[name] = true
	}
	trees, err := parse.Parse(part, source, "", "", known)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "template: ")
		if strings.Contains(text, "not defined") {
			text += "; there are " + strings.Join(Variables[kind], ", ")
		}
		return nil, errors.New(text)
	}
	tree := trees[part]
	if tree == nil || len(trees) != 1 {
		return nil, fmt.Errorf("%s: templates in templates are not allowed", part)
	}
	return tree, restrict(tree, tree.Root)
}

func restrict(tree *parse.Tree, list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	for _, n := range list.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.ActionNode:
			err = asVariable(tree, n, n.Pipe)
		case *parse.IfNode:
			err = errors.Join(asVariable(tree, n, n.Pipe), restrict(tree, n.List), restrict(tree, n.ElseList))
		default:
			err = notAllowed(tree, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// asVariable turns {{name}}, which is written as a call, into the value of that name.
func asVariable(tree *parse.Tree, n parse.Node, pipe *parse.PipeNode) error {
	if len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return notAllowed(tree, n)
	}
	name, ok := pipe.Cmds[0].Args[0].(*parse.IdentifierNode)
	if !ok {
		return notAllowed(tree, n)
	}
	pipe.Cmds[0].Args[0] = &parse.FieldNode{NodeType: parse.NodeField, Pos: name.Pos, Ident: []string{name.Ident}}
	return nil
}

func notAllowed(tree *parse.Tree, n parse.Node) error {
	where, what := tree.ErrorContext(n)
	return fmt.Errorf("%s: %s is not allowed; there are {{variable}}, {{if variable}}, {{else}} and {{end}}", where, what)
}

// unwelcome are elements that mail programs drop, or that make them warn of the letter.
var unwelcome = []string{"script", "iframe", "object", "embed", "form", "input", "meta", "base", "link", "html", "head", "body"}

func checkMarkup(markup string) error {
	z := html.NewTokenizer(strings.NewReader(markup))
	for z.Next() != html.ErrorToken {
		if name, _ := z.TagName(); slices.Contains(unwelcome, string(name)) {
			return fmt.Errorf("html: <%s> is not allowed; write what stands inside of the letter's body", name)
		}
	}
	return nil
}

var errTooLong = errors.New("the letter becomes too long")

// bounded takes so many bytes.
type bounded struct {
	strings.Builder
	room int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.room -= len(p); b.room < 0 {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

var _ io.Writer = (*bounded)(nil)

// write fills in the values; text and HTML may have so many bytes each.
func (t *Template) write(text, markup map[string]any, most int) (string, string, error) {
	plain, page := bounded{room: most}, bounded{room: most}
	if err := t.text.Execute(&plain, text); err != nil {
		return "", "", fmt.Errorf("text: %w", err)
	}
	if t.html == nil {
		return plain.String(), "", nil
	}
	if err := t.html.Execute(&page, markup); err != nil {
		return "", "", fmt.Errorf("html: %w", err)
	}
	return plain.String(), page.String(), nil
}
