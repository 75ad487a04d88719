package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func newKey(t testing.TB) []byte {
	t.Helper()
	key := make([]byte, KeySize)
	rand.Read(key)
	return key
}

func newVault(t testing.TB, key []byte, older ...[]byte) *Vault {
	t.Helper()
	v, err := New(key, older...)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return v
}

func TestSealedOpensForItsPurposeAlone(t *testing.T) {
	t.Parallel()
	v := newVault(t, newKey(t))
	for _, size := range []int{0, 1, 15, 16, 17, 1000, 1 << 20} {
		plain := make([]byte, size)
		rand.Read(plain)
		sealed := v.Seal("letter bytes", plain)
		if len(sealed) != size+Overhead {
			t.Errorf("%d bytes became %d, want %d more", size, len(sealed), Overhead)
		}
		if size > 8 && bytes.Contains(sealed, plain) {
			t.Errorf("the plain text of %d bytes shows", size)
		}
		got, err := v.Open("letter bytes", sealed)
		if err != nil || got == nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes did not come back: %v", size, err)
		}
		for _, other := range []string{"mailbox password", "letter byte", "letter bytes ", ""} {
			if got, err := v.Open(other, sealed); !errors.Is(err, ErrSealed) || got != nil {
				t.Errorf("opened for %q: %v", other, err)
			}
		}
	}
}

func TestSameTextIsSealedDifferently(t *testing.T) {
	t.Parallel()
	v := newVault(t, newKey(t))
	seen := map[string]bool{}
	for range 1000 {
		sealed := string(v.Seal("p", []byte("same")))
		if seen[sealed] {
			t.Fatal("two sealed values are alike")
		}
		seen[sealed] = true
	}
}

func TestAnyChangedBitIsNoticed(t *testing.T) {
	t.Parallel()
	v := newVault(t, newKey(t))
	sealed := v.Seal("p", []byte("the plain text"))
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			if got, err := v.Open("p", changed); err != ErrSealed || got != nil {
				t.Fatalf("byte %d, bit %d: opened as %q, %v", i, bit, got, err)
			}
		}
	}
	for size := range sealed {
		if _, err := v.Open("p", sealed[:size]); err != ErrSealed {
			t.Fatalf("cut to %d bytes: %v", size, err)
		}
	}
	if _, err := v.Open("p", append(bytes.Clone(sealed), 0)); err != ErrSealed {
		t.Errorf("a byte more: %v", err)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	sealed := newVault(t, newKey(t)).Seal("p", []byte("secret"))
	_, err := newVault(t, newKey(t)).Open("p", sealed)
	if err != ErrSealed || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want ErrSealed", err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	oldest, old, current := newKey(t), newKey(t), newKey(t)
	first := newVault(t, oldest).Seal("p", []byte("first"))
	second := newVault(t, old, oldest).Seal("p", []byte("second"))
	v := newVault(t, current, old, oldest)
	third := v.Seal("p", []byte("third"))
	for want, sealed := range map[string][]byte{"first": first, "second": second, "third": third} {
		if got, err := v.Open("p", sealed); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", want, got, err)
		}
		if v.Stale(sealed) != (want != "third") {
			t.Errorf("%s: Stale is %v", want, v.Stale(sealed))
		}
	}
	if v.Stale(nil) {
		t.Error("nothing at all is stale")
	}
	onlyNew := newVault(t, current)
	if _, err := onlyNew.Open("p", first); err != ErrSealed {
		t.Errorf("after the old key is gone: %v", err)
	}
	if _, err := onlyNew.Open("p", third); err != nil {
		t.Errorf("the new key's own value: %v", err)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, size := range []int{0, 16, 31, 33, 64} {
		bad := bytes.Repeat([]byte("k"), size)
		for _, err := range []error{second(New(bad)), second(New(key, bad))} {
			if err == nil || strings.Contains(err.Error(), "kkk") {
				t.Errorf("a key of %d bytes: %v", size, err)
			}
		}
	}
	if _, err := New(key, key); err == nil {
		t.Error("the same key twice was taken")
	}
}

func second(_ *Vault, err error) error { return err }

func TestCallerMayForgetTheKey(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v := newVault(t, key)
	sealed := v.Seal("before", []byte("x"))
	clear(key)
	if _, err := v.Open("before", sealed); err != nil {
		t.Errorf("a cipher already made: %v", err)
	}
	other := newVault(t, make([]byte, KeySize))
	if _, err := other.Open("after", v.Seal("after", []byte("x"))); err == nil {
		t.Error("clearing the caller's key changed the vault's")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	v := newVault(t, newKey(t))
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for i := range 200 {
				purpose, plain := fmt.Sprint("purpose ", i%7), fmt.Sprint(n, i)
				got, err := v.Open(purpose, v.Seal(purpose, []byte(plain)))
				if err != nil || string(got) != plain {
					t.Errorf("%s: %q, %v", purpose, got, err)
				}
			}
		})
	}
	all.Wait()
}

// A value sealed by this version must open in every later one.
func TestFormatStays(t *testing.T) {
	t.Parallel()
	v := newVault(t, bytes.Repeat([]byte{7}, KeySize))
	sealed, err := hex.DecodeString("01a09897bec49749fbe75e9d874775340b48b36bfef1a3db94e207abdc2e50b6" +
		"4b4ac09c7ea8ca41f7250263c79486db")
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Open("golden", sealed)
	if err != nil || string(got) != "written in 2026" {
		t.Errorf("the format has changed: %q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	v := newVault(f, newKey(f))
	f.Add("p", v.Seal("p", []byte("plain")))
	f.Add("", []byte{})
	f.Add("p", bytes.Repeat([]byte{version}, Overhead))
	sealed := string(v.Seal("p", []byte("plain")))
	f.Fuzz(func(t *testing.T, purpose string, value []byte) {
		// Nobody without the key can make a value that opens.
		if got, err := v.Open(purpose, value); err == nil && string(got) != "plain" {
			t.Errorf("%q opened as %q", value, got)
		}
		if _, err := v.Open(purpose, []byte(sealed)); (err == nil) != (purpose == "p") {
			t.Errorf("purpose %q: %v", purpose, err)
		}
		v.Stale(value)
	})
}

func BenchmarkSealAndOpen(b *testing.B) {
	v := newVault(b, newKey(b))
	plain := make([]byte, 4096)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := v.Open("p", v.Seal("p", plain)); err != nil {
			b.Fatal(err)
		}
	}
}
