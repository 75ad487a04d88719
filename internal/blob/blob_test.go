package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/testdb"
)

const mib = 1 << 20

type scene struct {
	*Store
	t    testing.TB
	test *testdb.DB
}

func newScene(t testing.TB) scene {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 8})
	must(t, err)
	t.Cleanup(d.Close)
	return scene{New(d), t, test}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// noise is size bytes that do not compress, the same for the same seed.
func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

func spool(t testing.TB, content []byte) *Spool {
	t.Helper()
	s, err := NewSpool(bytes.NewReader(content))
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s scene) put(contents ...[]byte) []Sum {
	s.t.Helper()
	var spools []*Spool
	var sums []Sum
	for _, c := range contents {
		spools = append(spools, spool(s.t, c))
		sums = append(sums, sha256.Sum256(c))
	}
	must(s.t, s.Put(soon(s.t), spools...))
	return sums
}

func (s scene) read(sum Sum) []byte {
	s.t.Helper()
	b, err := s.OpenOne(soon(s.t), sum)
	must(s.t, err)
	got, err := io.ReadAll(b.Reader(soon(s.t)))
	must(s.t, err)
	if int64(len(got)) != b.Size {
		s.t.Errorf("Size says %d, %d bytes came", b.Size, len(got))
	}
	return got
}

func (s scene) number(sql string) (n int) {
	s.t.Helper()
	must(s.t, s.db.View(soon(s.t), event.System("test"), func(v *db.View) error { return v.QueryRow(sql).Scan(&n) }))
	return n
}

// Tried: each size at which something changes, as noise and as bytes that compress to nearly nothing.
func TestEverySizeComesBack(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, size := range []int{0, 1, mib - 1, mib, mib + 1, 2 * mib, 5 * mib} {
		for kind, content := range map[string][]byte{"noise": noise(uint64(size), size), "zeros": make([]byte, size)} {
			sp := spool(t, content)
			if sp.Size() != int64(size) || sp.Sum() != sha256.Sum256(content) || sp.Large() != (size > mib) {
				t.Errorf("%d bytes of %s: spool of %d, large %v", size, kind, sp.Size(), sp.Large())
			}
			for range 2 { // from the beginning each time
				if again, err := io.ReadAll(sp.Reader()); err != nil || !bytes.Equal(again, content) {
					t.Errorf("%d bytes of %s: the spool gives %d: %v", size, kind, len(again), err)
				}
			}
			must(t, s.Put(soon(t), sp))
			if got := s.read(sha256.Sum256(content)); !bytes.Equal(got, content) {
				t.Errorf("%d bytes of %s came back as %d others", size, kind, len(got))
			}
		}
	}
	if most := s.number(`select max(octet_length(data)) from blob_chunks`); most > mib+mib/100 {
		t.Errorf("a chunk has %d bytes", most)
	}
	if stored := s.number(`select sum(octet_length(data)) from blob_chunks where sha256 = sha256(decode(repeat('00', 5 << 20), 'hex'))`); stored == 0 || stored > 10_000 {
		t.Errorf("5 MiB of zeros take %d bytes", stored)
	}
}

func TestSameBytesAreStoredOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	small, large := noise(1, 1000), noise(2, mib+5)
	s.put(small, large, small, large)
	s.put(large)
	must(t, s.db.Bookkeep(soon(t), "test", func(tx *db.Tx) error {
		Queue(tx, []Packed{spool(t, small).Pack(), spool(t, small).Pack()})
		Queue(tx, nil)
		return nil
	}))
	if n := s.number(`select count(*) from blob_chunks`); n != 3 {
		t.Errorf("%d chunks, want 1 and 2", n)
	}
	if !bytes.Equal(s.read(sha256.Sum256(small)), small) || !bytes.Equal(s.read(sha256.Sum256(large)), large) {
		t.Error("other bytes came back")
	}
	must(t, s.Put(soon(t)))
}

