package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// publish prints the table and, where it is asked for, appends it to the page of results.
func (b *bench) publish(ctx context.Context, remark string) (err error) {
	d, err := b.newDesk(ctx)
	if err != nil {
		return err
	}
	where, err := machine(ctx, d)
	if err := errors.Join(err, d.close()); err != nil {
		return err
	}
	where += "; " + remark
	fmt.Println(where)
	if err := printTable(os.Stdout, b.results); err != nil {
		return err
	}
	if b.write == "" {
		return nil
	}
	page, err := os.OpenFile(b.write, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	return writeSection(page, section{time.Now(), where, b.command(), b.results})
}

func (b *bench) command() string {
	command := fmt.Sprintf("make bench ARGS=\"-n %d -runs %d", b.n, b.runs)
	if len(b.only) > 0 {
		command += " -only " + strings.Join(b.only, ",")
	}
	return command + "\""
}

// section is one dated measurement on the page.
type section struct {
	at      time.Time
	where   string
	command string
	results []result
}

func writeSection(w io.Writer, s section) error {
	text := &strings.Builder{}
	fmt.Fprintf(text, "\n### %s\n\n%s. `%s`\n\n| what | result | remark |\n|---|---|---|\n", s.at.Format(time.DateOnly), s.where, s.command)
	for _, r := range s.results {
		fmt.Fprintf(text, "| %s | %s | %s |\n", strings.TrimSpace(r.what), r.value, r.remark)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
