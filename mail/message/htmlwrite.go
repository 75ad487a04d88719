package message

import (
	"strconv"
	"strings"
)

// Deeper quotes are marked as this deep.
const maxQuoteMarks = 20

// White space of HTML, which is one space however much there is.
const htmlSpace = " \t\n\r\f"

// text writes a text token, whose entities the tokenizer has undone.
func (w *htmlWriter) text(s string) {
	if w.pre > 0 {
		for i, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
			if i > 0 {
				w.lineEnd()
			}
			w.write(line)
		}
		return
	}
	if strings.TrimLeft(s, " \t\r\n") != s {
		w.space = true
	}
	words := 0
	for rest := s; ; words++ {
		rest = strings.TrimLeft(rest, htmlSpace)
		if rest == "" {
			break
		}
		if words > 0 {
			w.space = true
		}
		end := 0
		for end < len(rest) && strings.IndexByte(htmlSpace, rest[end]) < 0 {
			end++
		}
		w.write(strings.ReplaceAll(rest[:end], "\u00a0", " ")) // which is no gap between words, but the words' own
		rest = rest[end:]
	}
	if words > 0 && strings.TrimRight(s, " \t\r\n") != s {
		w.space = true
	}
}

// write puts text on the line, after the line ends and marks that are due.
func (w *htmlWriter) write(s string) {
	if s == "" {
		return
	}
	w.flushLines()
	switch {
	case w.cell && w.begun:
		w.out.WriteString(" | ")
	case w.space && w.begun:
		w.out.WriteByte(' ')
	}
	w.cell, w.cellStart, w.space, w.begun = false, false, false, true
	w.out.WriteString(s)
	if w.link != "" && w.linkText.Len() < 1000 {
		w.linkText.WriteString(s)
	}
}

func (w *htmlWriter) flushLines() {
	for ; w.newline > 0; w.newline-- {
		if w.out.Len() > 0 {
			w.out.WriteByte('\n')
		}
		if w.newline > 1 && w.out.Len() > 0 {
			w.out.WriteString(quoteMarks(min(w.quotes, w.lastQuotes)))
		}
		w.begun, w.cell = false, false
	}
	if !w.begun && w.quotes > 0 {
		w.out.WriteString(quoteMarks(w.quotes) + " ")
	}
	w.lastQuotes = w.quotes
}

func quoteMarks(depth int) string { return strings.Repeat(">", min(depth, maxQuoteMarks)) }

// block makes sure that what follows begins a line, after gap line ends.
func (w *htmlWriter) block(gap int) {
	if w.cell {
		return // at the beginning of a cell
	}
	if w.cellStart {
		gap = min(gap, 1)
	}
	if w.begun || gap > 1 {
		w.newline = max(w.newline, gap)
	}
	w.space = false
}

// lineEnd is one more line end, as br is.
func (w *htmlWriter) lineEnd() {
	w.newline = min(w.newline+1, 3)
	w.space = false
}

func (w *htmlWriter) item() {
	mark := "- "
	if n := len(w.lists); n > 0 {
		mark = strings.Repeat("  ", min(n-1, 10)) + mark
		if w.lists[n-1] > 0 {
			mark = strings.Repeat("  ", min(n-1, 10)) + strconv.Itoa(w.lists[n-1]) + ". "
			w.lists[n-1]++
		}
	}
	w.write(mark)
	w.begun, w.space = true, false
}

func (w *htmlWriter) image(t htmlTag) {
	if alt := strings.TrimSpace(t.alt); alt != "" {
		w.text("[" + alt + "]")
	}
}

// closeLink writes where a link leads, unless its text says it.
func (w *htmlWriter) closeLink() {
	link := strings.TrimSpace(w.link)
	w.link = ""
	if !strings.HasPrefix(link, "http://") && !strings.HasPrefix(link, "https://") || len(link) > 2000 {
		return
	}
	said := strings.TrimSuffix(strings.TrimSpace(w.linkText.String()), "/")
	bare := strings.TrimSuffix(link, "/")
	if said == "" || said == bare || "https://"+said == bare || "http://"+said == bare {
		return
	}
	w.space = true
	w.write("<" + link + ">")
}

func (w *htmlWriter) finish() string {
	w.closeLink()
	return w.out.String()
}
