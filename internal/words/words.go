// Package words is what letters and pages say, in every language that the desk speaks.
//
// The sentences are data: languages/*.toml, one file a language, with the same keys and variables in each.
package words

import (
	"embed"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Language is one that the desk speaks, by its tag. The zero value speaks English.
type Language string

// The languages.
const (
	English Language = "en"
	German  Language = "de"
	French  Language = "fr"
	Spanish Language = "es"
)

// All is every language, in the order in which pages offer them.
var All = []Language{English, German, French, Spanish}

// Known names every language and its tag, for those who have to choose one.
func Known() string {
	known := make([]string, len(All))
	for i, l := range All {
		known[i] = string(l) + " (" + l.T("language.name") + ")"
	}
	return strings.Join(known, ", ")
}

//go:embed languages
var files embed.FS

// sentence is a text cut at its variables: texts at even places, names of variables at odd ones.
type sentence []string

var catalogue = load()

// load panics where a file cannot be read: it is part of the program, and a test reads it.
func load() map[Language]map[string]sentence {
	all := map[Language]map[string]sentence{}
	for _, l := range All {
		source, err := files.ReadFile("languages/" + string(l) + ".toml")
		if err != nil {
			panic(err)
		}
		var groups map[string]map[string]string
		if err := toml.Unmarshal(source, &groups); err != nil {
			panic(fmt.Sprintf("words: %s: %v", l, err))
		}
		all[l] = map[string]sentence{}
		for group, texts := range groups {
			for key, text := range texts {
				all[l][group+"."+key] = cut(text)
			}
		}
	}
	return all
}

func cut(text string) sentence {
	var s sentence
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(s, text)
		}
		s, text = append(s, before, name), after
	}
}

// T is a sentence of the catalogue. values are pairs of a variable's name and what stands in its place. A key
// that is not in the catalogue is shown as it is.
func (l Language) T(key string, values ...string) string {
	s, ok := catalogue[l.known()][key]
	if !ok {
		return key
	}
	if len(s) == 1 {
		return s[0]
	}
	var b strings.Builder
	for i, part := range s {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		for v := 0; v+1 < len(values); v += 2 {
			if values[v] == part {
				b.WriteString(values[v+1])
			}
		}
	}
	return b.String()
}

// Column is several sentences as labels of plain text: each is as wide as the widest.
func (l Language) Column(keys ...string) []string {
	labels, widest := make([]string, len(keys)), 0
	for i, key := range keys {
		labels[i] = l.T(key)
		widest = max(widest, utf8.RuneCountInString(labels[i]))
	}
	for i, label := range labels {
		labels[i] = label + strings.Repeat(" ", widest-utf8.RuneCountInString(label))
	}
	return labels
}

// Reword says in this language what an English sentence of the group says; a text that is none stays as it is.
// What is stored in English, such as the reasons of a priority, is shown so.
func (l Language) Reword(group, text string) string {
	if l.known() == English {
		return text
	}
	for key, s := range catalogue[English] {
		if !strings.HasPrefix(key, group+".") || len(s) > 3 {
			continue
		}
		if len(s) == 1 {
			if s[0] == text {
				return l.T(key)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(text, s[0]); ok && s[0] != "" {
			if value, ok := strings.CutSuffix(rest, s[2]); ok {
				return l.T(key, s[1], value)
			}
		}
	}
	return text
}

// Tag is how HTML and headers name the language.
func (l Language) Tag() string { return string(l.known()) }

func (l Language) known() Language {
	if _, ok := catalogue[l]; ok {
		return l
	}
	return English
}