// Tried: 16 writers with overlapping sets in different orders, some of large blobs, some in transactions
// of their own making.
func TestConcurrentPutsOfTheSameBytes(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	contents := make([][]byte, 12)
	for i := range contents {
		contents[i] = noise(uint64(i), 100+(i%4/3)*mib)
	}
	var wait sync.WaitGroup
	for w := range 16 {
		wait.Go(func() {
			order := rand.New(rand.NewPCG(uint64(w), 0)).Perm(len(contents))
			var spools []*Spool
			var small []Packed
			for _, i := range order[:8] {
				spools = append(spools, spool(t, contents[i]))
				if !spools[len(spools)-1].Large() {
					small = append(small, spools[len(spools)-1].Pack())
				}
			}
			if err := s.Put(soon(t), spools...); err != nil {
				t.Error(err)
			}
			if err := s.db.Bookkeep(soon(t), "test", func(tx *db.Tx) error { Queue(tx, small); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for i, c := range contents {
		if !bytes.Equal(s.read(sha256.Sum256(c)), c) {
			t.Errorf("blob %d is another one", i)
		}
	}
}

func TestMissingBytesAreNamed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sums := s.put([]byte("there"), noise(1, 3*mib))
	missing := Sum{1}
	if _, err := s.OpenOne(soon(t), missing); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
	found, err := s.Open(soon(t), sums[0], missing, sums[1])
	if err != nil || len(found) != 2 || found[missing] != nil || found[sums[0]] == nil {
		t.Errorf("found %v: %v", found, err)
	}
	s.test.Fixture(t, `delete from blob_chunks where n = 1`)
	if got, err := io.ReadAll(found[sums[1]].Reader(soon(t))); err == nil || len(got) != mib {
		t.Errorf("a blob with a hole gave %d bytes: %v", len(got), err)
	}
	s.test.Fixture(t, `update blob_chunks set data = 'no zstd' where n = 0`)
	if _, err := s.Open(soon(t), sums[0]); err == nil {
		t.Error("damaged bytes were handed out")
	}
}

// Tried: orphans of every age, blobs that an email or an attachment refers to, an old one put again.
func TestCollectTakesOldOrphansAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ages := map[string]struct {
		hours int
		kept  bool
	}{"email": {100, true}, "attachment": {100, true}, "young": {23, true}, "put again": {100, true}, "orphan": {25, false}, "large orphan": {25, false}}
	sums := map[string]Sum{}
	for name, age := range ages {
		content := []byte(name)
		if name == "large orphan" {
			content = noise(9, 2*mib+1)
		}
		sum := s.put(content)[0]
		sums[name] = sum
		s.test.Fixture(t, `update blob_chunks set created_at = now() - make_interval(hours => $2) where sha256 = $1`, sum[:], age.hours)
	}
	email, attachment := sums["email"], sums["attachment"]
	s.test.Fixture(t, `insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, sha256) values (gen_random_uuid(), 1, 1, 0, 1, 5, now(), $1)`, email[:])
	s.test.Fixture(t, `insert into attachments (id, message_id, ticket_id, visibility, name, type, size, sha256)
		values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'internal', 'a', 'b', 10, $1)`, attachment[:])
	s.put([]byte("put again"))
	for _, want := range []int64{4, 0} { // one blob in a statement, 1 row and 3; the second walk finds none
		if rows, err := s.Collect(soon(t), 1); err != nil || rows != want {
			t.Errorf("%d rows went, want %d: %v", rows, want, err)
		}
	}
	for name, age := range ages {
		if _, err := s.OpenOne(soon(t), sums[name]); errors.Is(err, ErrMissing) == age.kept {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Tried: an orphan that is put again while the collection wants to take it, and the other way round.
func TestPutAndCollectTogether(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	contents := make([][]byte, 50)
	for i := range contents {
		contents[i] = fmt.Appendf(nil, "content %d", i)
	}
	sums := s.put(contents...)
	s.test.Fixture(t, `update blob_chunks set created_at = now() - interval '2 days'`)
	var wait sync.WaitGroup
	wait.Go(func() {
		for range 20 {
			if _, err := s.Collect(soon(t), 5); err != nil {
				t.Error(err)
			}
		}
	})
	for _, c := range contents {
		must(t, s.Put(soon(t), spool(t, c)))
	}
	wait.Wait()
	found, err := s.Open(soon(t), sums...)
	if err != nil || len(found) != len(sums) {
		t.Errorf("%d of %d blobs are there after their Put: %v", len(found), len(sums), err)
	}
}

// Tried: 128 MiB through a spool, into the store and out again.
func TestLargeBlobNeverLiesInMemory(t *testing.T) {
	const size = 128 * mib
	s := newScene(t)
	s.read(s.put(noise(1, 2*mib))[0])               // makes the codecs, whose tables are held for good
	defer debug.SetGCPercent(debug.SetGCPercent(5)) // so that what is no longer used hardly counts
	peak := watchHeap(t)
	sp, err := NewSpool(io.LimitReader(rand.NewChaCha8([32]byte{7}), size))
	must(t, err)
	defer sp.Close()
	must(t, s.Put(soon(t), sp))
	b, err := s.OpenOne(soon(t), sp.Sum())
	must(t, err)
	hash := sha256.New()
	n, err := io.Copy(hash, b.Reader(soon(t)))
	if err != nil || n != size || Sum(hash.Sum(nil)) != sp.Sum() {
		t.Errorf("%d bytes came back: %v", n, err)
	}
	if grown := peak(); grown > 48*mib {
		t.Errorf("the heap grew by %d MiB", grown/mib)
	} else {
		t.Logf("the heap grew by %d MiB", grown/mib)
	}
}

// watchHeap returns a function that tells by how much the heap had grown at its peak.
func watchHeap(t testing.TB) func() uint64 {
	t.Helper()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		for {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
			select {
			case <-stop:
				most <- peak - min(peak, before.HeapAlloc)
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(stop); return <-most }
}

// Tried: a source that breaks in memory and behind the spill; the folder for temporary files stays empty.
func TestSpoolOfABrokenSource(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	broken := errors.New("broken")
	for _, size := range []int{0, 10, mib, mib + 1, 3 * mib} {
		_, err := NewSpool(io.MultiReader(bytes.NewReader(noise(1, size)), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", size, err)
		}
	}
	sp, err := NewSpool(iotest.OneByteReader(bytes.NewReader(noise(1, mib+1))))
	must(t, err)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 || !sp.Large() {
		t.Errorf("a file has a name while it is spooled: %v %v", left, err)
	}
	must(t, sp.Close())
	t.Setenv("TMPDIR", dir+"/none")
	if _, err := NewSpool(bytes.NewReader(noise(1, 2*mib))); err == nil {
		t.Error("no room for a spool, and no error")
	}
}
