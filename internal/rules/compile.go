package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/postern-desk/postern/internal/fault"
)

// The bounds of a condition.
const (
	MaxWhen   = 4000 // bytes
	maxNodes  = 300
	maxMemory = 10_000 // elements that one run may make
)

// functions are the ones that a condition may call: each looks at every byte or element at most once.
var functions = []string{"all", "any", "none", "one", "count", "len", "lower", "trim", "hasPrefix", "hasSuffix"}

// Condition is a condition that was found to be sound. It is used by any number of goroutines.
type Condition struct {
	program *vm.Program
	asks    map[string]bool // the names that it uses
}

// Compile checks a condition: its names, its types, that it is true or false, and that no email can make it slow.
// What is wrong is an Invalid fault in the field when that says where and what to do.
func Compile(when string) (*Condition, error) {
	if strings.TrimSpace(when) == "" || len(when) > MaxWhen {
		return nil, fault.New(fault.Invalid, "invalid_when", "a condition has 1 to %d bytes; true holds for every email", MaxWhen).In("when")
	}
	options := []expr.Option{expr.Env(Facts{}), expr.AsBool(), expr.WarnOnAny(), expr.Optimize(false), expr.MaxNodes(maxNodes),
		expr.DisableAllBuiltins()}
	for _, name := range functions {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(when, options...)
	if err != nil {
		return nil, refused(err)
	}
	c := &Condition{program: program, asks: map[string]bool{}}
	a := assessment{asks: c.asks}
	price := a.of(program.Node())
	if a.err != nil {
		return nil, refused(a.err.Bind(program.Source()))
	}
	if price.steps > maxSteps {
		return nil, fault.New(fault.Invalid, "when_too_costly",
			"the condition may take %d steps on one email, at most %d: shorten its patterns, look in the subject, or make two rules of it",
			price.steps, maxSteps).In("when")
	}
	return c, nil
}

// Asks reports whether the condition uses a name.
func (c *Condition) Asks(name string) bool { return c.asks[name] }

// Holds runs the condition. The facts must be bounded.
func (c *Condition) Holds(f *Facts) (bool, error) {
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(c.program, f)
	if err != nil {
		return false, errors.New(sentence(err))
	}
	holds, _ := out.(bool)
	return holds, nil
}

// refused says where the condition is wrong and what to do about it.
func refused(err error) error {
	said := sentence(err)
	return fault.New(fault.Invalid, "invalid_when", "%s", said+remedy(said)).In("when")
}

// sentence is a failure of the expression on one line.
func sentence(err error) string {
	var at *file.Error
	if !errors.As(err, &at) {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	if at.Line == 0 {
		return at.Message
	}
	// The library names types as Go does.
	said := strings.NewReplacer("\n", " ", "rules.Contact", "contact", "rules.Client", "client", "[]rules.Attachment", "attachments",
		"rules.Attachment", "attachment").Replace(at.Message)
	return fmt.Sprintf("line %d, column %d: %s", at.Line, at.Column+1, said)
}

// remedies are by what the library says.
var remedies = []struct{ said, todo string }{
	{"exceeds maximum allowed nodes", "; make two rules of it"},
	{"expected bool", "; a condition is true or false: compare the value with something"},
	{"mismatched types", "; compare values of one kind: texts stand in quotes, numbers do not"},
	{"error parsing regexp", "; patterns are those of RE2: no lookahead, no back-references"},
	{`unexpected token Operator("=")`, "; values are compared with =="},
	{"has no method", "; functions stand before what they are of, as in lower(subject)"},
	{"contact has no field", "; a contact has known, name and tags"},
	{"client has no field", "; a client has known, id, name and ref"},
	{"attachment has no field", "; an attachment has name, type and size"},
	{"unexpected token", "; an expression is for instance: from_domain == \"acme.example\" and subject contains \"invoice\""},
	{"index out of range", "; look first whether there are so many, as in: len(to) > 1 and to[1] == \"x\""},
}

func remedy(said string) string {
	if _, name, ok := strings.Cut(said, "unknown name "); ok {
		return unknown(name)
	}
	for _, r := range remedies {
		if strings.Contains(said, r.said) {
			return r.todo
		}
	}
	return ""
}

func unknown(name string) string {
	if slices.ContainsFunc(expensive(), func(f string) bool { return f == name }) {
		return "; this function may be slow; there are " + strings.Join(functions, ", ")
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(Names())), func(n string) bool { return strings.ContainsAny(n, ".[") })
	for _, known := range append(names, "contact", "client") {
		if near(known, strings.ToLower(name)) || strings.Contains(known, strings.ToLower(name)) || strings.Contains(strings.ToLower(name), known) {
			return "; did you mean " + known + "?"
		}
	}
	return "; there are " + strings.Join(names, ", ") + ", contact and client; a text stands in quotes"
}

// near reports whether one letter too many, too few or another one makes the one word of the other.
func near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return a[i:] == b[i+1:] || len(a) == len(b) && a[i+1:] == b[i+1:]
		}
	}
	return true
}

// expensive are the library's functions that conditions may not call.
func expensive() []string {
	var names []string
	for name := range conf.CreateNew().Builtins {
		if !slices.Contains(functions, name) {
			names = append(names, name)
		}
	}
	return names
}
