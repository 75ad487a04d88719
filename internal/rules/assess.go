package rules

import (
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// maxSteps bounds what one condition may take on the worst email: bytes looked at, times the size of the pattern
// where one is looked for. The slowest patterns take some nanoseconds a step.
const maxSteps = 20_000_000

// price is what a part of a condition may cost and give.
type price struct {
	steps int
	bytes int // of a text
	items int // of a list
}

// assessment walks a condition that has been type-checked, refuses what could be slow whatever its size, and
// notes the names that it uses.
type assessment struct {
	asks   map[string]bool
	inside bool // of a predicate
	err    *file.Error
}

func (a *assessment) refuse(n ast.Node, why string) price {
	if a.err == nil {
		a.err = &file.Error{Location: n.Location(), Message: why}
	}
	return price{}
}

func (a *assessment) of(n ast.Node) price {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		a.asks[n.Value] = true
		if n.Value == "$env" {
			return a.refuse(n, "$env is not for conditions; use the names themselves")
		}
		if n.Value == "text" {
			return price{steps: 1, bytes: MaxText}
		}
		return price{steps: 1, bytes: MaxLine, items: MaxElements}
	case *ast.StringNode:
		return price{steps: 1, bytes: len(n.Value)}
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return price{steps: 1}
	case *ast.PointerNode:
		return price{steps: 1, bytes: MaxLine}
	case *ast.UnaryNode:
		return price{steps: 1 + a.of(n.Node).steps}
	case *ast.BinaryNode:
		return a.binary(n)
	case *ast.ChainNode:
		return a.of(n.Node)
	case *ast.MemberNode:
		return a.member(n)
	case *ast.ConditionalNode:
		cond, yes, no := a.of(n.Cond), a.of(n.Exp1), a.of(n.Exp2)
		return price{steps: cond.steps + yes.steps + no.steps, bytes: max(yes.bytes, no.bytes), items: max(yes.items, no.items)}
	case *ast.ArrayNode:
		return a.list(n)
	case *ast.BuiltinNode:
		return a.call(n, n.Name, n.Arguments)
	case *ast.PredicateNode:
		return a.of(n.Node)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			return a.call(n, name.Value, n.Arguments)
		}
	case *ast.SliceNode:
		return a.refuse(n, "parts of texts and lists are not taken in a condition; use startsWith, endsWith, contains or matches")
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		return a.refuse(n, "a condition is one expression, without let and ;")
	case *ast.MapNode:
		return a.refuse(n, "a condition makes no { }; a list is written [ ]")
	}
	return a.refuse(n, "this is not for conditions")
}

func (a *assessment) list(n *ast.ArrayNode) price {
	p := price{steps: 1, items: len(n.Nodes)}
	for _, item := range n.Nodes {
		element := a.of(item)
		p.steps, p.bytes = p.steps+element.steps, max(p.bytes, element.bytes)
	}
	return p
}

func (a *assessment) member(n *ast.MemberNode) price {
	whole, property := a.of(n.Node), a.of(n.Property)
	if map_, ok := n.Node.(*ast.IdentifierNode); ok && map_.Value == "headers" {
		if name, ok := n.Property.(*ast.StringNode); ok && name.Value != strings.ToLower(name.Value) {
			return a.refuse(n, `header names are in lower case: write headers["`+strings.ToLower(name.Value)+`"]`)
		}
	}
	return price{steps: 1 + whole.steps + property.steps, bytes: MaxLine, items: MaxElements}
}

func (a *assessment) binary(n *ast.BinaryNode) price {
	left, right := a.of(n.Left), a.of(n.Right)
	p := price{steps: 1 + left.steps + right.steps, bytes: max(left.bytes, right.bytes), items: max(left.items, right.items)}
	switch n.Operator {
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			return a.refuse(n.Right, "a pattern stands in quotes: it is checked before any email comes")
		}
		p.steps += left.bytes * instructions(pattern.Value)
	case "in", "not in":
		p.steps += right.items * (left.bytes + right.bytes)
		if name, ok := n.Left.(*ast.StringNode); ok && a.isHeaders(n.Right) && name.Value != strings.ToLower(name.Value) {
			return a.refuse(n.Left, "header names are in lower case: write \""+strings.ToLower(name.Value)+"\"")
		}
	case "..", "**":
		return a.refuse(n, n.Operator+" may be slow and is not for conditions")
	case "+":
		if n.Type() == nil || n.Type().Kind() == reflect.String {
			return a.refuse(n, "texts are not joined in a condition; compare each with what it should be")
		}
	default:
		p.steps += left.bytes + right.bytes
		if n.Operator == "==" || n.Operator == "!=" {
			p.steps += (left.items + right.items) * MaxLine
		}
	}
	return p
}

func (a *assessment) isHeaders(n ast.Node) bool {
	name, ok := n.(*ast.IdentifierNode)
	return ok && name.Value == "headers"
}

func (a *assessment) call(n ast.Node, name string, arguments []ast.Node) price {
	if !slices.Contains(functions, name) {
		return a.refuse(n, "unknown name "+name) // as the type check says of the library's other functions
	}
	of := a.of(arguments[0])
	if len(arguments) > 1 {
		if _, ok := arguments[1].(*ast.PredicateNode); ok {
			return a.each(of, arguments[1])
		}
	}
	p := price{steps: 1 + of.steps + of.bytes, bytes: of.bytes}
	for _, other := range arguments[1:] {
		more := a.of(other)
		p.steps += more.steps + more.bytes
	}
	return p
}

// each asks a predicate of every element.
func (a *assessment) each(of price, predicate ast.Node) price {
	if a.inside {
		return a.refuse(predicate, "all, any, none, one and count do not stand within each other: make two rules of it")
	}
	a.inside = true
	one := a.of(predicate)
	a.inside = false
	return price{steps: 1 + of.steps + of.items*(one.steps+1)}
}

// instructions is the size of a pattern: RE2 takes at most so many steps a byte.
func instructions(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return maxSteps // the type check has said it already
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return maxSteps
	}
	return len(program.Inst)
}
