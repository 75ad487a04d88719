// Command postern is the desk: one binary for serving, migrating and looking after it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/postern-desk/postern/internal/config"
)

type cli struct {
	config.File
	Serve    serveCmd    `cmd:"" help:"Run the desk. Without a database URL it runs a PostgreSQL of its own."`
	Demo     demoCmd     `cmd:"" help:"Try the desk: with a mail server and a database of its own and sample data."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database to this version's schema, or show how it stands."`
	Mailbox  mailboxCmd  `cmd:"" help:"Add, change, list and check support addresses."`
	Contacts contactsCmd `cmd:"" help:"Import clients and contacts."`
	APIKey   apiKeyCmd   `cmd:"" name:"apikey" help:"Create keys for the API."`
	Doctor   doctorCmd   `cmd:"" help:"Check everything that an operator can get wrong, one line each, with the remedy."`
	Backup   backupCmd   `cmd:"" help:"Write the whole desk into a folder, beside a running one or alone."`
	Restore  restoreCmd  `cmd:"" help:"Make a desk of a backup, in a new data folder or an empty database."`
	Mail     mailCmd     `cmd:"" help:"Look into emails, and import old ones."`
	Version  versionCmd  `cmd:"" help:"Print version, commit and Go version."`
	Help     helpCmd     `cmd:"" help:"Say how a command is used, as --help does."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings given; it returns the exit status: 0, 1 for a failure, 2 for wrong
// use or configuration.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c cli
	options := append(config.Options(config.Process()),
		kong.Name("postern"),
		kong.Description("An email-driven helpdesk: email becomes tickets, answers become email, and nothing is lost."),
		kong.UsageOnError(),
		kong.Writers(out, errs),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{out, errs}),
	)
	parser, err := kong.New(&c, options...)
	if err != nil {
		fmt.Fprintln(errs, "postern:", err)
		return 1
	}
	parsed, err := parser.Parse(spoken(args))
	var problems config.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(errs, problems)
		return 2
	}
	if err == nil {
		err = parsed.Run(parser)
	}
	var misused *kong.ParseError
	switch {
	case errors.As(err, &misused):
		fmt.Fprintf(errs, "postern: %v\nTry: %s\n", err, whereToAsk(err))
		return 2
	case err != nil:
		fmt.Fprintln(errs, "postern:", oneLine(err))
		return 1
	}
	return 0
}

// helpCmd is --help for those who type it as a command.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command, such as: mail explain."`
}

// Run prints the help and ends the program.
func (c *helpCmd) Run(parser *kong.Kong) error {
	_, err := parser.Parse(append(c.Command, "--help"))
	return err
}

// oneLine is an error as a shell shows it best; joined errors and those of servers have several lines.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	// A line that ends with a colon goes on in the next one.
	return strings.ReplaceAll(strings.Join(parts, "; "), ":; ", ": ")
}

// streams are where a command writes.
type streams struct{ out, errs io.Writer }

// logger is how a running desk tells what happens.
func logger(s config.Service, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
