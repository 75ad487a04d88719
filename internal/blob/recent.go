package blob

import (
	"container/list"
	"sync"
)

// recentBytes bounds what is remembered of the bytes that this process has just stored.
const recentBytes = 16 << 20

// recent keeps what was stored a moment ago, since an email is read as soon as it is accepted. Whatever is
// asked for is handed out once; the oldest makes way.
type recent struct {
	mu    sync.Mutex
	bySum map[Sum]*list.Element
	order list.List // of remembered, the oldest first
	held  int
}

type remembered struct {
	sum   Sum
	bytes []byte
}

func (r *recent) keep(sum Sum, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bySum == nil {
		r.bySum = map[Sum]*list.Element{}
	}
	if r.bySum[sum] != nil {
		return
	}
	r.bySum[sum] = r.order.PushBack(remembered{sum, b})
	r.held += cap(b)
	for r.held > recentBytes {
		r.remove(r.order.Front())
	}
}

// take hands the bytes out and forgets them.
func (r *recent) take(sum Sum) (b []byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.bySum[sum]
	if e == nil {
		return nil, false
	}
	return r.remove(e), true
}

func (r *recent) remove(e *list.Element) []byte {
	kept := r.order.Remove(e).(remembered)
	delete(r.bySum, kept.sum)
	r.held -= cap(kept.bytes)
	return kept.bytes
}
