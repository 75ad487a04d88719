// Command chaos kills the desk, or cuts its connections, while emails flow, and then counts: nothing may
// be lost and nothing may happen twice. docs/benchmarks.md says how to read its table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// errWrong is a promise broken.
var errWrong = errors.New("something was lost or happened twice")

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(out)
	names := slices.Sorted(maps.Keys(modes))
	t := &trial{out: out}
	flags.IntVar(&t.rounds, "rounds", 10, "rounds")
	flags.IntVar(&t.emails, "emails", 200, "emails a round")
	flags.IntVar(&t.disturbances, "disturbances", 5, "kills or cuts a round")
	flags.Uint64Var(&t.seed, "seed", uint64(time.Now().UnixNano()), "draws emails and moments; the default is the time")
	mode := flags.String("mode", "kill", "what is disturbed: "+strings.Join(names, ", "))
	keep := flags.Bool("keep", false, "keep the desk's folder, to look into it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if modes[*mode] == nil || t.rounds < 1 || t.emails < 1 || t.disturbances < 0 || flags.NArg() > 0 {
		return fmt.Errorf("-mode is one of %s, -rounds and -emails are at least 1", strings.Join(names, ", "))
	}
	dir, err := os.MkdirTemp("", "postern-chaos-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o711); err != nil { // the database of a root process is another user's
		return err
	}
	t.breaker = modes[*mode]()
	fmt.Fprintf(out, "%d rounds of %d emails, %d disturbances each, mode %s, seed %d\n", t.rounds, t.emails, t.disturbances, *mode, t.seed)
	j, err := t.in(ctx, dir)
	if r, ok := t.breaker.(reporter); ok {
		r.report(out)
	}
	if *keep || err != nil {
		fmt.Fprintln(out, "the desk's folder:", dir)
	} else {
		err = os.RemoveAll(dir)
	}
	if err == nil && len(j.lost)+len(j.doubled) > 0 {
		err = errWrong
	}
	return err
}

// in runs the trial in a folder.
func (t *trial) in(ctx context.Context, dir string) (j judgement, err error) {
	binary, err := build(ctx, dir)
	if err != nil {
		return j, err
	}
	// Emails are marked or moved after the next poll: a round ends with that.
	t.program = &program{binary: binary, dir: dir, env: []string{"POSTERN_POLL_INTERVAL=5s"}}
	defer func() { err = errors.Join(err, t.program.stop(), t.breaker.stop()) }()
	return t.run(ctx)
}
