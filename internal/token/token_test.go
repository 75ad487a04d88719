package token

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestTokensHaveTheirShapeAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	used := map[rune]bool{}
	for range 2000 {
		a, u := ForAddress(), ForURL()
		if !IsForAddress(a) || a != strings.ToLower(a) || strings.ContainsAny(a, "@+=.- ") {
			t.Fatalf("%q is no token for an address", a)
		}
		raw, err := base64.RawURLEncoding.DecodeString(u)
		if err != nil || len(raw) != 32 {
			t.Fatalf("%q is no token for a URL: %v", u, err)
		}
		if seen[a] || seen[u] {
			t.Fatal("a token came twice")
		}
		seen[a], seen[u] = true, true
		for _, r := range a {
			used[r] = true
		}
	}
	if len(used) != 32 {
		t.Errorf("only %d of 32 letters are drawn", len(used))
	}
}

func TestShapeOfAddressTokens(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("a2z7", 8)
	for s, want := range map[string]bool{
		good: true, good[:31]: false, good + "a": false, "": false, strings.ToUpper(good): false,
		good[:31] + "1": false, good[:31] + "8": false, good[:31] + "\n": false, good[:30] + "é": false, "-" + good[1:]: false,
		good[:15] + "+" + good[16:]: false,
	} {
		if got := IsForAddress(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// Tried: one token for two purposes, and two pairs that are the same text when put together.
func TestHashesOfPurposesDiffer(t *testing.T) {
	t.Parallel()
	h := Hash("reply", "abc")
	if len(h) != 32 || !bytes.Equal(h, Hash("reply", "abc")) || bytes.Contains(h, []byte("abc")) {
		t.Errorf("hash %x", h)
	}
	for _, other := range [][]byte{Hash("bounce", "abc"), Hash("reply", "abd"), Hash("replya", "bc"), Hash("repl", "yabc"), Hash("", "replyabc"), Hash("reply", "")} {
		if bytes.Equal(h, other) {
			t.Error("a token of one purpose would be taken for another")
		}
	}
}

func FuzzIsForAddress(f *testing.F) {
	f.Add(ForAddress())
	f.Add("")
	f.Add(strings.Repeat("é", 16))
	f.Fuzz(func(t *testing.T, s string) {
		if IsForAddress(s) {
			if raw, err := address.DecodeString(s); err != nil || len(raw) != 20 {
				t.Errorf("%q is no base32 of 160 bits: %v", s, err)
			}
		}
	})
}
