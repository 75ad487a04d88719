package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// A letter that its program was killed over twice, or that was handed over twice without an answer, is left to
// people: the ticket shows it.
const sqlLeftToPeople = `
select id::text, kind, coalesce(ticket_id::text, '') as ticket_id, recipients[1] as recipient, rfc_message_id, state
from letters where state = 'unknown' and unknowns > 1`

// operate does what people do with such letters, until ctx ends.
func (t *trial) operate(ctx context.Context) {
	for ; ctx.Err() == nil; sleep(ctx, time.Second) {
		if d, err := t.program.life(); err == nil {
			_, _ = t.resendLost(ctx, d) // the desk may have gone down; the next look finds the same
		}
	}
}

// resendLost sends those again that did not arrive, and says how many it was.
func (t *trial) resendLost(ctx context.Context, d demo) (n int, err error) {
	t.operator.Lock()
	defer t.operator.Unlock()
	left, err := leftToPeople(ctx, d)
	for _, l := range left {
		if has, err := hasArrived(d, l); err != nil {
			return n, err
		} else if has {
			continue
		}
		if err := resend(ctx, d, l.ID); err != nil {
			return n, err
		}
		n++
		t.resent++
	}
	return n, err
}

// hasArrived looks into the recipient's mailbox.
func hasArrived(d demo, l letterRow) (bool, error) {
	f, err := readInbox(d, l.Recipient)
	return slices.ContainsFunc(f.emails, func(e arrived) bool { return e.messageID == l.MessageID }), err
}

func leftToPeople(ctx context.Context, d demo) ([]letterRow, error) {
	return rowsOf[letterRow](ctx, d.DatabaseURL, sqlLeftToPeople)
}

// resend asks for it as a person would.
func resend(ctx context.Context, d demo, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, d.API+"/v1/outbound-emails/"+id+"/resend", nil)
	if err != nil {
		return err
	}
	ask.Header.Set("Authorization", "Bearer "+d.APIKey)
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("resend letter %s: %s: %s", id, answer.Status, said)
	}
	return nil
}
