package message

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlText turns HTML into readable text: blocks on lines of their own, lists
// with marks, table cells apart, links behind their text, quotes behind ">".
// It reads any HTML, in one pass.
func htmlText(page string) string {
	w := htmlWriter{}
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return trimBlankLines(CleanText(w.finish()))
		case html.TextToken:
			if w.hidden == 0 {
				w.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if w.hidden == 0 {
				w.start(readTag(z, kind == html.StartTagToken))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(atom.Lookup(name))
		}
	}
}

// htmlTag is a start tag with the attributes that say something about its text.
type htmlTag struct {
	atom                    atom.Atom
	opens                   bool // it does not close itself
	class, style, href, alt string
}

func readTag(z *html.Tokenizer, opens bool) htmlTag {
	name, more := z.TagName()
	t := htmlTag{atom: atom.Lookup(name), opens: opens}
	switch t.atom {
	case atom.A, atom.Img, atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Div, atom.Blockquote:
	default:
		return t // of no other element an attribute counts
	}
	var seen [4]bool
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		for i, a := range [...]struct {
			name string
			into *string
		}{{"class", &t.class}, {"style", &t.style}, {"href", &t.href}, {"alt", &t.alt}} {
			if string(key) == a.name && !seen[i] {
				seen[i], *a.into = true, string(value)
			}
		}
	}
	return t
}

// Nested deeper than this, elements are read but not told apart.
const maxHTMLDepth = 500

type htmlWriter struct {
	out    strings.Builder
	open   []element
	hidden atom.Atom // the element whose text is no text
	lists  []int     // the next number of each open list, -1 for marks

	quotes     int  // depth
	lastQuotes int  // of the last line
	pre        int  // depth
	newline    int  // line ends to write before the next text
	space      bool // a space to write before the next text
	begun      bool // something was written on this line
	cell       bool // a cell ended on this line
	cellStart  bool // nothing was written in this cell yet

	link     string
	linkText strings.Builder
}

type element struct {
	atom  atom.Atom
	gap   int  // line ends before and behind it
	quote bool // counts as a quote
	gmail bool // Gmail's block around a quote and its introduction
}

func (w *htmlWriter) start(t htmlTag) {
	switch t.atom {
	case atom.Script, atom.Style, atom.Title, atom.Iframe, atom.Noembed:
		if t.opens {
			w.hidden = t.atom
		}
		return
	case atom.Br:
		w.lineEnd()
		return
	case atom.Hr:
		w.block(1)
		w.write("----------")
		w.block(1)
		return
	case atom.Img:
		w.image(t)
		return
	case atom.A:
		w.closeLink()
		w.link = t.href
		w.linkText.Reset()
		return
	}
	w.startBlock(t)
}

func (w *htmlWriter) startBlock(t htmlTag) {
	if t.atom == atom.Tr || t.atom == atom.Table {
		w.cell = false
	}
	switch t.atom {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.block(paragraphGap(t))
	case atom.Div, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Center, atom.Address, atom.Table, atom.Tr, atom.Dt, atom.Dd, atom.Form, atom.Figure, atom.Fieldset, atom.Body:
		w.block(1)
	case atom.Td, atom.Th:
		w.cellStart = true
		return
	case atom.Ul:
		w.block(1)
		w.lists = append(w.lists, -1)
	case atom.Ol:
		w.block(1)
		w.lists = append(w.lists, 1)
	case atom.Li:
		w.block(1)
		w.item()
	case atom.Pre:
		w.block(1)
		w.pre++
	case atom.Blockquote:
		w.block(1)
	default:
		return
	}
	w.push(t)
}

// paragraphGap: Outlook writes one paragraph a line, with no space between.
func paragraphGap(t htmlTag) int {
	if strings.HasPrefix(t.class, "Mso") || strings.HasPrefix(t.class, "elementToProof") || t.atom == atom.P && strings.Contains(t.style, "margin") {
		return 1
	}
	return 2
}

func (w *htmlWriter) push(t htmlTag) {
	if !t.opens || len(w.open) >= maxHTMLDepth {
		return
	}
	e := element{atom: t.atom, gap: 1}
	if t.atom == atom.P {
		e.gap = paragraphGap(t)
	}
	if t.atom == atom.Div && strings.Contains(t.class, "gmail_quote") {
		e.gmail = true
		// Alone, it is a forwarded email.
		if e.quote = w.out.Len() > 0 && !w.inGmailQuote(); e.quote {
			w.quotes++
		}
	}
	if t.atom == atom.Blockquote {
		// In Gmail's own block it is the quoted email, elsewhere a quotation by the writer.
		e.quote = !strings.Contains(t.class, "gmail_quote") || w.inGmailQuote()
		if e.quote {
			w.quotes++
		}
	}
	w.open = append(w.open, e)
}

func (w *htmlWriter) inGmailQuote() bool {
	for _, e := range w.open {
		if e.gmail {
			return true
		}
	}
	return false
}

func (w *htmlWriter) end(a atom.Atom) {
	if w.hidden != 0 {
		if a == w.hidden {
			w.hidden = 0
		}
		return
	}
	switch a {
	case atom.A:
		w.closeLink()
		return
	case atom.Td, atom.Th:
		// What follows goes on the same line, behind a bar.
		w.cell, w.newline = w.begun, 0
		return
	case atom.Tr, atom.Table:
		w.cell = false
	case atom.Ul, atom.Ol:
		if len(w.lists) > 0 {
			w.lists = w.lists[:len(w.lists)-1]
		}
	}
	// An end tag closes what stands open within; one without a start closes nothing.
	for i := len(w.open) - 1; i >= 0; i-- {
		if w.open[i].atom != a {
			continue
		}
		w.block(max(w.open[i].gap, 1))
		w.pop(i)
		return
	}
}

func (w *htmlWriter) pop(to int) {
	for _, e := range w.open[to:] {
		if e.quote {
			w.quotes--
		}
		if e.atom == atom.Pre {
			w.pre--
		}
	}
	w.open = w.open[:to]
}
