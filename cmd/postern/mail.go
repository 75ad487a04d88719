package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

type mailCmd struct {
	Import  mailImportCmd  `cmd:"" help:"Import old emails into a mailbox, without a letter or an event to anybody. Can be stopped, and goes on."`
	Explain mailExplainCmd `cmd:"" help:"Say what the worker would make of emails, and why. Needs no database and no network; changes nothing."`
}

type mailExplainCmd struct {
	JSON  bool     `name:"json" help:"One JSON object a line, one line a file."`
	Paths []string `arg:"" name:"path" help:"Files with one email each."`
}

// explainedPriority is the priority in an explanation.
type explainedPriority struct {
	Level   string   `json:"level"`
	Reasons []string `json:"reasons"`
}

// Run explains each file in the order given. One that cannot be read gets its line too, and fails the command once
// the others are explained.
func (c *mailExplainCmd) Run(s streams) error {
	out := bufio.NewWriter(s.out)
	defer out.Flush()
	var unread []error
	for _, path := range c.Paths {
		e, err := explain(path)
		if err != nil {
			unread = append(unread, err)
		}
		if !c.JSON {
			printExplanation(out, e)
			continue
		}
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		out.Write(append(line, '\n'))
	}
	return errors.Join(unread...)
}

// explain fails where the file cannot be read; an email that makes the parser fail is explained as that.
func explain(path string) (e message.Explanation, failed error) {
	defer func() {
		if p := recover(); p != nil {
			e = message.Explanation{Path: path, Class: message.ClassHuman, Problems: []string{fmt.Sprintf("reading it failed: %v", p)}}
		}
	}()
	file, err := os.Open(path)
	if err != nil {
		return message.Explanation{Path: path, Problems: []string{err.Error()}}, err
	}
	defer file.Close()
	email, err := message.Parse(file, message.DefaultLimits(), nil)
	if err != nil {
		return message.Explanation{Path: path, Problems: []string{err.Error()}}, err
	}
	e = message.Explain(path, email)
	level, reasons := tickets.Prioritise(tickets.Signals{Importance: string(email.Importance), Subject: email.Subject, Body: email.Reply})
	e.Priority = explainedPriority{Level: level.String(), Reasons: reasons}
	return e, nil
}

func printExplanation(out *bufio.Writer, e message.Explanation) {
	fmt.Fprintf(out, "%s\n", e.Path)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", name, strings.ReplaceAll(strings.TrimSpace(value), "\n", "\n               "))
		}
	}
	line("class", string(e.Class)+because(e.Reasons))
	if e.From != nil {
		line("from", strings.TrimSpace(e.From.Name+" <"+e.From.Address+">"))
	}
	line("subject", e.Subject)
	if p, ok := e.Priority.(explainedPriority); ok {
		line("priority", p.Level+because(p.Reasons))
	}
	line("token", e.Token)
	line("reply", e.Reply)
	line("signature", e.Signature)
	for _, a := range e.Attachments {
		line("attachment", fmt.Sprintf("%s, %s, %d bytes", a.Name, a.Type, a.Size))
	}
	for _, p := range e.Problems {
		line("problem", p)
	}
	fmt.Fprintln(out)
}

func because(reasons []string) string {
	if len(reasons) == 0 {
		return ""
	}
	return ": " + strings.Join(reasons, "; ")
}
