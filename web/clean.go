package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// line is a text of one line as it may be stored.
func line(s string) string { return message.CleanLine(s) }

func lines(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		if s = line(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// maxTag is the longest tag of a ticket in characters, as a filter takes it.
const maxTag = 100

// readTags cleans the tags of a ticket: each once, in the order in which they were given.
func readTags(in []string) ([]string, error) {
	out := []string{}
	for _, tag := range lines(in) {
		if utf8.RuneCountInString(tag) > maxTag {
			return nil, newProblem(http.StatusUnprocessableEntity, codeInvalidTag,
				fmt.Sprintf("A tag has at most %d characters.", maxTag)).in("body.tags")
		}
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	return out, nil
}

// linePointer is line for a field that may be absent.
func linePointer(s *string) *string {
	if s == nil {
		return nil
	}
	cleaned := line(*s)
	return &cleaned
}

// linesPointer is lines for a field that may be absent.
func linesPointer(in *[]string) *[]string {
	if in == nil {
		return nil
	}
	cleaned := lines(*in)
	return &cleaned
}

// readPerson reads one address, with or without a name.
func readPerson(s, field string) (tickets.Person, error) {
	// Who takes line ends for white space lets somebody write header lines and commands.
	if a, err := message.ParseAddress(s); err == nil && !strings.ContainsFunc(s, unicode.IsControl) {
		if norm, ok := message.NormalizeAddress(a.Address); ok && plainName(a.Name, norm) {
			return tickets.Person{Address: a.Address, Norm: norm, Name: line(a.Name)}, nil
		}
	}
	return tickets.Person{}, newProblem(http.StatusUnprocessableEntity, codeInvalidEmail, "This is not one email address.").in(field)
}

// plainName refuses a name that looks like another address; many programs write the address itself for a name.
func plainName(name, norm string) bool {
	if own, ok := message.NormalizeAddress(name); ok && own == norm {
		return true
	}
	return !strings.ContainsAny(name, "<>@")
}

func readPeople(in []string, field string) ([]tickets.Person, error) {
	var out []tickets.Person
	for i, s := range in {
		p, err := readPerson(s, fmt.Sprintf("%s[%d]", field, i))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// The bounds of custom fields, in bytes.
const (
	maxCustomName  = 100
	maxCustomValue = 10_000
)

// readCustom checks the desk's own fields: flat, so that a filter can name them.
func readCustom(in map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(in))
	for name, value := range in {
		text, isText := value.(string)
		switch value.(type) {
		case string, bool, float64:
		default:
			return nil, customRefused()
		}
		if name = line(name); name == "" || len(name) > maxCustomName || len(text) > maxCustomValue {
			return nil, customRefused()
		}
		if out[name] = value; isText {
			out[name] = message.CleanText(text)
		}
	}
	return out, nil
}

func customRefused() error {
	return newProblem(http.StatusUnprocessableEntity, codeInvalidCustom,
		"Custom fields are texts of at most 10000 bytes, numbers or truth values under names of at most 100 bytes.").in("body.custom")
}

func idOf(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func idOrNull(id uuid.NullUUID) *uuid.UUID {
	if !id.Valid {
		return nil
	}
	return &id.UUID
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
