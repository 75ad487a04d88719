package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/mail/mailbox"
)

// An email that the server lists but does not send holds back all behind it: it is asked for again at every
// poll, and given up after so many tries over so long a time.
const (
	giveUpTries = 3
	giveUpAfter = 10 * time.Minute
)

// refusedEmail names an email of a folder.
type refusedEmail struct {
	folder int64
	uid    uint32
}

// refusal is how long an email has been refused.
type refusal struct {
	since time.Time
	tries int
	size  int64 // what the server announced, where that is more than it had listed
}

// errSingly says that a batch failed because of one of its emails: they are asked for one by one, over a new
// connection.
var errSingly = errors.New("asking for the emails one by one")

// ofEmail reports whether an error is about emails and not about the connection: an email whose transfer
// was cut is no less there for it, however often that happens.
func ofEmail(err error) bool {
	for _, ended := range []error{mailbox.ErrServerGone, mailbox.ErrTimeout, mailbox.ErrUnavailable, mailbox.ErrClosed, mailbox.ErrProtocol,
		context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return false
		}
	}
	return errors.Is(err, mailbox.ErrIncomplete) || errors.Is(err, mailbox.ErrRefused)
}

// refuse counts a failed fetch of one email; over tells that it is given up.
func (h *pigeonhole) refuse(e refusedEmail, why error, now time.Time) (over bool) {
	if h.refused == nil {
		h.refused = map[refusedEmail]refusal{}
	}
	r, known := h.refused[e]
	if !known {
		r.since = now
	}
	r.tries++
	var announced *mailbox.SizeError
	if errors.As(why, &announced) {
		r.size = announced.Got
	}
	h.refused[e] = r
	if over = r.tries >= giveUpTries && now.Sub(r.since) >= giveUpAfter; over {
		delete(h.refused, e)
	}
	return over
}

// received forgets what was held against emails that have come after all, and against all of a folder that
// begins anew: its UIDs are other emails now.
func (h *pigeonhole) received(folder int64, metas ...mailbox.Meta) {
	maps.DeleteFunc(h.refused, func(e refusedEmail, _ refusal) bool {
		return e.folder == folder && (len(metas) == 0 || slices.ContainsFunc(metas, func(m mailbox.Meta) bool { return m.UID == e.uid }))
	})
}

// givenUp is the ledger's row of an email that the server does not send. It has no bytes and no disposition:
// a ticket will say that it is there.
func givenUp(m mailbox.Meta) inbox.Arrival {
	return inbox.Arrival{UID: int64(m.UID), Size: m.Size, InternalDate: m.InternalDate}
}
