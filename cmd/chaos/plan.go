package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// role is what an email of the plan is to the desk.
type role string

const (
	opening   role = "opening"
	reply     role = "reply"     // to an opening of the same plan
	automatic role = "automatic" // an out-of-office note without a thread
	again     role = "again"     // the same bytes as an earlier email
)

// disposition is what must become of the first copy of an email; further copies are duplicates.
var disposition = map[role]string{opening: "opened", reply: "replied", automatic: "auto_reply"}

// planned is one email to be sent.
type planned struct {
	role    role
	id      string // Message-ID, without brackets
	from    string
	parent  *planned      // of a reply, and the original of an email sent again
	byToken bool          // a reply to the address in the acknowledgement, not only by References
	taken   chan struct{} // closed when the mail server has said 250
}

const (
	supportAddress = "support@desk.example"
	staffAddress   = "staff@desk.example"
)

// plan draws n emails: about six openings in ten, two replies, one email sent twice, one automatic. Every
// opening has a sender of its own, so that no limit of the desk plays a part.
func plan(rng *rand.Rand, round, n int) []*planned {
	var all, openings []*planned
	for i := range n {
		p := &planned{role: opening, taken: make(chan struct{}), id: fmt.Sprintf("chaos-%d-%d-%08x@firm%d.example", round, i, rng.Uint32(), i%40),
			from: fmt.Sprintf("person%d.%d@firm%d.example", round, i, i%40)}
		switch kind := rng.IntN(10); {
		case len(openings) < 3: // nothing to answer yet
		case kind < 2:
			p.role, p.byToken = reply, rng.IntN(2) == 0
			p.parent = openings[rng.IntN(len(openings))]
			p.from = p.parent.from
		case kind == 2:
			p.role, p.parent = again, all[rng.IntN(len(all))]
			if p.parent.role == again {
				p.parent = p.parent.parent
			}
			p.id, p.from = p.parent.id, p.parent.from
		case kind == 3:
			p.role = automatic
		}
		if p.role == opening {
			openings = append(openings, p)
		}
		all = append(all, p)
	}
	return all
}

// acknowledged is what the sender of an opening learnt from its acknowledgement.
type acknowledged struct {
	messageID, replyTo string
}

// bytes is the email as it is sent. ack is only read for replies by token.
func (p *planned) bytes(ack acknowledged) []byte {
	if p.role == again {
		p = p.parent
	}
	text := &strings.Builder{}
	to, extra := supportAddress, ""
	switch p.role {
	case automatic:
		extra = "Auto-Submitted: auto-replied\n"
	case reply:
		extra = fmt.Sprintf("In-Reply-To: <%s>\nReferences: <%s>\n", p.parent.id, p.parent.id)
		if p.byToken {
			to = ack.replyTo
			extra = fmt.Sprintf("In-Reply-To: <%s>\nReferences: <%s> <%s>\n", ack.messageID, p.parent.id, ack.messageID)
		}
	}
	fmt.Fprintf(text, "From: %s\nTo: %s\nSubject: Request %s\nDate: Sun, 22 Nov 2026 10:00:00 +0000\nMessage-ID: <%s>\n%sMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nThis is %s of %s.\n",
		p.from, to, p.id[:12], p.id, extra, p.role, p.from)
	return []byte(strings.ReplaceAll(text.String(), "\n", "\r\n"))
}
