package worker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
)

// postRoom keeps a connection to each mailbox open between polls: a poll costs no login.
type postRoom struct {
	deps     Deps
	set      Settings
	accounts *accounts
	leases   *leases
	queue    string // in which this process works polls

	mu    sync.Mutex
	boxes map[uuid.UUID]*pigeonhole
}

// pigeonhole is one mailbox's place in the post room.
type pigeonhole struct {
	// news is set before a poll is queued and cleared by the poll: a notice that comes while a poll is
	// ending is not lost, although its job was refused as a second one.
	news    atomic.Bool
	backoff backoff

	mu      sync.Mutex // one poll at a time
	heard   bool       // the poll under way follows a notice
	lease   *lease     // of the poll under way
	session *mailbox.Session
	version int              // of the mailbox when the session began
	glances map[int64]glance // of the folders, over this session
	refused map[refusedEmail]refusal
	singly  bool  // one email at a time, until a folder was read to its end
	next    int64 // the folder that the last poll had no time for
}

func newPostRoom(d Deps, s Settings) *postRoom {
	return &postRoom{deps: d, set: s, accounts: newAccounts(d.Mailboxes, s.RootCAs), boxes: map[uuid.UUID]*pigeonhole{},
		leases: newLeases(d.DB, s.Process), queue: jobs.WatchQueue(s.Process)}
}

func (p *postRoom) hole(id uuid.UUID) *pigeonhole {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.boxes[id]
	if h == nil {
		h = &pigeonhole{}
		p.boxes[id] = h
	}
	return h
}

// connect returns the open session, or a new one where there is none or the mailbox was changed.
func (h *pigeonhole) connect(ctx context.Context, l login, t mailbox.Timeouts) (*mailbox.Session, error) {
	if h.session != nil && h.version == l.box.Version {
		return h.session, nil
	}
	h.drop()
	session, err := h.dial(ctx, l, t)
	if err != nil {
		return nil, err
	}
	h.session, h.version = session, l.box.Version
	return session, nil
}

// dial connects and keeps account of it; callers have seen to the back-off.
func (h *pigeonhole) dial(ctx context.Context, l login, t mailbox.Timeouts) (*mailbox.Session, error) {
	var session *mailbox.Session
	err := l.refusal
	if err == nil {
		session, err = mailbox.Dial(ctx, IMAPAccount(l.box, l.secrets, l.roots), t)
	}
	l.judge(errors.Is(err, mailbox.ErrAuth))
	if err == nil {
		h.backoff.worked()
	} else if ctx.Err() == nil {
		h.backoff.failed(l.box.Version, err)
	}
	return session, err
}

// drop ends the session: what a folder does in between, nobody will have seen.
func (h *pigeonhole) drop() {
	if h.session != nil {
		h.session.Close()
		h.session = nil
	}
	clear(h.glances)
}

// vacate ends the connection to a mailbox that is no longer this process's: the account allows only so many.
func (p *postRoom) vacate(id uuid.UUID) {
	h := p.hole(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.leases.of(id) == nil {
		h.drop()
	}
}

// close ends the connections; polls under way fail and are taken up by the next process.
func (p *postRoom) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.boxes {
		if h.mu.TryLock() {
			h.drop()
			h.mu.Unlock()
		}
	}
}
