package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkReserved finds product code that makes a call which is another room's to make.
// Names are compared, not types: a method of that name in a stranger's room is worth a look too.
func checkReserved(files []file) []violation {
	var found []violation
	for _, f := range files {
		if f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			for _, r := range reservations {
				if f.refersTo(selector, r.call) && !slices.Contains(r.only, f.room()) {
					found = append(found, violation{f.at(selector.Pos()), r.call + " is for " + strings.Join(r.only, ", ") + ": " + r.why})
				}
			}
			return true
		})
	}
	return found
}

// refersTo compares x.Name with "Name", or pkg.Name (under whatever alias) with "pkg.Name".
func (f file) refersTo(selector *ast.SelectorExpr, call string) bool {
	importPath, name, ofPackage := strings.Cut(call, ".")
	if !ofPackage {
		return selector.Sel.Name == call
	}
	id, ok := selector.X.(*ast.Ident)
	return ok && selector.Sel.Name == name && f.importedAs(id.Name) == importPath
}

// importedAs is the import path that a name stands for in this file, or "".
func (f file) importedAs(name string) string {
	for i, spec := range f.syntax.Imports {
		if spec.Name != nil && spec.Name.Name == name || spec.Name == nil && path.Base(f.imports[i]) == name {
			return f.imports[i]
		}
	}
	return ""
}

// rawBegin is SQL that begins a transaction. A lone BEGIN counts in capitals only: it is a fine word.
var rawBegin = regexp.MustCompile(`^\s*(?:BEGIN\s*;?\s*$|(?i:start\s+transaction|begin\s+(?:transaction|isolation|read|work))\b)`)

// checkRawBegin finds transactions that are begun as text.
func checkRawBegin(files []file) []violation {
	var found []violation
	for _, f := range files {
		if !f.product() || slices.Contains(beginners, f.room()) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && rawBegin.MatchString(text) {
				found = append(found, violation{f.at(lit.Pos()), "this SQL begins a transaction: " + beginReason})
			}
			return true
		})
	}
	return found
}
