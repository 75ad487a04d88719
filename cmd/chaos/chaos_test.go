package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A short trial: one round of 40 emails, and three kills. Longer ones are `make chaos`.
func TestNothingIsLostWhenTheDeskIsKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // on a machine that does other things
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-rounds", "1", "-emails", "40", "-disturbances", "3"}, &out)
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "slowest restart after a kill") {
		t.Error("the desk was not killed")
	}
	if !strings.Contains(out.String(), "kills: 3,") {
		t.Error("not all kills were counted")
	}
}

func TestNothingIsLostWhenConnectionsAreCut(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"imap", "postgres"} { // smtp waits two minutes for letters whose fate is unknown
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			var out bytes.Buffer
			err := run(ctx, []string{"-rounds", "1", "-emails", "40", "-disturbances", "4", "-mode", mode}, &out)
			t.Logf("\n%s", out.String())
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Three processes, stopped one after the other in an orderly way: nobody gets a letter twice.
func TestNothingIsLostWhenProcessesAreReplaced(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-rounds", "1", "-emails", "40", "-disturbances", "4", "-mode", "rolling", "-seed", "3"}, &out)
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`all +\d+ +\d+ +\d+ +\d+ +\d+ +0 `).MatchString(out.String()) {
		t.Error("a letter was sent twice")
	}
}

// Two processes of different roles: when one is killed the other goes on, and the mailbox is soon somebody's again.
func TestNothingIsLostWhenOneOfTwoProcessesIsKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-rounds", "1", "-emails", "40", "-disturbances", "3", "-mode", "pair", "-seed", "5"}, &out)
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
}

// Backed up under load, killed, restored elsewhere: what was committed before the backup is there, the rest is read
// again, and no other letter goes out twice than those that waited when the backup began.
func TestNothingIsLostWhenTheDeskIsRestored(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-rounds", "1", "-emails", "60", "-disturbances", "2", "-mode", "restore"}, &out)
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "restored 1 times") || strings.Contains(out.String(), "emails read a second time: 0;") {
		t.Error("the desk was not restored, or nothing came after the backup")
	}
}

func TestWrongUseIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-mode", "sword"}, {"-rounds", "0"}, {"-emails", "-1"}, {"further"}, {"-unknown"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: error %v, want a refusal", args, err)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, &out); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "all, imap, kill, pair, postgres, restore, rolling, smtp, split") {
		t.Errorf("-h: error %v, text %q", err, out.String())
	}
}
