package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// mailBatchBytes is how much may wait for one fsync.
const mailBatchBytes = 64 << 20

var (
	errMailStopped = errors.New("embedded: the mail server is stopping")
	errNoFolder    = errors.New("embedded: no such folder")
)

// mailStore lets one goroutine write the journal: what it finds waiting shares
// an fsync, and clients see a change only after that, in the journal's order.
// So a UID that a client has seen is never given to another email.
type mailStore struct {
	journal *mailJournal

	mu    sync.RWMutex
	state *mailState

	ops     chan *mailOp
	stop    chan struct{}
	stopped chan struct{}
}

// mailOp is a change on its way into the journal.
type mailOp struct {
	// plan says what to write, in view of the state. No change and no error
	// means that there is nothing to do.
	plan func(*mailState) (mailChange, error)
	raw  [][]byte
	// alone is set where plan looks at the tree of folders: it must not run
	// between another such plan and its effect.
	alone bool
	done  chan mailOutcome
}

type mailOutcome struct {
	change mailChange
	err    error
}

func openMailStore(dir string, log *slog.Logger) (*mailStore, error) {
	s := &mailStore{
		state: newMailState(), ops: make(chan *mailOp),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	start := time.Now()
	j, err := openMailJournal(dir, log, s.replay)
	if err != nil {
		return nil, err
	}
	s.journal = j
	log.Info("mail journal replayed", "bytes", j.size, "mailboxes", len(s.state.owners), "took", time.Since(start))
	go s.run()
	return s, nil
}

func (s *mailStore) replay(r mailStored) error {
	change, err := decodeMailChange(r.kind, r.meta)
	if err != nil {
		return err
	}
	return change.apply(s.state, mailSpan{at: r.rawAt, size: r.rawSize})
}

// Close refuses further changes, waits for those under way and closes the journal.
func (s *mailStore) Close() error {
	close(s.stop)
	<-s.stopped
	return s.journal.Close()
}

// commit returns once the change is on the disk and visible.
func (s *mailStore) commit(op *mailOp) (mailChange, error) {
	op.done = make(chan mailOutcome, 1)
	select {
	case s.ops <- op:
		done := <-op.done
		return done.change, done.err
	case <-s.stop:
		return nil, errMailStopped
	}
}

func (s *mailStore) run() {
	defer close(s.stopped)
	for {
		select {
		case <-s.stop:
			return
		case op := <-s.ops:
			for op != nil {
				batch, next := s.gather(op)
				s.write(batch)
				op = next
			}
		}
	}
}

// gather takes what is waiting. An op that must be alone comes back as next.
func (s *mailStore) gather(first *mailOp) (batch []*mailOp, next *mailOp) {
	batch = []*mailOp{first}
	size := first.size()
	for !first.alone && size < mailBatchBytes {
		select {
		case op := <-s.ops:
			if op.alone {
				return batch, op
			}
			batch = append(batch, op)
			size += op.size()
		default:
			return batch, nil
		}
	}
	return batch, nil
}

func (op *mailOp) size() (n int) {
	for _, piece := range op.raw {
		n += len(piece)
	}
	return n
}

func (s *mailStore) write(batch []*mailOp) {
	outcomes, records, planned := s.plan(batch)
	if len(records) > 0 {
		rawAt, err := s.journal.append(records)
		s.mu.Lock()
		for n, i := range planned {
			if err == nil {
				outcomes[i].err = outcomes[i].change.apply(s.state, mailSpan{at: rawAt[n], size: int64(batch[i].size())})
			} else {
				outcomes[i].err = err
			}
		}
		s.mu.Unlock()
	}
	for i, op := range batch {
		op.done <- outcomes[i]
	}
}

// plan returns the records to write and, for each, which op it comes from.
func (s *mailStore) plan(batch []*mailOp) (outcomes []mailOutcome, records []mailRecord, planned []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes = make([]mailOutcome, len(batch))
	for i, op := range batch {
		change, err := op.plan(s.state)
		if err != nil || change == nil {
			outcomes[i] = mailOutcome{err: err}
			continue
		}
		meta, err := json.Marshal(change)
		if err != nil {
			outcomes[i] = mailOutcome{err: fmt.Errorf("embedded: mail journal: %w", err)}
			continue
		}
		outcomes[i] = mailOutcome{change: change}
		records = append(records, mailRecord{kind: change.kind(), meta: meta, raw: op.raw})
		planned = append(planned, i)
	}
	return outcomes, records, planned
}

// ensureInbox makes the INBOX of an address unless it is there.
func (s *mailStore) ensureInbox(owner string) error {
	s.mu.RLock()
	there := s.state.folder(owner, mailInbox) != nil
	s.mu.RUnlock()
	if there {
		return nil
	}
	_, err := s.commit(&mailOp{alone: true, plan: func(st *mailState) (mailChange, error) {
		if st.folder(owner, mailInbox) != nil {
			return nil, nil
		}
		return &folderMade{Folder: st.newID(time.Now()), Owner: owner, Name: mailInbox}, nil
	}})
	return err
}

// mailDelivery is an email that SMTP took: heads[i] is the trace header of the
// copy that goes into owners[i]'s INBOX.
type mailDelivery struct {
	owners        []string
	heads         [][]byte
	body          mailBody
	authenticated bool
}

// deliver returns once the email is on the disk, for all its recipients.
func (s *mailStore) deliver(d mailDelivery) error {
	for _, owner := range d.owners {
		if err := s.ensureInbox(owner); err != nil {
			return err
		}
	}
	op := &mailOp{raw: append(append([][]byte{}, d.heads...), d.body...)}
	op.plan = func(st *mailState) (mailChange, error) {
		stored := &messageStored{Time: time.Now().UTC(), Authenticated: d.authenticated}
		for i, owner := range d.owners {
			f := st.folder(owner, mailInbox)
			if f == nil {
				return nil, errNoFolder
			}
			uid, err := f.planUIDs(1)
			if err != nil {
				return nil, err
			}
			stored.Targets = append(stored.Targets, messageTarget{Folder: f.id, UID: uid, Head: int64(len(d.heads[i]))})
		}
		return stored, nil
	}
	_, err := s.commit(op)
	return err
}

// read gives the bytes of a message from offset on.
func (s *mailStore) read(m mailMessage, offset int64) io.Reader {
	return io.MultiReader(s.section(m.head, offset), s.section(m.body, max(0, offset-m.head.size)))
}

func (s *mailStore) section(span mailSpan, skip int64) io.Reader {
	skip = min(skip, span.size)
	return io.NewSectionReader(s.journal.file, span.at+skip, span.size-skip)
}

// planFolder finds a folder for a plan; a client may have deleted it meanwhile.
func (st *mailState) planFolder(id uint32) (*mailFolder, error) {
	if f := st.folders[id]; f != nil {
		return f, nil
	}
	return nil, errNoFolder
}
