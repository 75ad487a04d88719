package message

import "testing"

func TestCleanText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "text\n\tmore": "text\n\tmore", "a\x00b": "ab", "a\xffb": "a\ufffdb", "a\r\nb\rc": "a\nb\nc", "a\x1b[31mb": "a[31mb", "a\x7fb": "ab", "a\u0085b\u009bc": "abc", "Grüße 日本 👍": "Grüße 日本 👍",
	} {
		if got := CleanText(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestUnflow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    string
		delSp bool
		want  string
	}{
		"joined":        {"a \nb\nc", false, "a b\nc\n"},
		"delsp":         {"a \nb", true, "ab\n"},
		"quotes":        {"> a \n> b\n>> c", false, "> a b\n>> c\n"},
		"other depth":   {"> a \nb", false, "> a \nb\n"},
		"signature":     {"a \n-- \nb", false, "a \n-- \nb\n"},
		"space-stuffed": {" >a\n  b", false, ">a\n b\n"},
		"open end":      {"a ", false, "a "},
	} {
		if got := unflow(c.in, c.delSp); got != c.want {
			t.Errorf("%s: %q gives %q, want %q", name, c.in, got, c.want)
		}
	}
}
