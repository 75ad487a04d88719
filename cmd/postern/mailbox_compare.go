package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// compareWithin is more than the comparison of a large folder takes.
const compareWithin = 5 * time.Minute

// compareMailbox has the running desk hold the mailbox against the ledger, and tells what it found.
func compareMailbox(ctx context.Context, s streams, st *store, m mailboxes.Mailbox) error {
	ctx, cancel := context.WithTimeout(ctx, compareWithin)
	defer cancel()
	ledger := inbox.New(st.db, nil, nil, inbox.Rules{})
	before, err := ledger.LastReports(ctx, cliActor(), m.ID)
	if err != nil {
		return err
	}
	folders, err := mailboxes.New(st.db, st.vault).FoldersOf(ctx, m.ID)
	if err != nil {
		return err
	}
	folders = slices.DeleteFunc(folders, func(f mailboxes.Folder) bool {
		return f.UIDValidity == 0 || !slices.Contains(m.Folders, f.Name)
	})
	if err := ledger.QueueComparison(ctx, m.ID); err != nil {
		return err
	}
	for {
		reports, err := ledger.LastReports(ctx, cliActor(), m.ID)
		if err == nil {
			reports = slices.DeleteFunc(reports, func(r inbox.Report) bool {
				return slices.ContainsFunc(before, func(b inbox.Report) bool { return b.FolderID == r.FolderID && b.At.Equal(r.At) })
			})
		}
		if err == nil && len(reports) >= len(folders) {
			for _, r := range reports {
				fmt.Fprintln(s.out, reportLine(r))
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("no comparison within %s: is `postern serve` running, and does the mailbox work?", compareWithin), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// reportLine says what differs, with the first emails of each kind.
func reportLine(r inbox.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "      folder %s: %d emails on the server, %d in the ledger", r.Folder, r.Server, r.Ledger)
	for _, f := range r.Differences {
		fmt.Fprintf(&b, "\n        %s: %d", strings.ReplaceAll(f.Kind, "_", " "), f.Count)
		for i, n := range f.First[:min(len(f.First), 10)] {
			fmt.Fprintf(&b, "%s %d", map[bool]string{true: ", UID", false: ","}[i == 0], n.UID)
		}
	}
	return b.String()
}
