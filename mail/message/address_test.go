package message

import (
	"bufio"
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAddressCorpus(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(corpusDir(t), "address-flanker")
	for file, want := range map[string]bool{"mailbox_valid.txt": true, "mailbox_invalid.txt": false} {
		n := 0
		lines := bufio.NewScanner(bytes.NewReader(read(t, filepath.Join(dir, file))))
		for lines.Scan() {
			if lines.Text() == "" {
				continue
			}
			n++
			// Dots that the syntax forbids are taken on purpose.
			local, domain, _ := strings.Cut(lines.Text(), "@")
			want := want || isLocal(local) && !isDotAtom(local) && isDotAtom(domain)
			if _, err := ParseAddress(lines.Text()); (err == nil) != want {
				t.Errorf("%s: %q: %v", file, lines.Text(), err)
			}
		}
		if n < 40 {
			t.Errorf("%s: only %d lines", file, n)
		}
	}
}

func TestNormalizeAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" Ann@Case.Example ":                       "ann@case.example",
		"ann+tag@case.example":                     "ann+tag@case.example",
		`"ann"@case.example`:                       "ann@case.example",
		`"a b"@case.example`:                       `"a b"@case.example`,
		"ann@BÜCHER.example":                       "ann@xn--bcher-kva.example",
		"ann@xn--bcher-kva.example":                "ann@xn--bcher-kva.example",
		"u\u0308@case.example":                     "ü@case.example",
		"A..b@docomo.example":                      "a..b@docomo.example",
		`"a..b"@docomo.example`:                    "a..b@docomo.example",
		"taro.@docomo.example":                     "taro.@docomo.example",
		".x@docomo.example":                        ".x@docomo.example",
		"..@docomo.example":                        "",
		"ann@[192.0.2.1]":                          "ann@[192.0.2.1]",
		"ann@[IPv6:2001:db8::1]":                   "ann@[ipv6:2001:db8::1]",
		"":                                         "",
		"ann":                                      "",
		"ann@":                                     "",
		"@case.example":                            "",
		"ann@case.example>":                        "",
		"Ann <ann@case.example>":                   "",
		"a nn@case.example":                        "",
		"ann@case.example\nBcc: x":                 "",
		"ann\u200b@case.example":                   "",
		"ann@case..example":                        "",
		"ann@xn--a.example":                        "",
		"ann@case.example, bob@x.example":          "",
		strings.Repeat("a", 300) + "@case.example": "",
	} {
		got, ok := NormalizeAddress(in)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q gives %q, %v; want %q", in, got, ok, want)
		}
		if again, ok2 := NormalizeAddress(got); ok && (!ok2 || again != got) {
			t.Errorf("%q is not stable: %q", got, again)
		}
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Address{
		"ann@case.example":                       {"", "ann@case.example"},
		"Ann Lee <Ann@case.example>":             {"Ann Lee", "Ann@case.example"},
		`"Lee, Ann" <ann@case.example>`:          {"Lee, Ann", "ann@case.example"},
		"ann@case.example (Ann Lee)":             {"Ann Lee", "ann@case.example"},
		"=?utf-8?q?J=C3=B6rg?= <j@case.example>": {"Jörg", "j@case.example"},
		"<ann@case.example>":                     {"", "ann@case.example"},
	} {
		got, err := ParseAddress(in)
		if err != nil || got != want {
			t.Errorf("%q gives %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "Ann", "a@x.example, b@x.example", "Ann <a@x.example> b", "<a@x.example", "g: a@x.example;b@x.example"} {
		got, err := ParseAddress(in)
		if !errors.Is(err, ErrAddress) {
			t.Errorf("%q gives %v, %v; want ErrAddress", in, got, err)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	ann, bob := Address{"Ann", "ann@x.example"}, Address{"", "bob@x.example"}
	for in, want := range map[string][]Address{
		"":                                   nil,
		"Ann <ann@x.example>, bob@x.example": {ann, bob},
		"Ann <ann@x.example>; bob@x.example": {ann, bob},
		"undisclosed-recipients:;":           nil,
		"Team: Ann <ann@x.example>, bob@x.example;": {ann, bob},
		`"Ann <ann@x.example>, bob@x.example`:       {ann, bob}, // the quote is never closed
		"Ann <ann@x.example":                        {ann},
		"<@relay.example:ann@x.example> (Ann)":      {ann},
		"=?utf-8?q?Ann_=3Cann=40x=2Eexample=3E?=":   {ann}, // all of it encoded
		"Ann":                          {{"Ann", ""}},
		"'Ann' <mailto:ann@x.example>": {ann},
		", ,bob@x.example,":            {bob},
		"J\xf6rg <j@x.example>":        {{"Jörg", "j@x.example"}},
	} {
		if got := parseAddresses(in); !slices.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", in, got, want)
		}
	}
}

func TestSplitTag(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"support+t-abc@x": {"support@x", "t-abc"},
		"support+T-ABC@x": {"support@x", "t-abc"},
		"support@x":       {"support@x", ""},
		"a+b+t-abc@x":     {"a+b@x", "t-abc"},
		"+t-abc@x":        {"+t-abc@x", ""},
		"support+@x":      {"support@x", ""},
		"support+t":       {"support+t", ""},
		"support@x+y":     {"support@x+y", ""},
		"":                {"", ""},
	} {
		mailbox, tag := SplitTag(in)
		if mailbox != want[0] || tag != want[1] {
			t.Errorf("%q gives %q, %q; want %v", in, mailbox, tag, want)
		}
	}
}

func FuzzNormalizeAddress(f *testing.F) {
	for _, seed := range []string{"ann@case.example", `"a b"@case.example`, "ann@bücher.example", "ann@[::1]", "\"\\\"@x", "a@xn--a", "İ@x.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := NormalizeAddress(s)
		if !ok {
			return
		}
		if again, ok := NormalizeAddress(got); !ok || again != got {
			t.Errorf("%q gives %q, which gives %q, %v", s, got, again, ok)
		}
		if CleanText(got) != got {
			t.Errorf("%q gives %q, which is not clean", s, got)
		}
		if strings.ContainsAny(got[strings.LastIndexByte(got, '@'):], " \t<>,;") {
			t.Errorf("%q gives the domain of %q", s, got)
		}
	})
}
