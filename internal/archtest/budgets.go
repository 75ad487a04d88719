package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
)

// checkSizes finds product files and functions over their budget.
func checkSizes(files []file) []violation {
	var found []violation
	for _, f := range files {
		if !f.product() {
			continue
		}
		if n := f.set.File(f.syntax.Pos()).LineCount(); n > maxFileLines {
			found = append(found, violation{f.path, fmt.Sprintf("%d lines, at most %d: split it by use case", n, maxFileLines)})
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				found = append(found, f.checkFunction(n.Name.Name, n.Pos(), n.End(), n.Type)...)
			case *ast.FuncLit:
				found = append(found, f.checkFunction("a function literal", n.Pos(), n.End(), n.Type)...)
			}
			return true
		})
	}
	return found
}

func (f file) checkFunction(name string, from, to token.Pos, t *ast.FuncType) []violation {
	var found []violation
	if n := f.set.Position(to).Line - f.set.Position(from).Line + 1; n > maxFunctionLines {
		found = append(found, violation{f.at(from), fmt.Sprintf("%s has %d lines, at most %d", name, n, maxFunctionLines)})
	}
	if n := t.Params.NumFields(); n > maxParameters {
		found = append(found, violation{f.at(from), fmt.Sprintf("%s has %d parameters, at most %d: take an input struct", name, n, maxParameters)})
	}
	return found
}

// testRatio counts lines that are not blank. Test kits count as tests: they exist for them only.
func testRatio(files []file) (tests, product int) {
	for _, f := range files {
		switch {
		case f.product():
			product += f.lines
		case f.test || kindOf(f.room()) == testKit:
			tests += f.lines
		}
	}
	return tests, product
}

func checkTestRatio(files []file, least float64) []violation {
	tests, product := testRatio(files)
	if float64(tests) < least*float64(product) {
		return []violation{{"the whole", fmt.Sprintf("%d test lines for %d product lines, at least %.2f for each", tests, product, least)}}
	}
	return nil
}
