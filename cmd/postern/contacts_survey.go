package main

import (
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/mail/message"
)

// sheet is what a first reading of the file found: its clients, each once, and what is wrong with lines.
// Contacts are read again, in batches: only the clients are held.
type sheet struct {
	clients  []*sheetClient
	named    map[string]*sheetClient
	problems []lineProblem
}

// sheetClient is a client and all that the file says of it.
type sheetClient struct {
	contacts.ImportClient
	key    contacts.ClientKey
	values map[string]string
	lines  map[string]int // which line said it
}

// nameOf is how a line calls its client: by the reference, else by the name. Empty: it has none.
func nameOf(cells map[string]string) string {
	switch {
	case cells["client_ref"] != "":
		return "ref " + cells["client_ref"]
	case cells["client"] != "":
		return "name " + cells["client"]
	}
	return ""
}

// surveySheet reads the whole file for its clients.
func surveySheet(file string) (*sheet, error) {
	r, err := openSheet(file)
	if err != nil {
		return nil, err
	}
	defer r.close()
	s := &sheet{named: map[string]*sheetClient{}}
	for {
		line, cells, problems, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if problems = append(problems, wrongIn(line, cells)...); len(problems) > 0 {
			s.problems = append(s.problems, problems...)
			continue
		}
		if name := nameOf(cells); name != "" {
			s.collect(name, line, cells)
		}
	}
	s.join()
	for _, c := range s.clients {
		c.Fields = fieldsOfClient(c.values)
		c.key = contacts.ClientKey{Ref: c.values["client_ref"], Name: c.values["client"]}
	}
	return s, nil
}

// wrongIn tells what is wrong with a line by itself.
func wrongIn(line int, cells map[string]string) (out []lineProblem) {
	client, contact := nameOf(cells) != "", isContact(cells)
	if !client && !contact {
		out = append(out, lineProblem{line, "", "it names neither a client nor a contact"})
	}
	for _, column := range []string{"domains", "language", "time_zone"} {
		if !client && cells[column] != "" {
			out = append(out, lineProblem{line, column, "this is said of a client, and the line names none"})
		}
	}
	if contact && cells["email"] == "" && cells["crm_ref"] == "" {
		out = append(out, lineProblem{line, "email", "a contact needs an email address or a crm_ref, by which it is known again"})
	}
	if _, ok := message.NormalizeAddress(cells["email"]); cells["email"] != "" && !ok {
		out = append(out, lineProblem{line, "email", fmt.Sprintf("%q is not an email address", cells["email"])})
	}
	return out
}

func isContact(cells map[string]string) bool {
	for _, column := range contactColumns {
		if cells[column] != "" {
			return true
		}
	}
	return false
}

func (s *sheet) collect(name string, line int, cells map[string]string) {
	c := s.named[name]
	if c == nil {
		c = &sheetClient{values: map[string]string{}, lines: map[string]int{}}
		c.Line = line
		s.named[name] = c
		s.clients = append(s.clients, c)
	}
	s.add(c, line, cells)
}

// add takes what a line says of a client; one that contradicts an earlier line is wrong.
func (s *sheet) add(c *sheetClient, line int, values map[string]string) {
	for _, column := range clientColumns {
		value := values[column]
		switch before := c.values[column]; {
		case value == "" || value == before:
		case before != "":
			s.problems = append(s.problems, lineProblem{line, column, fmt.Sprintf("line %d says %q of this client", c.lines[column], before)})
		default:
			c.values[column], c.lines[column] = value, line
		}
	}
}

// join makes one client of those that some lines call by the reference and others by the name.
func (s *sheet) join() {
	called := map[string][]*sheetClient{}
	for _, c := range s.clients {
		if c.values["client_ref"] != "" {
			called["name "+c.values["client"]] = append(called["name "+c.values["client"]], c)
		}
	}
	kept := s.clients[:0]
	for _, c := range s.clients {
		name := nameOf(c.values)
		same := called[name]
		switch {
		case c.values["client_ref"] != "" || len(same) == 0:
			kept = append(kept, c)
		case len(same) > 1:
			s.problems = append(s.problems, lineProblem{c.Line, "client_ref", fmt.Sprintf("%d clients of this file are called %s; say which one", len(same), c.values["client"])})
		default:
			s.named[name] = same[0]
			s.add(same[0], c.Line, c.values)
		}
	}
	s.clients = kept
}

func fieldsOfClient(values map[string]string) contacts.ClientFields {
	f := contacts.ClientFields{Name: given(values["client"]), TimeZone: given(values["time_zone"]), Language: given(values["language"]), CRMRef: given(values["client_ref"])}
	if values["domains"] != "" {
		domains := listed(values["domains"])
		f.Domains = &domains
	}
	return f
}

// given is nil for an empty cell, which leaves things as they are.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func listed(cell string) []string {
	return strings.FieldsFunc(strings.ToLower(cell), func(c rune) bool { return strings.ContainsRune(",; |", c) })
}

// contacts reads the file again and hands over its contacts, n at a time. Lines that are wrong by themselves are
// left out: they are among the problems already.
func (s *sheet) contacts(file string, n int, do func([]contacts.ImportContact) error) error {
	r, err := openSheet(file)
	if err != nil {
		return err
	}
	defer r.close()
	var batch []contacts.ImportContact
	for {
		line, cells, problems, err := r.next()
		if err != nil && err != io.EOF {
			return err
		}
		if err == nil && isContact(cells) && len(problems) == 0 && len(wrongIn(line, cells)) == 0 {
			batch = append(batch, s.contact(line, cells))
		}
		if len(batch) == n || err == io.EOF {
			if failed := do(batch); failed != nil {
				return failed
			}
			batch = batch[:0]
		}
		if err == io.EOF {
			return nil
		}
	}
}

func (s *sheet) contact(line int, cells map[string]string) contacts.ImportContact {
	row := contacts.ImportContact{Line: line, Fields: contacts.Fields{Kind: given(cells["kind"]), Name: given(cells["name"]), Email: given(cells["email"]),
		Phone: given(cells["phone"]), Relationship: given(cells["relationship"]), CRMRef: given(cells["crm_ref"])}}
	row.Fields.EmailNorm, _ = message.NormalizeAddress(cells["email"])
	if c := s.named[nameOf(cells)]; c != nil {
		row.Client = c.key
	}
	if cells["tags"] != "" {
		tags := listed(cells["tags"])
		row.Fields.Tags = &tags
	}
	return row
}

// twins finds lines that are about the same contact. It keeps a hash for each: many contacts take little memory.
type twins struct {
	seed maphash.Seed
	seen map[uint64]int
}

func newTwins() *twins { return &twins{maphash.MakeSeed(), map[uint64]int{}} }

// before is the earlier line about the same contact, by reference or by address; 0 where there is none.
func (t *twins) before(row contacts.ImportContact) (line int) {
	for kind, id := range map[string]string{"ref": *orEmpty(row.Fields.CRMRef), "email": row.Fields.EmailNorm} {
		if id == "" {
			continue
		}
		key := maphash.Comparable(t.seed, [3]string{row.Client.Ref + "\x00" + row.Client.Name, kind, id})
		if there := t.seen[key]; there != 0 {
			line = there
		} else {
			t.seen[key] = row.Line
		}
	}
	return line
}

func orEmpty(s *string) *string {
	if s == nil {
		return new(string)
	}
	return s
}
