package web_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/web"
)

// Tried: a mailbox that was never compared, then one with a report, and the asking for another.
func TestComparisonIsShownWithItsMailbox(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) {
		deps.Check = func(context.Context, uuid.UUID) (web.CheckReport, error) { return web.CheckReport{OK: true}, nil }
	})
	path := "/v1/mailboxes/" + d.mailbox.ID.String()
	last := func() any {
		return d.get(path).want(200).object()["folder_states"].([]any)[0].(map[string]any)["last_comparison"]
	}
	if got := last(); got != nil {
		t.Errorf("before: %v", got)
	}
	folders, err := d.deps.Mailboxes.FoldersOf(t.Context(), d.mailbox.ID)
	must(t, err)
	r := inbox.Report{FolderID: folders[0].ID, Server: 3, Ledger: 2}
	r.Note(inbox.Missing, 1, inbox.Named{UID: 3})
	r.Note(inbox.Undecided, 1, inbox.Named{UID: 2, EmailID: 7})
	must(t, d.deps.Inbox.SaveReport(t.Context(), d.mailbox, r))
	want := "[map[count:1 first:[map[email_id:<nil> uid:3]] kind:missing] map[count:1 first:[map[email_id:7 uid:2]] kind:undecided]]"
	got := last().(map[string]any)
	if got["server"] != 3.0 || got["ledger"] != 2.0 || fmt.Sprint(got["differences"]) != want {
		t.Errorf("shown: %v", got)
	}
	if n := d.count("select count(*) from audit_entries where kind = 'mailbox.compared'"); n != 1 {
		t.Errorf("%d entries of the record, want 1", n)
	}
	checked := d.do(request{method: "POST", path: path + "/check?compare=true", key: d.admin}).want(200).object()
	if len(checked["comparisons"].([]any)) != 1 || d.count("select count(*) from river_job where kind = 'compare_mailbox'") != 1 {
		t.Errorf("checked: %v", checked)
	}
}
