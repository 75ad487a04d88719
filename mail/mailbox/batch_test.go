package mailbox_test

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern-desk/postern/mail/mailbox"
)

func sized(sizes ...int64) []mailbox.Meta {
	var metas []mailbox.Meta
	for i, size := range sizes {
		metas = append(metas, mailbox.Meta{UID: uint32(i + 1), Size: size})
	}
	return metas
}

func TestBatches(t *testing.T) {
	t.Parallel()
	m := sized(10, 10, 10, 50, 101, 5, math.MaxInt64, 100)
	batches, oversize := mailbox.Batches(m, 2, 25, 100)
	want := [][]mailbox.Meta{{m[0], m[1]}, {m[2]}, {m[3]}, {m[5]}, {m[7]}}
	if !reflect.DeepEqual(batches, want) {
		t.Errorf("batches %v; want %v: two at most, 25 bytes unless alone", batches, want)
	}
	if wantOver := []mailbox.Meta{m[4], m[6]}; !reflect.DeepEqual(oversize, wantOver) {
		t.Errorf("oversize %v; want %v", oversize, wantOver)
	}
	if batches, oversize := mailbox.Batches(nil, 2, 25, 100); batches != nil || oversize != nil {
		t.Errorf("nothing splits into %v and %v", batches, oversize)
	}
}

func TestBatchesLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		metas := sized(rapid.SliceOf(rapid.Int64Range(0, math.MaxInt64)).Draw(t, "huge sizes")...)
		metas = append(metas, sized(rapid.SliceOf(rapid.Int64Range(0, 100)).Draw(t, "sizes")...)...)
		maxMessages := rapid.IntRange(1, 10).Draw(t, "messages")
		maxBytes := rapid.Int64Range(1, 200).Draw(t, "bytes")
		maxSize := rapid.Int64Range(1, 200).Draw(t, "size")
		batches, oversize := mailbox.Batches(metas, maxMessages, maxBytes, maxSize)

		var inBatches []mailbox.Meta
		for _, batch := range batches {
			var sum int64
			for _, m := range batch {
				sum += m.Size
			}
			if len(batch) == 0 || len(batch) > maxMessages || len(batch) > 1 && sum > maxBytes {
				t.Fatalf("batch of %d emails, %d bytes", len(batch), sum)
			}
			inBatches = append(inBatches, batch...)
		}
		var wantIn, wantOver []mailbox.Meta
		for _, m := range metas {
			if m.Size > maxSize {
				wantOver = append(wantOver, m)
			} else {
				wantIn = append(wantIn, m)
			}
		}
		if !reflect.DeepEqual(inBatches, wantIn) || !reflect.DeepEqual(oversize, wantOver) {
			t.Fatalf("%d emails became %d in batches and %d oversize", len(metas), len(inBatches), len(oversize))
		}
	})
}
