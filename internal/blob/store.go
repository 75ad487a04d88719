package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// ErrMissing says that no blob has this sum.
var ErrMissing = errors.New("no stored bytes under this sum")

// Store keeps blobs in PostgreSQL. It is safe for concurrent use.
type Store struct {
	db     *db.DB
	recent recent
}

// New makes a store.
func New(d *db.DB) *Store { return &Store{db: d} }

// A row that is there is only touched when it is old, so that the collection of orphans spares it.
const sqlPutChunk = `
insert into blob_chunks (sha256, n, size, data) values ($1, $2, $3, $4)` + sparedIfThere

const sqlPutSmall = `
insert into blob_chunks (sha256, n, size, data) select sum, 0, size, data from unnest($1::bytea[], $2::bigint[], $3::bytea[]) as b(sum, size, data)` + sparedIfThere

const sparedIfThere = `
on conflict (sha256, n) do update set created_at = now() where blob_chunks.created_at < now() - interval '12 hours'`

// Put makes the bytes durable before it returns. Bytes that are there already are not written again.
func (s *Store) Put(ctx context.Context, spools ...*Spool) error {
	// One order for all writers: two that share blobs cannot deadlock.
	spools = slices.Clone(spools)
	slices.SortFunc(spools, func(a, b *Spool) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	var small []Packed
	for _, spool := range spools {
		if !spool.Large() {
			small = append(small, spool.Pack())
			continue
		}
		if err := s.putLarge(ctx, spool); err != nil {
			return err
		}
	}
	if len(small) == 0 {
		return nil
	}
	return s.db.Bookkeep(ctx, "blobs", func(tx *db.Tx) error {
		Queue(tx, small)
		return nil
	})
}

// Packed is a blob of one chunk as it will be stored.
type Packed struct {
	sum  Sum
	size int64
	data []byte
}

// Pack compresses a spool that is not Large, which takes its time: before a transaction, not in it.
func (s *Spool) Pack() Packed {
	return Packed{sum: s.sum, size: s.size, data: Pack(s.memory)}
}

// Len is how much memory it holds.
func (p Packed) Len() int { return cap(p.data) }

// Queue writes blobs in the caller's transaction.
func Queue(tx *db.Tx, blobs []Packed) {
	if len(blobs) == 0 {
		return
	}
	sorted := slices.Clone(blobs)
	slices.SortFunc(sorted, func(a, b Packed) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	// The same bytes twice would be one row that the statement meets twice.
	sorted = slices.CompactFunc(sorted, func(a, b Packed) bool { return a.sum == b.sum })
	sums, sizes, packed := make([][]byte, len(sorted)), make([]int64, len(sorted)), make([][]byte, len(sorted))
	for i, b := range sorted {
		sums[i], sizes[i], packed[i] = b.sum[:], b.size, b.data
	}
	tx.Queue(sqlPutSmall, sums, sizes, packed)
}

// putLarge writes chunk by chunk, holding one of them in memory.
func (s *Store) putLarge(ctx context.Context, spool *Spool) error {
	return s.db.Bookkeep(ctx, "blobs", func(tx *db.Tx) error {
		r, raw := spool.Reader(), make([]byte, inMemory)
		for n := 0; ; n++ {
			got, err := io.ReadFull(r, raw)
			if got > 0 {
				if _, err := tx.Exec(sqlPutChunk, spool.sum[:], n, spool.size, Pack(raw[:got])); err != nil {
					return fmt.Errorf("store a chunk: %w", err)
				}
			}
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read the spool: %w", err)
			}
		}
	})
}

const sqlFirstChunks = `select sha256, size, data from blob_chunks where sha256 = any($1) and n = 0`

const sqlChunk = `select data from blob_chunks where sha256 = $1 and n = $2`

// Blob is stored bytes; its first chunk is in memory.
type Blob struct {
	Size  int64
	sum   Sum
	first []byte
	store *Store
}

// Remember keeps the bytes of spools that are committed at hand for a short while. They may be closed then.
func (s *Store) Remember(spools []*Spool) {
	for _, spool := range spools {
		s.recent.keep(spool.sum, spool.memory)
	}
}

// Open finds several blobs in one query. A sum without bytes is missing from the result.
func (s *Store) Open(ctx context.Context, sums ...Sum) (map[Sum]*Blob, error) {
	found := make(map[Sum]*Blob, len(sums))
	var keys [][]byte
	for _, sum := range sums {
		if b, ok := s.recent.take(sum); ok {
			found[sum] = &Blob{Size: int64(len(b)), sum: sum, first: b, store: s}
		} else if found[sum] == nil {
			keys = append(keys, sum[:])
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	err := s.db.View(ctx, event.System("blobs"), func(v *db.View) error {
		rows, err := v.Query(sqlFirstChunks, keys)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key, packed []byte
			b := &Blob{store: s}
			if err := rows.Scan(&key, &b.Size, &packed); err != nil {
				return err
			}
			if b.first, err = Unpack(packed, inMemory); err != nil {
				return fmt.Errorf("unpack a chunk: %w", err)
			}
			copy(b.sum[:], key)
			found[b.sum] = b
		}
		return rows.Err()
	})
	return found, err
}

// OpenOne is Open for one blob, ErrMissing where there is none.
func (s *Store) OpenOne(ctx context.Context, sum Sum) (*Blob, error) {
	found, err := s.Open(ctx, sum)
	if err != nil {
		return nil, err
	}
	if found[sum] == nil {
		return nil, ErrMissing
	}
	return found[sum], nil
}

// Reader reads from the beginning; it holds one chunk in memory and no transaction between chunks.
func (b *Blob) Reader(ctx context.Context) io.Reader {
	return &chunkReader{ctx: ctx, blob: b, rest: b.first, left: b.Size - int64(len(b.first))}
}

type chunkReader struct {
	ctx  context.Context
	blob *Blob
	rest []byte
	n    int
	left int64
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left <= 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *chunkReader) next() error {
	r.n++
	var packed []byte
	err := r.blob.store.db.View(r.ctx, event.System("blobs"), func(v *db.View) error {
		return v.QueryRow(sqlChunk, r.blob.sum[:], r.n).Scan(&packed)
	})
	if err != nil {
		return fmt.Errorf("read chunk %d: %w", r.n, err)
	}
	if r.rest, err = Unpack(packed, inMemory); err != nil {
		return fmt.Errorf("unpack chunk %d: %w", r.n, err)
	}
	r.left -= int64(len(r.rest))
	return nil
}
