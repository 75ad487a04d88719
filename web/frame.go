package web

import (
	"net/http"
	"net/url"

	"github.com/postern-desk/postern/internal/words"
)

// house is how the desk presents itself on pages.
type house struct {
	name     string
	language string // tag, for visitors whose languages the desk does not speak
	logo     string // https URL of a picture; empty: none
}

// frame is what every page shows around its own content.
type frame struct {
	Desk, Title string
	Logo        string
	Accent      string // instead of the style sheet's; empty: that
	Wide        bool
	Language    words.Language
	Lang        string   // asked for in the address; links keep it
	asked       *url.URL // empty: a page of one language
}

// frame is that of a page in the visitor's language: what the address asks for with lang, else what the browser
// prefers (RFC 9110 section 12.5.4), else the desk's.
func (h house) frame(r *http.Request, title string) frame {
	f := frame{Desk: h.name, Logo: h.logo, Language: words.First(visitorsLanguage(r), h.language), asked: r.URL}
	if l, ok := words.Speaks(r.URL.Query().Get("lang")); ok {
		f.Lang = l.Tag()
	}
	f.Title = f.T(title)
	return f
}

// visitorsLanguage is the tag of the language that the visitor asks for; empty where the desk does not speak it.
func visitorsLanguage(r *http.Request) string {
	for _, tags := range []string{r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")} {
		if l, ok := words.Speaks(tags); ok {
			return l.Tag()
		}
	}
	return ""
}

// english is the frame of a page that speaks to programmers.
func (h house) english(title string) frame { return frame{Desk: h.name, Logo: h.logo, Title: title} }

// T is a sentence in the page's language.
func (f frame) T(key string, values ...string) string { return f.Language.T(key, values...) }

// Tag is the page's language as HTML names it.
func (f frame) Tag() string { return f.Language.Tag() }

// To is a page of the same language.
func (f frame) To(path string) string {
	if f.Lang == "" {
		return path
	}
	return path + "?lang=" + url.QueryEscape(f.Lang)
}

// languageLink leads to the same page in another language.
type languageLink struct {
	Tag, Name, Href string
	Current         bool
}

// Languages is every language of the page; none where it has only one.
func (f frame) Languages() []languageLink {
	if f.asked == nil {
		return nil
	}
	var links []languageLink
	query := f.asked.Query()
	for _, l := range words.All {
		query.Set("lang", l.Tag())
		links = append(links, languageLink{Tag: l.Tag(), Name: l.T("language.name"), Href: f.asked.Path + "?" + query.Encode(), Current: l.Tag() == f.Tag()})
	}
	return links
}
