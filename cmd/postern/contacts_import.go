package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/fault"
)

type contactsCmd struct {
	Import contactsImportCmd `cmd:"" help:"Add and update clients and contacts from a CSV file."`
}

type contactsImportCmd struct {
	config.Storage `group:"Storage"`
	File           string `arg:"" help:"CSV with a line of headers: client, client_ref, domains, language, time_zone; name, email, phone, relationship, crm_ref, tags, kind."`
	DryRun         bool   `help:"Say line by line what would be done, and change nothing."`
	SkipInvalid    bool   `help:"Do the valid lines. Without it one wrong line keeps all from being done."`
}

// Run checks the whole file before anything is changed.
func (c *contactsImportCmd) Run(ctx context.Context, s streams) (err error) {
	starting, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	st, err := (&store{joins: true}).openAll(starting, c.Storage, 4, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
	i := &contactsImport{service: contacts.New(st.db), file: c.File, list: s.out, wrong: s.errs, bad: map[int]bool{}}
	if !c.DryRun {
		i.list = io.Discard
	}
	sheet, err := surveySheet(c.File)
	if err != nil {
		return err
	}
	for _, problem := range sheet.problems {
		i.refuse(problem)
	}
	if err := i.pass(ctx, sheet, true); err != nil {
		return err
	}
	if c.DryRun {
		i.tell(s.out, "would be ")
		return i.failure("would be left out")
	}
	if len(i.bad) > 0 && !c.SkipInvalid {
		return i.failure("nothing was changed; mend them, or do the others with --skip-invalid")
	}
	i.counts = [2][3]int{}
	if err := i.pass(ctx, sheet, false); err != nil {
		return fmt.Errorf("%w; what was done before stays, and the same command does the rest", err)
	}
	i.tell(s.out, "")
	return i.failure("left out")
}

// contactsImport goes through the file in batches, clients first.
type contactsImport struct {
	service     *contacts.Service
	file        string
	list, wrong io.Writer
	bad         map[int]bool // lines that cannot be done
	counts      [2][3]int    // of clients and contacts: created, updated, as they are
}

// importAtOnce is how many lines one commit does.
const importAtOnce = 1000

func (i *contactsImport) pass(ctx context.Context, s *sheet, check bool) error {
	clientsDo, contactsDo := i.service.ImportClients, i.service.ImportContacts
	if check {
		clientsDo, contactsDo = i.service.CheckClients, i.service.CheckContacts
	}
	wrongClient := map[contacts.ClientKey]bool{}
	seen := newTwins()
	for rest := s.clients; len(rest) > 0; {
		n := min(importAtOnce, len(rest))
		var batch []contacts.ImportClient
		for _, c := range rest[:n] {
			if !i.bad[c.Line] {
				batch = append(batch, c.ImportClient)
			}
		}
		steps, err := clientsDo(ctx, cliActor(), batch)
		if err != nil {
			return err
		}
		i.note(steps, 0)
		for _, c := range rest[:n] {
			wrongClient[c.key] = i.bad[c.Line]
		}
		rest = rest[n:]
	}
	return s.contacts(i.file, importAtOnce, func(rows []contacts.ImportContact) error {
		var batch []contacts.ImportContact
		for _, row := range rows {
			if row.Client != (contacts.ClientKey{}) && wrongClient[row.Client] && !i.bad[row.Line] {
				i.refuse(lineProblem{row.Line, "client", "the client " + row.Client.String() + " cannot be imported"})
			}
			if i.bad[row.Line] {
				continue
			}
			if line := seen.before(row); line != 0 {
				i.refuse(lineProblem{row.Line, "", fmt.Sprintf("it is about the same contact as line %d", line)})
			} else {
				batch = append(batch, row)
			}
		}
		steps, err := contactsDo(ctx, cliActor(), batch)
		if err == nil {
			i.note(steps, 1)
		}
		return err
	})
}

// note counts and lists what is done.
func (i *contactsImport) note(steps []contacts.ImportStep, of int) {
	for _, step := range steps {
		if step.Err != nil {
			i.refuse(problemOf(step, of == 0))
			continue
		}
		words := step.Action + " " + step.Label
		switch step.Action {
		case contacts.ImportCreates:
			i.counts[of][0]++
		case contacts.ImportUpdates:
			i.counts[of][1]++
			words += ": " + strings.Join(step.Changes, ", ")
		default:
			i.counts[of][2]++
			words = step.Label + " is so already: nothing"
		}
		fmt.Fprintf(i.list, "line %d: %s\n", step.Line, words)
	}
}

// problemOf names the column as the file has it.
func problemOf(step contacts.ImportStep, client bool) lineProblem {
	p := lineProblem{line: step.Line, words: oneLine(step.Err)}
	if f := fault.As(step.Err); f != nil {
		p.column = f.Field
	}
	switch {
	case client && p.column == "name":
		p.column = "client"
	case client && p.column == "crm_ref":
		p.column = "client_ref"
	}
	return p
}

func (i *contactsImport) refuse(p lineProblem) {
	i.bad[p.line] = true
	fmt.Fprintln(i.wrong, p)
}

func (i *contactsImport) tell(w io.Writer, would string) {
	for of, name := range []string{"clients", "contacts"} {
		n := i.counts[of]
		fmt.Fprintf(w, "%s: %s %screated, %s %supdated, %s as they are\n", name, thousands(n[0]), would, thousands(n[1]), would, thousands(n[2]))
	}
}

func (i *contactsImport) failure(what string) error {
	if len(i.bad) == 0 {
		return nil
	}
	if len(i.bad) == 1 {
		return fmt.Errorf("1 line is wrong: %s", what)
	}
	return fmt.Errorf("%s lines are wrong: %s", thousands(len(i.bad)), what)
}
