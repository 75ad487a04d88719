package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// feature is one line of docs/features.md: a row, and the tests that keep its promise.
type feature struct {
	row   string // as in test names: 041
	line  int
	tests []string
}

var (
	featureLine = regexp.MustCompile(`^\| *(\d+) *\|(.*)\|([^|]*)\|$`)
	testInCell  = regexp.MustCompile("`(Test[A-Za-z0-9_]*)`")
	rowTest     = regexp.MustCompile(`^TestRow(\d+)_`)
)

// readFeatures reads the lines of the table that begin with a row number.
func readFeatures(page string) []feature {
	var features []feature
	number := 0
	for line := range strings.Lines(page) {
		number++
		cells := featureLine.FindStringSubmatch(strings.TrimSpace(line))
		if cells == nil {
			continue
		}
		f := feature{row: fmt.Sprintf("%03s", cells[1]), line: number}
		for _, match := range testInCell.FindAllStringSubmatch(cells[3], -1) {
			f.tests = append(f.tests, match[1])
		}
		features = append(features, f)
	}
	return features
}

// checkFeatures finds links to tests that are not there, links to another row's tests, rows that
// stand twice or out of order, and tests of rows that nothing links.
func checkFeatures(page string, files []file) []violation {
	var found []violation
	report := func(line int, what string, args ...any) {
		found = append(found, violation{fmt.Sprintf("docs/features.md:%d", line), fmt.Sprintf(what, args...)})
	}
	tests := testFunctions(files)
	linked := map[string]bool{}
	last := ""
	for _, f := range readFeatures(page) {
		if f.row <= last {
			report(f.line, "row %s comes after row %s", f.row, last)
		}
		last = f.row
		for _, name := range f.tests {
			linked[name] = true
			if !slices.Contains(tests, name) {
				report(f.line, "no test is called %s", name)
			}
			if m := rowTest.FindStringSubmatch(name); m == nil || m[1] != f.row {
				report(f.line, "%s is not named TestRow%s_...", name, f.row)
			}
		}
	}
	for _, name := range tests {
		if rowTest.MatchString(name) && !linked[name] {
			found = append(found, violation{name, "no row of docs/features.md links this test"})
		}
	}
	return found
}

func testFunctions(files []file) []string {
	var names []string
	for _, f := range files {
		if !f.test {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}
