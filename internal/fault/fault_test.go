package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestFaultIsFoundInAnyChain(t *testing.T) {
	t.Parallel()
	f := New(Conflict, "email_taken", "there are %d with %q", 2, "x").In("email")
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"itself":       {f, true},
		"wrapped":      {fmt.Errorf("create: %w", fmt.Errorf("insert: %w", f)), true},
		"joined":       {errors.Join(errors.New("other"), f), true},
		"other code":   {New(Conflict, "email_free", ""), false},
		"no fault":     {errors.New("email_taken"), false},
		"formatted":    {fmt.Errorf("%v", f), false},
		"no error":     {nil, false},
		"empty code":   {&Fault{}, false},
		"first counts": {errors.Join(New(Invalid, "first", ""), f), false},
	} {
		if got := Is(c.err, "email_taken"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if c.want && (As(c.err) != f || As(c.err).Kind != Conflict || As(c.err).Field != "email") {
			t.Errorf("%s: As gives %+v", name, As(c.err))
		}
	}
	if As(nil) != nil || As(errors.New("x")) != nil || Is(nil, "") || Is(errors.New("x"), "") {
		t.Error("what is no fault was taken for one")
	}
	if f.Error() != `there are 2 with "x"` {
		t.Errorf("message %q", f.Error())
	}
}

// A fault may be shared: naming a field must not change the original.
func TestInLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	f := New(Invalid, "c", "m")
	if named := f.In("a"); f.Field != "" || named.Field != "a" || named.Code != "c" || named.Kind != Invalid || f.In("b").Field != "b" {
		t.Errorf("%+v became %+v", f, named)
	}
}
