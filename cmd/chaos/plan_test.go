package main

import (
	"bytes"
	"math/rand/v2"
	"net/mail"
	"strings"
	"testing"
)

func TestThePlanHasEveryRoleAndAnswersOnlyWhatIsOpened(t *testing.T) {
	t.Parallel()
	all := plan(rand.New(rand.NewPCG(1, 0)), 3, 500)
	count, position, openers := map[role]int{}, map[*planned]int{}, map[string]bool{}
	for i, p := range all {
		count[p.role]++
		position[p] = i
		if p.role == opening && openers[p.from] {
			t.Errorf("%s opens twice: the limits of the desk would count", p.from)
		}
		openers[p.from] = openers[p.from] || p.role == opening
		if p.parent == nil {
			continue
		}
		if at, there := position[p.parent]; !there || at >= i {
			t.Errorf("email %d refers to one that does not come before it", i)
		}
		if p.role == reply && (p.parent.role != opening || p.from != p.parent.from) {
			t.Errorf("email %d answers a %s of somebody else", i, p.parent.role)
		}
		if p.role == again && p.parent.role == again {
			t.Errorf("email %d repeats a repetition", i)
		}
	}
	for r, least := range map[role]int{opening: 250, reply: 70, automatic: 25, again: 25} {
		if count[r] < least {
			t.Errorf("%d emails are %s, want at least %d of 500", count[r], r, least)
		}
	}
}

func TestOneSeedIsOnePlan(t *testing.T) {
	t.Parallel()
	a, b := plan(rand.New(rand.NewPCG(5, 0)), 0, 100), plan(rand.New(rand.NewPCG(5, 0)), 0, 100)
	for i := range a {
		if !bytes.Equal(a[i].bytes(acknowledged{}), b[i].bytes(acknowledged{})) {
			t.Fatalf("email %d differs", i)
		}
	}
	if other := plan(rand.New(rand.NewPCG(6, 0)), 0, 100); other[0].id == a[0].id {
		t.Error("another seed gives the same emails")
	}
}

func TestEmailsSayWhatTheirRoleNeeds(t *testing.T) {
	t.Parallel()
	first := &planned{role: opening, id: "chaos-0-0-first@firm.example", from: "ann@firm.example"}
	ack := acknowledged{messageID: "ack@desk.example", replyTo: "support+t-abc@desk.example"}
	for name, c := range map[string]struct {
		email  planned
		fields map[string]string
	}{
		"opening":          {*first, map[string]string{"To": supportAddress, "In-Reply-To": "", "Auto-Submitted": ""}},
		"automatic":        {planned{role: automatic, id: "chaos-0-1-away@x.example", from: "b@x.example"}, map[string]string{"Auto-Submitted": "auto-replied"}},
		"reply":            {planned{role: reply, id: "chaos-0-2-reply@firm.example", from: first.from, parent: first}, map[string]string{"To": supportAddress, "In-Reply-To": "<" + first.id + ">"}},
		"reply by token":   {planned{role: reply, id: "chaos-0-3-reply@firm.example", from: first.from, parent: first, byToken: true}, map[string]string{"To": ack.replyTo, "In-Reply-To": "<ack@desk.example>"}},
		"again, unchanged": {planned{role: again, id: first.id, from: first.from, parent: first}, map[string]string{"Message-Id": "<" + first.id + ">"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := c.email.bytes(ack)
			m, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			for field, want := range c.fields {
				if got := m.Header.Get(field); got != want {
					t.Errorf("%s: %q, want %q", field, got, want)
				}
			}
			if strings.Count(string(raw), "\n") != strings.Count(string(raw), "\r\n") {
				t.Error("a bare line feed")
			}
		})
	}
	if original, copied := first.bytes(ack), (&planned{role: again, id: first.id, parent: first}).bytes(ack); !bytes.Equal(original, copied) {
		t.Error("an email sent again has other bytes")
	}
}
