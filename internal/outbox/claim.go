package outbox

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
)

// Attempt is a letter that was claimed for sending, with its envelope sender and the bytes to send. A letter
// with a Flaw has neither: it is to be settled as permanent, with the flaw as the text.
type Attempt struct {
	Letter       Letter
	EnvelopeFrom string
	Raw          []byte
	Signed       bool // Raw begins with the signature of an earlier attempt
	Flaw         string
}

// The flaws, for people to read. Another attempt would meet them too.
const (
	flawGone    = "the letter's bytes are gone, as after a restore of a part of the database; write a new answer instead"
	flawSealed  = "the letter's bytes are sealed with another key; put the key back and resend it, or write a new answer"
	flawDamaged = "the letter's bytes are damaged; write a new answer instead"
)

// cutOff is why a letter is unknown whose sending the end of the process cut off.
const cutOff = "the program ended while it was sending this letter, which may have arrived"

// doubtPause spreads the second copies of what a dead process was sending. If one of them is what it dies of,
// hardly another is on its way when it dies again.
const doubtPause = 10 * time.Second

// claimPause is between two tries of a claim whose commit may have got lost.
const claimPause = 250 * time.Millisecond

// Claim marks the letter as being sent and returns its bytes. ok is false where nothing is to be sent: a
// server has taken it, it has failed, another caller is at it, or its time has not come, which wait then
// tells. A letter that its process left in the middle comes back as unknown, with ok false.
func (o *Outbox) Claim(ctx context.Context, l Owed) (a Attempt, wait time.Duration, ok bool, err error) {
	c, err := o.claims.do(ctx, l)
	if err != nil || !c.ok {
		return Attempt{Letter: c.letter}, c.wait, false, err
	}
	return o.open(c), 0, true, nil
}

// claimed is what one caller gets of a transaction's claims.
type claimed struct {
	letter    Letter
	sealed    []byte // nil: gone
	signature []byte
	wait      time.Duration
	ok        bool
}

// heldLetter is a letter under its lock.
type heldLetter struct {
	Letter
	Sealed    []byte `db:"sealed"`
	Signature []byte `db:"signature"`
}

// claimAll claims letters in one transaction. Two callers with one letter do not both get it. Where the answer
// to the commit is lost it looks again: a letter that is marked then would count as one that may have arrived.
func (o *Outbox) claimAll(ctx context.Context, letters []Owed) (out []claimed, err error) {
	ids := make([]uuid.UUID, len(letters))
	for i, l := range letters {
		ids[i] = l.ID
	}
	mine := map[uuid.UUID]int{}
	for {
		out, err = o.claimOnce(ctx, ids, mine)
		if err == nil || len(mine) == 0 {
			return out, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(claimPause):
		}
	}
}

// claimOnce tries it once, and notes in mine which attempt of each letter is this caller's if it was committed.
func (o *Outbox) claimOnce(ctx context.Context, ids []uuid.UUID, mine map[uuid.UUID]int) ([]claimed, error) {
	out := make([]claimed, len(ids))
	err := o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		clear(out)
		held, err := db.All[heldLetter](tx, sqlHoldLetters, ids)
		if err != nil {
			return err
		}
		letters := make(map[uuid.UUID]heldLetter, len(held))
		for _, h := range held {
			letters[h.ID] = h
		}
		var taken, left []uuid.UUID
		var pauses []time.Duration
		for i, id := range ids {
			h, there := letters[id]
			if !there {
				continue
			}
			delete(letters, id)
			if n := mine[id]; h.State == Sending && n > 0 && h.Attempts == n {
				out[i] = claimed{letter: h.Letter, sealed: h.Sealed, signature: h.Signature, ok: true}
				continue
			}
			switch out[i] = h.claim(tx.Now()); {
			case out[i].ok:
				taken, mine[id] = append(taken, id), out[i].letter.Attempts
			case h.State == Sending:
				left, pauses = append(left, id), append(pauses, out[i].wait)
			}
		}
		if len(taken) > 0 {
			tx.Queue(sqlClaim, taken)
		}
		if len(left) > 0 {
			tx.Queue(sqlCutOff, left, pauses, cutOff)
		}
		return nil
	})
	return out, err
}

// claim decides about one letter. One that is marked as being sent belonged to a process that died: only one
// job works on it. Whether a server has it nobody knows, as where the answer to it was lost, and it counts as
// that: else a program that dies of a letter would send it for ever.
func (h heldLetter) claim(now time.Time) claimed {
	l := h.Letter
	if l.State == Sending {
		l.State, l.Unknowns = Unknown, l.Unknowns+1
		if l.Unknowns > 1 {
			return claimed{letter: l}
		}
		return claimed{letter: l, wait: 1 + rand.N(doubtPause)}
	}
	if wait, due := l.due(now); !due {
		return claimed{wait: wait}
	}
	l.State, l.Attempts = Sending, l.Attempts+1
	return claimed{letter: l, sealed: h.Sealed, signature: h.Signature, ok: true}
}

func (o *Outbox) open(c claimed) Attempt {
	if c.sealed == nil {
		return Attempt{Letter: c.letter, Flaw: flawGone}
	}
	from, raw, err := o.unseal(c.sealed)
	switch {
	case errors.Is(err, errDamaged):
		return Attempt{Letter: c.letter, Flaw: flawDamaged}
	case err != nil:
		return Attempt{Letter: c.letter, Flaw: flawSealed}
	}
	return Attempt{Letter: c.letter, EnvelopeFrom: from, Raw: slices.Concat(c.signature, raw), Signed: c.signature != nil}
}

// mostBytes is more than any letter has.
const mostBytes = 256 << 20

var errDamaged = errors.New("no letter under the seal")

func (o *Outbox) unseal(sealed []byte) (from string, raw []byte, err error) {
	packed, err := o.vault.Open(bytesPurpose, sealed)
	if err != nil {
		return "", nil, err
	}
	whole, err := blob.Unpack(packed, mostBytes)
	sender, raw, ok := bytes.Cut(whole, []byte("\n"))
	if err != nil || !ok {
		return "", nil, errDamaged
	}
	return string(sender), raw, nil
}
