package message

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestPeekMessageID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "Message-ID: <a@b>\r\n\r\n": "a@b", "message-id:<a@b>\n": "a@b", "From: x\r\nMessage-Id:\r\n <a@b>\r\n\r\n": "a@b",
		"\r\n\r\nMessage-ID: <a@b>\r\n": "a@b", "From: x\r\n\r\nMessage-ID: <a@b>\r\n": "", "Message-ID: <>\r\n\r\n": "", "Message-ID: <a@b>\rTo: x\r\r": "a@b",
		"X: Message-ID: <a@b>\r\n\r\n": "", "Message-ID: <a@b": "a@b", "From a\nMessage-ID: <a@b>\n": "a@b", "Message-ID : <a@b>\n": "a@b",
	} {
		if got := PeekMessageID([]byte(in)); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestPeekAgreesWithParse(t *testing.T) {
	t.Parallel()
	for _, c := range corpusCases(t) {
		e, err := Parse(bytes.NewReader(c.raw), DefaultLimits(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := PeekMessageID(c.raw[:min(len(c.raw), 64<<10)]); got != e.MessageID {
			t.Errorf("%s: peek gives %q, parse %q", c.name, got, e.MessageID)
		}
	}
}

func FuzzPeekMessageID(f *testing.F) {
	f.Add([]byte("Message-ID: <a@x>\r\n\r\n"))
	f.Add([]byte("From: a\rMessage-ID:\r <a@x>\r\r"))
	f.Add([]byte("Message-ID: =?utf-8?q?a?=@x"))
	f.Fuzz(func(t *testing.T, head []byte) {
		id := PeekMessageID(head)
		if CleanText(id) != id || len(id) > maxMessageID || slices.Contains([]string{"<>", "@"}, id) || strings.ContainsAny(id, " <\n\t") {
			t.Errorf("%q gives %q", head, id)
		}
	})
}
