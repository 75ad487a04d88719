package message

import (
	"strings"
	"sync"

	"golang.org/x/net/html"
)

// sanitizeHTML gives what htmlPolicy leaves of a page. The policy is slow, so it
// is asked only of the tags whose attributes may stay; a test holds this
// against what it says of whole pages.
func sanitizeHTML(page string) string {
	held := newScratch()
	defer held.release()
	s := sanitizer{z: html.NewTokenizer(strings.NewReader(page)), out: held.bytes[:0], judged: map[string]string{}}
	for {
		if len(s.judged) > maxJudged {
			return htmlPolicy().Sanitize(page)
		}
		switch s.z.Next() {
		case html.ErrorToken:
			return string(s.out)
		case html.TextToken:
			s.text()
		case html.StartTagToken:
			s.start()
		case html.SelfClosingTagToken:
			s.selfClosing()
		case html.EndTagToken:
			s.end()
		}
	}
}

// sanitizer follows the rules of bluemonday.
type sanitizer struct {
	z       *html.Tokenizer
	out     []byte
	judged  map[string]string // tags and what the policy left of them
	last    string            // the element whose start tag came last and whose end tag did not
	bare    []string          // open elements whose tags are left out because no attribute stayed
	skipped int               // open elements that are left out with what they hold
	skip    bool
}

// A page with more different tags is given to the policy whole: to ask of each would take longer.
const maxJudged = 300

// Elements that are left out with what they hold.
var skippedElements = wordSet("frame frameset iframe noembed noframes noscript nostyle object title")

// allowedElements are those that may stay, with attributes or without.
var allowedElements = sync.OnceValue(func() map[string]*allowedElement {
	allowed := map[string]*allowedElement{}
	for _, name := range append([]string{"a", "img"}, plainElements...) {
		allowed[name] = &allowedElement{name: name, tag: htmlPolicy().Sanitize("<" + name + ">"), closed: htmlPolicy().Sanitize("<" + name + "/>"), end: "</" + name + ">"}
	}
	return allowed
})

// allowedElement is an element with its tags where it has no attributes; "" where it must have one.
type allowedElement struct{ name, tag, closed, end string }

func (s *sanitizer) text() {
	if s.skip || s.last == "script" || s.last == "style" {
		return
	}
	text := s.z.Text()
	from := 0
	for i, c := range text {
		if escape := escapes[c]; escape != "" {
			s.out = append(append(s.out, text[from:i]...), escape...)
			from = i + 1
		}
	}
	s.out = append(s.out, text[from:]...)
}

var escapes = [256]string{'&': "&amp;", '\'': "&#39;", '<': "&lt;", '>': "&gt;", '"': "&#34;", '\r': "&#13;"}

func (s *sanitizer) start() {
	raw := s.z.Raw()
	name, more := s.z.TagName()
	element := allowedElements()[string(name)]
	if element == nil {
		if s.last = string(name); skippedElements[s.last] {
			s.skip = true
			s.skipped++
		}
		return
	}
	s.last = element.name
	tag := element.tag
	if more {
		tag = s.judge(raw, tag)
	}
	if tag == "" {
		s.bare = append(s.bare, element.name)
	}
	s.write(tag)
}

func (s *sanitizer) selfClosing() {
	raw := s.z.Raw()
	name, more := s.z.TagName()
	if element := allowedElements()[string(name)]; element != nil && more {
		s.write(s.judge(raw, element.closed))
	} else if element != nil {
		s.write(element.closed)
	}
}

func (s *sanitizer) end() {
	name, _ := s.z.TagName()
	if s.last == string(name) {
		s.last = ""
	}
	if n := len(s.bare); n > 0 && s.bare[n-1] == string(name) {
		s.bare = s.bare[:n-1]
		return
	}
	if element := allowedElements()[string(name)]; element != nil {
		s.write(element.end)
	} else if skippedElements[string(name)] {
		if s.skipped--; s.skipped == 0 {
			s.skip = false
		}
	}
}

func (s *sanitizer) write(tag string) {
	if !s.skip {
		s.out = append(s.out, tag...)
	}
}

// judge gives what stays of a tag with attributes; bare is what does without them.
func (s *sanitizer) judge(raw []byte, bare string) string {
	if tag, ok := s.judged[string(raw)]; ok {
		return tag
	}
	whole := string(raw) // the tokenizer overwrites raw with what it makes of it
	tag := bare
	if s.mayKeepAttribute() {
		tag = htmlPolicy().Sanitize(whole)
	}
	s.judged[whole] = tag
	return tag
}

// mayKeepAttribute says that one of the tag's attributes may stay, whatever the element is.
func (s *sanitizer) mayKeepAttribute() bool {
	for {
		key, _, more := s.z.TagAttr()
		switch string(key) {
		case "align", "alt", "colspan", "dir", "height", "href", "rowspan", "src", "valign", "width":
			return true
		}
		if !more {
			return false
		}
	}
}
