package blob

import (
	"bytes"
	"testing"
)

func TestPackedBytesComeBack(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{nil, {0}, []byte("an email"), bytes.Repeat([]byte("line\r\n"), 10_000), noise(1, mib)} {
		packed := Pack(b)
		if got, err := Unpack(packed, len(b)); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: %d came back, %v", len(b), len(got), err)
		}
		if len(b) > 0 {
			if _, err := Unpack(packed, len(b)-1); err == nil {
				t.Errorf("%d bytes came out where one less was the most", len(b))
			}
		}
	}
}

// Tried: nothing, half of it, a changed byte, a length of 4 GiB before few bytes.
func TestDamagedBytesAreToldSo(t *testing.T) {
	t.Parallel()
	packed := Pack(bytes.Repeat([]byte("line\r\n"), 1000))
	changed := bytes.Clone(packed)
	changed[len(changed)-1] ^= 0xff
	changed[2] ^= 0xff
	for what, b := range map[string][]byte{"nothing": {}, "half": packed[:len(packed)/2], "changed": changed,
		"huge": {0xff, 0xff, 0xff, 0xff, 0x0f, 0}} {
		if _, err := Unpack(b, mib); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack([]byte("an email")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := Unpack(b, 1000); err == nil && len(got) > 1000 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
