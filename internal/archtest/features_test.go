package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFeaturesPageAndTestsAgree(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "features.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := readFeatures(string(page))
	if len(rows) == 0 {
		t.Fatal("docs/features.md has no rows: is the table still | row | promise | test |?")
	}
	for _, v := range checkFeatures(string(page), project(t)) {
		t.Error(v)
	}
	kept := 0
	for _, row := range rows {
		if len(row.tests) > 0 {
			kept++
		}
	}
	t.Logf("%d of %d rows have a test", kept, len(rows))
}

func TestFeaturesRuleCanFail(t *testing.T) {
	t.Parallel()
	const head = "| row | promise | test |\n|---|---|---|\n"
	code := small{"web/a_test.go": "func TestRow021_OneTicket() {}\nfunc TestOther() {}\n"}
	good := head + "| 021 | One ticket. | `TestRow021_OneTicket` |\n| 22 | Later. | - |\n"
	if found := checkFeatures(good, code.load(t)); len(found) != 0 {
		t.Errorf("a good page was refused: %v", found)
	}
	for name, c := range map[string]struct {
		page string
		code small
		want string
	}{
		"no such test":      {head + "| 021 | x | `TestRow021_Gone` `TestRow021_OneTicket` |\n", code, "no test is called TestRow021_Gone"},
		"nothing links it":  {head + "| 021 | x | - |\n", code, "no row of docs/features.md links this test"},
		"another row":       {head + "| 022 | x | `TestRow021_OneTicket` |\n", code, "is not named TestRow022_"},
		"a test of no row":  {good + "| 023 | x | `TestOther` |\n", code, "is not named TestRow023_"},
		"row twice":         {good + "| 022 | x | - |\n", code, "comes after row 022"},
		"rows out of order": {good + "| 021 | x | - |\n", code, "comes after row 022"},
		"only in product": {head + "| 024 | x | `TestRow024_Form` |\n", small{"web/a.go": "func TestRow024_Form() {}\n"},
			"no test is called TestRow024_Form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := checkFeatures(c.page, c.code.load(t))
			if len(found) != 1 || !strings.Contains(found[0].String(), c.want) {
				t.Errorf("want one violation with %q, got %v", c.want, found)
			}
		})
	}
}
