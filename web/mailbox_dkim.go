package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/dkim"
)

// DKIM is how the letters of a mailbox's domain are signed. All mailboxes of the domain share it.
type DKIM struct {
	ID      uuid.UUID `json:"id" format:"uuid" doc:"Of the mailbox"`
	Domain  string    `json:"domain"`
	Signing bool      `json:"signing" doc:"Letters are signed"`
	Keys    []DKIMKey `json:"keys" nullable:"false" doc:"At most two, newest first: the one that signs, and the next or the last one"`
}

// DKIMKey is the public half of a key; the private one is in no answer.
type DKIMKey struct {
	Selector  string    `json:"selector"`
	Signing   bool      `json:"signing" doc:"Letters are signed with it"`
	Name      string    `json:"name" doc:"Where its TXT record stands" example:"postern-20261101._domainkey.desk.example"`
	Record    string    `json:"record" doc:"What stands there" example:"v=DKIM1; k=rsa; p=MIIBIjAN..."`
	CreatedAt time.Time `json:"created_at"`
}

func showDKIM(id uuid.UUID, d mailboxes.DKIM) DKIM {
	_, on := d.Signing()
	out := DKIM{ID: id, Domain: d.Domain, Signing: on, Keys: []DKIMKey{}}
	for _, k := range d.Keys {
		out.Keys = append(out.Keys, DKIMKey{Selector: k.Selector, Signing: k.Signing, Name: dkim.RecordName(k.Selector, d.Domain),
			Record: dkim.Record(k.Public), CreatedAt: k.CreatedAt.UTC()})
	}
	return out
}

func (s mailboxRoutes) readDKIM(ctx context.Context, in *byID) (*one[DKIM], error) {
	d, err := s.mailboxes.DKIM(ctx, actorOf(ctx), in.ID)
	return &one[DKIM]{Body: showDKIM(in.ID, d)}, err
}

type newDKIMKey struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Selector string `json:"selector,omitempty" maxLength:"100" doc:"Of the new key; one that names the day where absent"`
	}
}

func (s mailboxRoutes) makeDKIMKey(ctx context.Context, in *newDKIMKey) (*made[DKIM], error) {
	d, err := s.mailboxes.MakeDKIMKey(ctx, actorOf(ctx), in.ID, in.Body.Selector)
	return &made[DKIM]{Location: "/v1/mailboxes/" + in.ID.String() + "/dkim", Body: showDKIM(in.ID, d)}, err
}

type signingInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Signing   bool   `json:"signing"`
		Selector  string `json:"selector,omitempty" maxLength:"100" doc:"Of the key to sign with; the newest where absent"`
		Unchecked bool   `json:"unchecked,omitempty" doc:"Sign although DNS does not have the key"`
	}
}

// sign asks DNS before anything is changed: letters whose signature nobody can verify look forged.
func (s mailboxRoutes) sign(ctx context.Context, in *signingInput) (*one[DKIM], error) {
	want := mailboxes.Signature{On: in.Body.Signing, Selector: in.Body.Selector, LookUp: s.lookUpTXT}
	if in.Body.Unchecked {
		want.LookUp = nil
	}
	d, err := s.mailboxes.Sign(ctx, actorOf(ctx), in.ID, want)
	return &one[DKIM]{Body: showDKIM(in.ID, d)}, err
}
