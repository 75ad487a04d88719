package blob

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"
)

func TestRecentHandsOutOnceAndMakesWay(t *testing.T) {
	t.Parallel()
	var r recent
	a, b, c := Sum{1}, Sum{2}, Sum{3}
	r.keep(a, make([]byte, recentBytes/2))
	r.keep(a, make([]byte, recentBytes/2)) // the same bytes again
	r.keep(b, make([]byte, recentBytes/2))
	if got, ok := r.take(a); !ok || len(got) != recentBytes/2 {
		t.Fatalf("a: %v, %d bytes", ok, len(got))
	}
	if _, ok := r.take(a); ok {
		t.Error("a was handed out twice")
	}
	r.keep(a, make([]byte, recentBytes/2))
	r.keep(c, make([]byte, 1)) // one too many: b is the oldest
	if _, ok := r.take(b); ok {
		t.Error("the oldest did not make way")
	}
	if _, ok := r.take(c); !ok {
		t.Error("the newest is gone")
	}
	r.keep(b, make([]byte, recentBytes+1))
	if len(r.bySum) != 0 || r.held != 0 || r.order.Len() != 0 {
		t.Errorf("more than may be held: %d sums, %d bytes, %d in order", len(r.bySum), r.held, r.order.Len())
	}
}

// Tried: the rows are removed behind the store's back, so that only remembered bytes can answer.
func TestRememberedBytesNeedNoQuery(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	text := []byte("remembered")
	spool, err := NewSpool(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), spool); err != nil {
		t.Fatal(err)
	}
	s.Remember([]*Spool{spool})
	spool.Close()
	s.test.Fixture(t, `delete from blob_chunks`)
	sum := Sum(sha256.Sum256(text))
	found, err := s.Open(t.Context(), sum, sum)
	if err != nil || found[sum] == nil {
		t.Fatalf("remembered bytes: %v, %v", found, err)
	}
	if got, err := io.ReadAll(found[sum].Reader(t.Context())); err != nil || !bytes.Equal(got, text) || found[sum].Size != int64(len(text)) {
		t.Errorf("%q, %d bytes, %v", got, found[sum].Size, err)
	}
	if found, err = s.Open(t.Context(), sum); err != nil || found[sum] != nil {
		t.Errorf("handed out a second time: %v, %v", found[sum], err)
	}
}
