package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// checkNames finds packages, files and types whose names say nothing.
func checkNames(files []file) []violation {
	var found []violation
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test")
		for _, vague := range []string{path.Base(f.room()), strings.TrimSuffix(f.syntax.Name.Name, "_test"), name} {
			if slices.Contains(vagueNames, vague) {
				found = append(found, violation{f.path, "the name " + vague + " says nothing: put things where they are used"})
				break
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if t, ok := n.(*ast.TypeSpec); ok && strings.HasSuffix(strings.ToLower(t.Name.Name), "manager") {
				found = append(found, violation{f.at(t.Pos()), "type " + t.Name.Name + ": name it after what it is"})
			}
			return true
		})
	}
	return found
}
