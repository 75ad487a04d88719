package letter

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
)

func TestWireAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ann@client.example":              "ann@client.example",
		"Ann.O'Hara+x=y@Client.Example":   "Ann.O'Hara+x=y@Client.Example",
		"zoë@müller.example":              "zoë@xn--mller-kva.example",
		"a b@x.example":                   `"a b"@x.example`,
		`"a b"@x.example`:                 `"a b"@x.example`,
		`"a\"b"@x.example`:                `"a\"b"@x.example`,
		`"plain"@x.example`:               `"plain"@x.example`,
		"a..b@docomo.example":             `"a..b"@docomo.example`,
		"a.@docomo.example":               `"a."@docomo.example`,
		"a@b@x.example":                   `"a@b"@x.example`,
		"a>,<b@x.example":                 `"a>,<b"@x.example`,
		"root@localhost":                  "root@localhost",
		"under@_score.example":            "under@_score.example",
		"v4@[192.0.2.1]":                  "v4@[192.0.2.1]",
		"v6@[IPv6:2001:db8::1]":           "v6@[IPv6:2001:db8::1]",
		strings.Repeat("l", 100) + "@x.y": strings.Repeat("l", 100) + "@x.y",
	} {
		got, err := WireAddress(in)
		if err != nil || got != want {
			t.Errorf("WireAddress(%q) = %q, %v, want %q", in, got, err, want)
		}
		if again, err := WireAddress(got); err != nil || again != got {
			t.Errorf("its own result %q becomes %q, %v", got, again, err)
		}
	}
	for _, in := range []string{
		"", "@", "ann", "@x.example", "ann@", "a@b c", "a@b>", "a@x..y", "a@.x", "a@x.", `""@x.example`,
		`"a"b"@x.example`, `"a\"@x.example`, "a\r\n@x.example", "a@x\r\n.example", "a\x00@x.example", "a\x7f@x",
		"a\xff@x.example", "v4@[192.0.2]", "v4@[192.0.2.1", "v6@[2001:db8::1]", "v6@[IPv6:fe80::1%eth0]",
		"v4@[IPv6:192.0.2.1]", "a@" + strings.Repeat("l", 64) + ".example", "a@" + strings.Repeat("x.", 200) + "y", "a@\u202e.example",
	} {
		if got, err := WireAddress(in); !errors.Is(err, ErrAddress) {
			t.Errorf("WireAddress(%q) = %q, %v", in, got, err)
		}
	}
}

// FuzzWireAddress: what comes out is one address for every reader, fits a
// command line, and stays what it is.
func FuzzWireAddress(f *testing.F) {
	for _, s := range []string{"ann@client.example", `"a b"@x`, "a@[127.0.0.1]", "zoë@müller.example", "a>b@c", `"\`, "a@b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, err := WireAddress(in)
		if err != nil {
			return
		}
		if again, err := WireAddress(out); err != nil || again != out {
			t.Errorf("%q is not stable: %q, %v", out, again, err)
		}
		if hasControl(out) {
			t.Errorf("control character in %q", out)
		}
		if strings.Contains(out, "@[") {
			return // net/mail does not read every literal
		}
		list, err := mail.ParseAddressList("<" + out + ">")
		if err != nil || len(list) != 1 {
			t.Errorf("%q reads as %v, %v", out, list, err)
		}
	})
}
