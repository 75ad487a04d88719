package archtest

import (
	"strings"
	"testing"
	"testing/fstest"
)

// small is a checkout of a few files, by path. Values are what follows the package clause.
type small map[string]string

func (s small) load(t *testing.T) []file {
	t.Helper()
	tree := fstest.MapFS{}
	for path, body := range s {
		tree[path] = &fstest.MapFile{Data: []byte("package p\n" + body)}
	}
	files, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func importing(rooms ...string) string {
	var b strings.Builder
	for _, room := range rooms {
		b.WriteString("import _ \"" + modulePath + "/" + room + "\"\n")
	}
	return b.String()
}

func lines(n int) string { return strings.Repeat("//\n", n) }

// TestEveryRuleCanFail gives each rule something that it must refuse, and the nearest thing that it must not.
func TestEveryRuleCanFail(t *testing.T) {
	t.Parallel()
	sizes, ratio := checkSizes, func(f []file) []violation { return checkTestRatio(f, 0.8) }
	for _, c := range []struct {
		name  string
		rule  func([]file) []violation
		wrong small
		right small
	}{
		{"arrow that the table lacks", checkImports,
			small{"internal/contacts/a.go": importing("internal/outbox")},
			small{"internal/outbox/a.go": importing("internal/db", "mail/letter")}},
		{"unknown package", checkImports,
			small{"internal/extra/a.go": ""}, small{"internal/db/a.go": ""}},
		{"import of an unknown package", checkImports,
			small{"cmd/postern/a.go": importing("internal/extra")}, small{"cmd/postern/a.go": importing("web")}},
		{"a contract that imports", checkImports,
			small{"jobs/a.go": importing("internal/fault")}, small{"internal/db/a.go": importing("jobs")}},
		{"a test kit in product code", checkImports,
			small{"web/a.go": importing("internal/testdb")}, small{"web/a_test.go": importing("internal/testdb")}},
		{"a test kit in the product's command", checkImports,
			small{"cmd/postern/a.go": importing("internal/testimap")}, small{"cmd/bench/a.go": importing("internal/testimap")}},
		{"a test that looks upwards", checkImports,
			small{"internal/db/a_test.go": importing("internal/tickets")}, small{"internal/tickets/a_test.go": importing("internal/db")}},
		{"a door through the other door", checkImports,
			small{"worker/a.go": importing("web")}, small{"worker/a.go": importing("internal/audit")}},
		{"a door into the assembly's parts", checkImports,
			small{"web/a.go": importing("internal/embedded")}, small{"cmd/postern/a.go": importing("internal/embedded")}},
		{"fan-out", checkFanOut,
			small{"internal/inbox/a.go": importing("internal/db", "mail/message", "internal/tickets", "internal/approvals", "internal/contacts", "internal/outbox", "jobs"),
				"internal/inbox/b.go": importing("internal/access", "internal/event", "internal/fault", "internal/blob", "internal/limit", "internal/mailboxes")},
			small{"internal/inbox/a.go": importing("internal/db", "mail/message", "internal/tickets", "internal/approvals", "internal/contacts", "internal/outbox", "jobs"),
				"internal/inbox/b_test.go": importing("internal/access", "internal/event", "internal/fault", "internal/blob", "internal/limit", "internal/mailboxes")}},
		{"long file", sizes, small{"web/a.go": lines(maxFileLines)}, small{"web/a.go": lines(maxFileLines - 1)}},
		{"long file, but a test", sizes, small{"web/a.go": lines(maxFileLines)}, small{"web/a_test.go": lines(maxFileLines)}},
		{"long function", sizes,
			small{"web/a.go": "func f() {\n" + lines(maxFunctionLines-1) + "}\n"},
			small{"web/a.go": "func f() {\n" + lines(maxFunctionLines-2) + "}\n"}},
		{"long function literal", sizes,
			small{"web/a.go": "var f = func() {\n" + lines(maxFunctionLines-1) + "}\n"},
			small{"web/a.go": "var f = func() {\n" + lines(maxFunctionLines-2) + "}\n"}},
		{"six parameters", sizes,
			small{"web/a.go": "func f(a, b, c int, d, e, g string) {}\n"}, small{"web/a.go": "func (t) f(a, b, c int, d, e string) {}\ntype t int\n"}},
		{"few tests", ratio,
			small{"web/a.go": "var a int\nvar b int\n", "web/a_test.go": "\n\n\n\nvar c int\n", "web/b.go": "var d int\n"},
			small{"web/a.go": "var a int\n\n\n\nvar b int\n", "web/a_test.go": "var c, d int\nvar e int\n"}},
		{"Bookkeep in a stranger's room", checkReserved,
			small{"internal/tickets/a.go": "func f() { d.Bookkeep() }\n"}, small{"internal/inbox/a.go": "func f() { d.Bookkeep() }\n"}},
		{"Begin outside db", checkReserved,
			small{"worker/a.go": "func f() { pool.Begin(nil) }\n"}, small{"internal/db/a.go": "func f() { pool.Begin(nil) }\n"}},
		{"BeginTx as a value", checkReserved,
			small{"web/a.go": "var f = pool.BeginTx\n"}, small{"web/a_test.go": "var f = pool.BeginTx\n"}},
		{"BeginFunc of pgx", checkReserved,
			small{"web/a.go": "import \"github.com/jackc/pgx/v5\"\nvar f = pgx.BeginFunc\n"}, small{"web/a.go": "var f = pgx.NamedArgs{}\n"}},
		{"the environment read", checkReserved,
			small{"cmd/postern/a.go": "import \"os\"\nvar f = os.Getenv(\"HOME\")\n"}, small{"internal/config/a.go": "import \"os\"\nvar f = os.Getenv(\"HOME\")\n"}},
		{"the environment under an alias", checkReserved,
			small{"web/a.go": "import system \"os\"\nvar f, _ = system.LookupEnv(\"HOME\")\n"}, small{"web/a.go": "var f = os.Getenv\n"}},
		{"a transaction begun as text", checkRawBegin,
			small{"web/a.go": "var q = \"BEGIN;\"\n"}, small{"web/a.go": "var q = \"Begin\"\n"}},
		{"a transaction begun at length", checkRawBegin,
			small{"web/a.go": "var q = ` start transaction read only`\n"}, small{"web/a.go": "var q = `begin here`\n"}},
		{"vague package", checkNames, small{"internal/utils/a.go": ""}, small{"internal/db/a.go": ""}},
		{"vague file", checkNames, small{"web/helpers.go": ""}, small{"web/cookies.go": ""}},
		{"vague test file", checkNames, small{"web/common_test.go": ""}, small{"web/cookies_test.go": ""}},
		{"manager", checkNames, small{"web/a.go": "type SessionManager struct{}\n"}, small{"web/a.go": "type Session struct{}\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if found := c.rule(c.wrong.load(t)); len(found) != 1 {
				t.Errorf("want one violation in %v, got %v", c.wrong, found)
			}
			if found := c.rule(c.right.load(t)); len(found) != 0 {
				t.Errorf("want none in %v, got %v", c.right, found)
			}
		})
	}
}

