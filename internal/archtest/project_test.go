package archtest

import (
	"os"
	"path/filepath"
	"testing"
)

// root is the checkout: the nearest folder upwards that has a go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test: run it inside the checkout")
		}
		dir = up
	}
}

func project(t *testing.T) []file {
	t.Helper()
	files, err := load(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files were found below %s", len(files), root(t))
	}
	return files
}

func TestTheProjectKeepsTheRules(t *testing.T) {
	t.Parallel()
	files := project(t)
	for name, found := range map[string][]violation{
		"the table points down":     checkTable(rooms),
		"imports":                   checkImports(files),
		"fan-out":                   checkFanOut(files),
		"sizes":                     checkSizes(files),
		"test lines":                checkTestRatio(files, minTestRatio),
		"reserved calls":            checkReserved(files),
		"transactions begun as SQL": checkRawBegin(files),
		"names":                     checkNames(files),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range found {
				t.Error(v)
			}
		})
	}
	tests, product := testRatio(files)
	t.Logf("%d test lines for %d product lines: %.2f (at least %.2f)",
		tests, product, float64(tests)/float64(product), minTestRatio)
}
