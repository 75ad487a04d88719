package letter

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestLetterThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Letter)
		want   error
	}{
		"nobody to send it to":     {func(l *Letter) { l.To = nil }, ErrNoRecipient},
		"no Message-ID":            {func(l *Letter) { l.MessageID = "" }, ErrNoMessageID},
		"Message-ID in brackets":   {func(l *Letter) { l.MessageID = "<a@b>" }, ErrNoMessageID},
		"Message-ID no domain":     {func(l *Letter) { l.MessageID = NewMessageID([16]byte{}, "") }, ErrNoMessageID},
		"no date":                  {func(l *Letter) { l.Date = time.Time{} }, ErrNoDate},
		"unknown Auto":             {func(l *Letter) { l.Auto = "x" }, ErrAuto},
		"attachment without Open":  {func(l *Letter) { l.Attachments = []Attachment{{}} }, ErrNoAttachment},
		"From empty":               {func(l *Letter) { l.From.Address = "" }, ErrAddress},
		"recipient without domain": {func(l *Letter) { l.To[0].Address = "ann" }, ErrAddress},
		"Reply-To odd":             {func(l *Letter) { l.ReplyTo = "a@b c" }, ErrAddress},
	} {
		l := plain()
		c.change(&l)
		if err := Compose(io.Discard, l); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestLineBreaksInFieldsAreRefused(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"x\r\nBcc: e@evil.example", "x\nBcc: e", "x\rBcc: e", "x\x00y", "\r\n"} {
		for name, set := range map[string]func(*Letter){
			"Subject":    func(l *Letter) { l.Subject = evil },
			"MessageID":  func(l *Letter) { l.MessageID = evil },
			"InReplyTo":  func(l *Letter) { l.InReplyTo = evil },
			"References": func(l *Letter) { l.References = []string{evil} },
			"ReplyTo":    func(l *Letter) { l.ReplyTo = evil },
			"From":       func(l *Letter) { l.From.Name = evil },
			"FromAddr":   func(l *Letter) { l.From.Address = evil + "@x.example" },
			"To":         func(l *Letter) { l.To[0].Name = evil },
			"ToAddr":     func(l *Letter) { l.To[0].Address = evil + "@x.example" },
			"Cc":         func(l *Letter) { l.Cc = []Address{{evil, "a@x.example"}} },
			"CcAddr":     func(l *Letter) { l.Cc = []Address{{"", evil + "@x.example"}} },
			"FileName":   func(l *Letter) { l.Attachments = []Attachment{file(evil, "text/plain", "")} },
			"FileType":   func(l *Letter) { l.Attachments = []Attachment{file("a", "text/plain; x="+evil, "")} },
		} {
			l := plain()
			set(&l)
			var b bytes.Buffer
			err := Compose(&b, l)
			if !errors.Is(err, ErrLineBreak) || b.Len() > 0 {
				t.Errorf("%s with %q: %v, %d bytes written", name, evil, err, b.Len())
			}
			if err != nil && strings.Contains(err.Error(), "evil") {
				t.Errorf("the error repeats the value: %v", err)
			}
		}
	}
}

type failing struct{ at int }

func (f *failing) Write(p []byte) (int, error) {
	if f.at -= len(p); f.at < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestFailuresWhileWritingAreReported(t *testing.T) {
	t.Parallel()
	size := len(compose(t, full()))
	for at := 0; at < size; at += 700 {
		if err := Compose(&failing{at}, full()); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("writer that fails after %d bytes: %v", at, err)
		}
	}
	gone := errors.New("blob is gone")
	for name, open := range map[string]func() (io.ReadCloser, error){
		"open": func() (io.ReadCloser, error) { return nil, gone },
		"read": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("x"), broken{gone})), nil
		},
		"close": func() (io.ReadCloser, error) { return broken{gone}, nil },
	} {
		l := plain()
		l.Attachments = []Attachment{{Name: "a", Open: open}}
		if err := Compose(io.Discard, l); !errors.Is(err, gone) {
			t.Errorf("attachment that fails at %s: %v", name, err)
		}
	}
}

// broken fails at everything.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
func (b broken) Close() error             { return b.err }