func TestGeneratedCodeHasNoBudget(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{"web/a.go": {Data: []byte("// Code generated by x. DO NOT EDIT.\n\npackage web\n" + lines(maxFileLines))}}
	files, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	if found := checkSizes(files); len(found) != 0 {
		t.Errorf("generated code was measured: %v", found)
	}
}

func TestTableThatPointsUpwardsIsRefused(t *testing.T) {
	t.Parallel()
	for name, table := range map[string][]room{
		"a later row": {{path: "a", imports: []string{"b"}}, {path: "b"}},
		"itself":      {{path: "a", imports: []string{"a"}}},
		"no row":      {{path: "a"}, {path: "b", imports: []string{"c"}}},
		"a row twice": {{path: "a"}, {path: "a"}},
	} {
		if found := checkTable(table); len(found) != 1 {
			t.Errorf("%s: want one violation, got %v", name, found)
		}
	}
}

func TestLoadLeavesOutWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	code := &fstest.MapFile{Data: []byte("package p\n")}
	files, err := load(fstest.MapFS{
		"a.go": code, "web/a.go": code, "web/testdata/a.go": code, ".cache/a.go": code, "_old/a.go": code,
		"tools/go.mod": {Data: []byte("module tools\n")}, "tools/a.go": code, "web/a.txt": code, "go.mod": code,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 {
		t.Errorf("want a.go and web/a.go, got %v", files)
	}
	if _, err := load(fstest.MapFS{"a.go": {Data: []byte("package")}}); err == nil || !strings.Contains(err.Error(), "a.go") {
		t.Errorf("a file that does not parse gave %v", err)
	}
}
