package web

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// mailboxRoutes is the support addresses.
type mailboxRoutes struct {
	mailboxes *mailboxes.Service
	inbox     *inbox.Service
	check     func(ctx context.Context, mailboxID uuid.UUID) (CheckReport, error)
	lookUpTXT func(ctx context.Context, name string) ([]string, error)
}

// CheckReport is whether a mailbox can be used, point by point.
type CheckReport struct {
	OK     bool        `json:"ok"`
	Checks []CheckLine `json:"checks" nullable:"false"`

	Comparisons []Comparison `json:"comparisons" nullable:"false" doc:"The newest one of each folder with the ledger"`
}

// CheckLine is one point of a check. Detail and Remedy hold no secret.
type CheckLine struct {
	Name   string `json:"name" doc:"What was tried, in words" example:"IMAP login at mail.example"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty" doc:"Why it failed, as the server or the network says; absent where it did not"`
	Remedy string `json:"remedy,omitempty" doc:"What to do about it, where that is known"`
}

// list shows mailboxes oldest first. A desk has few: all are read, and the page is cut out of them.
func (s mailboxRoutes) list(ctx context.Context, in *struct{ Paging }) (*listOf[Mailbox], error) {
	const list = "mailboxes"
	after, err := afterID(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.mailboxes.List(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	if after != uuid.Nil {
		found = slices.DeleteFunc(found, func(m mailboxes.Mailbox) bool { return bytes.Compare(m.ID[:], after[:]) <= 0 })
	}
	return paged(found, in.Limit, func(m mailboxes.Mailbox) string { return newCursor(list, m.ID.String()) }, showMailbox), nil
}

func (s mailboxRoutes) create(ctx context.Context, in *struct{ Body NewMailbox }) (*made[Mailbox], error) {
	b := in.Body
	fields, err := b.fields()
	if err != nil {
		return nil, err
	}
	p, err := readPerson(b.Address, "body.address")
	if err != nil {
		return nil, err
	}
	fields.Address, fields.AddressNorm = &p.Address, p.Norm
	fields.IMAP, fields.SMTP = b.IMAP.server(), b.SMTP.server()
	fields.IMAPPassword, fields.SMTPPassword = &b.IMAPPassword, &b.SMTPPassword
	fields.Start, fields.StartAt = b.Start, b.StartAt
	m, err := s.mailboxes.Create(ctx, actorOf(ctx), fields)
	if err != nil {
		return nil, err
	}
	return &made[Mailbox]{Location: "/v1/mailboxes/" + m.ID.String(), ETag: etag(m.Version), Body: showMailbox(m)}, nil
}

func (s mailboxRoutes) read(ctx context.Context, in *byID) (*one[MailboxState], error) {
	m, err := s.mailboxes.Get(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	folders, err := s.mailboxes.FoldersOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	_, compared, err := s.comparisons(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := MailboxState{Mailbox: showMailbox(m), FolderStates: []FolderState{}}
	for _, f := range folders {
		out.FolderStates = append(out.FolderStates, FolderState{Name: f.Name, UIDValidity: f.UIDValidity, LastUID: f.LastUID,
			PolledAt: f.PolledAt, FailingSince: f.FailingSince, LastError: f.LastError, LastComparison: compared[f.Name]})
	}
	return &one[MailboxState]{ETag: etag(m.Version), Body: out}, nil
}

type mailboxPatchInput struct {
	IfMatch
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body MailboxPatch
}

func (s mailboxRoutes) update(ctx context.Context, in *mailboxPatchInput) (*one[Mailbox], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	fields, err := in.Body.fields()
	if err != nil {
		return nil, err
	}
	fields.IMAP, fields.SMTP = in.Body.IMAP.server(), in.Body.SMTP.server()
	fields.IMAPPassword, fields.SMTPPassword = in.Body.IMAPPassword, in.Body.SMTPPassword
	fields.ClientSecret, fields.RefreshToken = in.Body.OAuthClientSecret, in.Body.OAuthRefreshToken
	m, err := s.mailboxes.Update(ctx, actorOf(ctx), in.ID, version, fields)
	if err != nil {
		return nil, err
	}
	return &one[Mailbox]{ETag: etag(m.Version), Body: showMailbox(m)}, nil
}

type checkInput struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Compare bool      `query:"compare" doc:"Also ask for the comparison of its folders with the ledger; its result is in the mailbox's folder_states soon after"`
}

func (s mailboxRoutes) try(ctx context.Context, in *checkInput) (*one[CheckReport], error) {
	if _, err := s.mailboxes.Get(ctx, actorOf(ctx), in.ID); err != nil {
		return nil, err
	}
	if s.check == nil {
		return nil, newProblem(http.StatusServiceUnavailable, codeUnavailable, "This process cannot check mailboxes.")
	}
	report, err := s.check(ctx, in.ID)
	if report.Checks == nil {
		report.Checks = []CheckLine{}
	}
	if err == nil && in.Compare {
		err = s.inbox.QueueComparison(ctx, in.ID)
	}
	if err == nil {
		report.Comparisons, _, err = s.comparisons(ctx, in.ID)
	}
	return &one[CheckReport]{Body: report}, err
}
