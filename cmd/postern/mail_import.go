package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/archive"
	"github.com/postern-desk/postern/worker"
)

type mailImportCmd struct {
	config.Settings
	Paths   []string `arg:"" name:"path" help:"Single emails, mbox files, Maildirs, and folders of these."`
	Mailbox string   `required:"" placeholder:"ADDRESS" help:"The support address that the emails were sent to, or its id."`
	Open    bool     `help:"Leave the tickets open; without it they are closed."`
	DryRun  bool     `help:"Say what would come, and change nothing."`
}

// Run imports, or says what it would.
func (c *mailImportCmd) Run(ctx context.Context, s streams) (err error) {
	p, err := planImport(c.Paths)
	if err != nil {
		return err
	}
	p.tell(s.errs)
	worker.EaseCollector()
	starting, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	st, err := (&store{joins: true, begun: true}).openAll(starting, c.Storage, int32(c.IngestWorkers)+4, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
	service := mailboxes.New(st.db, st.vault)
	box, err := findMailbox(ctx, service, c.Mailbox)
	if err != nil {
		return err
	}
	blobs := blob.New(st.db)
	letters := outbox.New(st.db, st.vault, time.Duration(c.LetterAttemptDays)*24*time.Hour)
	helpdesk := tickets.New(st.db, letters, blobs, tickets.Desk{Name: c.DeskName})
	i := &importer{inbox: inbox.New(st.db, blobs, helpdesk, (&desk{set: c.Settings}).rules()), box: box.ID, as: tickets.Closed, set: c.Settings}
	if c.Open {
		i.as = tickets.Open
	}
	if c.DryRun {
		boxes, err := service.List(ctx, cliActor())
		if err != nil {
			return err
		}
		return i.rehearse(ctx, p, ownAddresses(boxes), s.out)
	}
	i.progress = showProgress(s.errs, p.bytes)
	failed := i.run(ctx, p)
	i.progress.stop()
	return errors.Join(failed, i.summary(context.WithoutCancel(ctx), s.out), p.failures())
}

func findMailbox(ctx context.Context, service *mailboxes.Service, name string) (mailboxes.Mailbox, error) {
	boxes, err := service.List(ctx, cliActor())
	if err != nil {
		return mailboxes.Mailbox{}, err
	}
	for _, m := range boxes {
		if m.ID.String() == name || strings.EqualFold(m.Address, name) {
			return m, nil
		}
	}
	return mailboxes.Mailbox{}, fmt.Errorf("there is no mailbox %s; see: postern mailbox list, and that POSTERN_DATA_DIR or POSTERN_DATABASE_URL names the right desk", name)
}

// importSource is one thing that an import can be resumed in: an mbox file, or all single emails below a path.
type importSource struct {
	path   string // absolute
	mbox   bool
	emails int // of single ones
	bytes  int64
}

// importPlan is what a first look at the paths found.
type importPlan struct {
	sources    []importSource
	bytes      int64
	other      int
	others     []string // the first of them
	unreadable []error
}

// fewNames is how many files of a kind are named.
const fewNames = 5

// planImport looks at names and sizes alone, and at the beginning of files whose name does not tell what they are.
func planImport(paths []string) (*importPlan, error) {
	p := &importPlan{}
	seen := map[string]bool{}
	for _, path := range paths {
		root, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		tree := importSource{path: root}
		err = archive.Walk(root, func(f archive.File) error {
			switch {
			case f.Err != nil:
				p.unreadable = append(p.unreadable, f.Err)
			case f.Kind == archive.Other:
				if p.other++; p.other <= fewNames {
					p.others = append(p.others, f.Path)
				}
			case f.Kind == archive.Many && !seen[f.Path]:
				seen[f.Path] = true
				p.add(importSource{path: f.Path, mbox: true, bytes: f.Size})
			case f.Kind == archive.Single:
				tree.emails++
				tree.bytes += f.Size
			}
			return nil
		})
		if err != nil {
			return nil, onePathError(err)
		}
		if tree.emails > 0 && !seen[root] {
			seen[root] = true
			p.add(tree)
		}
	}
	if len(p.sources) == 0 && len(p.unreadable) == 0 {
		return nil, fmt.Errorf("there are no emails in %s; name .eml files, mbox files, Maildirs, or folders of these", strings.Join(paths, ", "))
	}
	return p, nil
}

// onePathError names the path first, as people look for it.
func onePathError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Path, path.Err)
	}
	return err
}

func (p *importPlan) add(s importSource) {
	p.sources = append(p.sources, s)
	p.bytes += s.bytes
}

// tell names what is passed over.
func (p *importPlan) tell(w io.Writer) {
	if p.other > 0 {
		fmt.Fprintf(w, "passed over, since they are no emails: %s%s\n", strings.Join(p.others, ", "), orMore(p.other))
	}
}

func orMore(n int) string {
	if n > fewNames {
		return fmt.Sprintf(" and %d more", n-fewNames)
	}
	return ""
}

// failures is one error about all that could not be read.
func (p *importPlan) failures() error {
	if len(p.unreadable) == 0 {
		return nil
	}
	var words []string
	for _, err := range p.unreadable[:min(fewNames, len(p.unreadable))] {
		words = append(words, onePathError(err).Error())
	}
	return fmt.Errorf("could not be read: %s%s; make them readable and run the command again", strings.Join(words, "; "), orMore(len(p.unreadable)))
}
