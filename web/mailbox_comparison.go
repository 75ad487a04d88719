package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
)

// Comparison is what comparing a folder on the mail server with the ledger found.
type Comparison struct {
	Folder      string     `json:"folder"`
	At          time.Time  `json:"at"`
	Server      int64      `json:"server" doc:"Emails in the folder"`
	Ledger      int64      `json:"ledger" doc:"Rows of the ledger for it"`
	Differences []Mismatch `json:"differences" nullable:"false" doc:"Empty: both are alike"`
}

// Mismatch is one way in which emails differ.
type Mismatch struct {
	Kind  string          `json:"kind" enum:"missing,unfetched,gone,changed,replaced,renumbered,unread,undecided,bytes_missing" doc:"missing: it was not in the ledger and is now; gone: no longer on the server, as after a deletion"`
	Count int64           `json:"count"`
	First []MismatchEmail `json:"first" nullable:"false" doc:"At most 100 of them"`
}

// MismatchEmail is an email that differs.
type MismatchEmail struct {
	UID     int64  `json:"uid"`
	EmailID *int64 `json:"email_id" doc:"Of the inbound email; null where the ledger had none"`
}

func showComparison(r inbox.Report) Comparison {
	c := Comparison{Folder: r.Folder, At: r.At, Server: r.Server, Ledger: r.Ledger, Differences: []Mismatch{}}
	for _, f := range r.Differences {
		m := Mismatch{Kind: f.Kind, Count: f.Count, First: []MismatchEmail{}}
		for _, n := range f.First {
			e := MismatchEmail{UID: n.UID}
			if n.EmailID != 0 {
				e.EmailID = &n.EmailID
			}
			m.First = append(m.First, e)
		}
		c.Differences = append(c.Differences, m)
	}
	return c
}

// comparisons is the newest one of each folder, by the folder's name.
func (s mailboxRoutes) comparisons(ctx context.Context, id uuid.UUID) ([]Comparison, map[string]*Comparison, error) {
	found, err := s.inbox.LastReports(ctx, actorOf(ctx), id)
	if err != nil {
		return nil, nil, err
	}
	all, byName := make([]Comparison, len(found)), map[string]*Comparison{}
	for i, r := range found {
		all[i] = showComparison(r)
		byName[r.Folder] = &all[i]
	}
	return all, byName, nil
}
