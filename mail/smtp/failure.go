package smtp

import (
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds in bytes the server's words that we keep.
const maxText = 500

// Failure is why a step failed: the server's words or, with Code 0, our own
// reason. Its error text leaves the server's words out, since they may repeat
// addresses.
type Failure struct {
	Stage    Stage
	Code     int
	Enhanced string
	Text     string
	Err      error // nil if the server refused
}

func (f *Failure) Error() string {
	if f.Code != 0 {
		return strings.TrimSpace(fmt.Sprintf("smtp %s: refused with %d %s", f.Stage, f.Code, f.Enhanced))
	}
	return fmt.Sprintf("smtp %s: %v", f.Stage, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }

// failed makes a Failure of whatever a step returned.
func failed(stage Stage, err error) *Failure {
	var refusal *textproto.Error
	if errors.As(err, &refusal) {
		f := &Failure{Stage: stage, Code: refusal.Code}
		f.Enhanced, f.Text = words(refusal.Msg)
		return f
	}
	// net/textproto repeats the line it could not read, whatever it holds.
	if _, garbage := errors.AsType[textproto.ProtocolError](err); garbage {
		err = errGarbage
	}
	_, text := words(err.Error())
	return &Failure{Stage: stage, Text: text, Err: err}
}

var errGarbage = errors.New("the server does not speak SMTP")

// outcome judges a letter that was not handed over.
func (f *Failure) outcome() Outcome {
	switch {
	case f.Stage.accounts():
		return Temporary
	// RFC 4954 section 6: these speak of the login, whenever they come.
	case f.Code == 530, f.Code == 534, f.Code == 535, f.Code == 538:
		return Temporary
	case f.Code >= 500 && f.Code <= 599:
		return Permanent
	}
	return Temporary
}

// accounts tells whether the letter was not even mentioned at this stage.
func (s Stage) accounts() bool {
	switch s {
	case StageConnect, StageGreeting, StageHello, StageTLS, StageAuth:
		return true
	}
	return false
}

// usable tells whether the connection still is in step after the failure. 421
// announces that the server closes it (RFC 5321 section 3.8).
func (f *Failure) usable() bool {
	return f.Code >= 400 && f.Code <= 599 && f.Code != 421 && !f.Stage.accounts()
}

func (f *Failure) result(o Outcome) Result {
	return Result{Outcome: o, Stage: f.Stage, Code: f.Code, Enhanced: f.Enhanced, Text: f.Text}
}

var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}(?:\s+|$)`)

// words takes the enhanced code (RFC 2034) off every line of a reply and makes
// one clean, bounded line of the rest.
func words(reply string) (code, text string) {
	var kept []string
	for line := range strings.SplitSeq(reply, "\n") {
		line = strings.TrimSpace(line)
		if mark := enhanced.FindString(line); mark != "" {
			if code == "" {
				code = strings.TrimSpace(mark)
			}
			line = line[len(mark):]
		}
		kept = append(kept, line)
	}
	text = strings.ToValidUTF8(strings.Join(kept, " "), "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) > maxText {
		end := maxText
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return code, text
}
