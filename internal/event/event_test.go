package event

import (
	"context"
	"regexp"
	"slices"
	"testing"
)

// public is the list that subscribers were promised, see interfaces "Event types".
var public = []Kind{"contact.created", "contact.updated", "contact.erased", "member.invited", "member.activated", "member.role_changed",
	"member.deactivated", "member.reactivated", "ticket.opened", "ticket.replied", "ticket.updated", "ticket.closed", "ticket.reopened",
	"ticket.merged", "order.placed", "order.pending", "order.approved", "order.rejected", "order.expired", "approval.requested",
	"approval.decided", "record.upserted", "record.assigned", "email.bounced", "mailbox.failing", "mailbox.recovered", "endpoint.disabled"}

var (
	kindForm   = regexp.MustCompile(`^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$`)
	moduleForm = regexp.MustCompile(`^[a-z]+(_[a-z]+)*s$`) // plural
	actions    = []string{"create", "update", "delete"}
)

func TestCatalogueKeepsItsForm(t *testing.T) {
	t.Parallel()
	for kind, spec := range Catalogue {
		if !kindForm.MatchString(string(kind)) {
			t.Errorf("%q is not module.verb", kind)
		}
		if !moduleForm.MatchString(spec.Module) || !slices.Contains(actions, spec.Action) {
			t.Errorf("%s: module %q, action %q", kind, spec.Module, spec.Action)
		}
		if spec.Public != slices.Contains(public, kind) {
			t.Errorf("%s: public is %v, what subscribers were promised says %v", kind, spec.Public, !spec.Public)
		}
	}
	if !Catalogue[TicketOpened].Public || Catalogue[TicketNoted].Public {
		t.Error("an internal note is public, or a new ticket is not")
	}
}

func TestActorTravelsWithItsRequest(t *testing.T) {
	t.Parallel()
	if _, ok := ActorFrom(context.Background()); ok {
		t.Error("nobody acts, and somebody was found")
	}
	ann := Actor{Kind: "api_key", ID: "1", Name: "Ann", Realm: Client}
	outer := WithActor(context.Background(), System("outbox"))
	if got, ok := ActorFrom(WithActor(outer, ann)); !ok || got != ann {
		t.Errorf("got %+v", got)
	}
	if got, _ := ActorFrom(outer); got != (Actor{Kind: "system", ID: "outbox", Name: "Postern", Realm: Staff}) {
		t.Errorf("the worker acts as %+v", got)
	}
}
