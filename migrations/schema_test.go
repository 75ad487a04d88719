package migrations_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/testdb"
)

func lines(t testing.TB, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, _ := conn.Query(soon(t), sql)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return all
}

// A table added without a policy, or a right given away by mistake, shows here.
func TestEveryTableOfAClientIsGuarded(t *testing.T) {
	t.Parallel()
	conn := connect(t, testdb.New(t).OwnerURL)
	const sqlOfClients = `select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'client_id'
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`
	ofClients := lines(t, conn, sqlOfClients)
	if !slices.Contains(ofClients, "tickets") || len(ofClients) < 9 {
		t.Fatalf("tables with a client: %v", ofClients)
	}
	for _, table := range append(ofClients, "clients") {
		if got := ask(t, conn, `select concat(relrowsecurity, relforcerowsecurity) from pg_class where oid = $1::regclass`, table); got != "tt" {
			t.Errorf("%s: row-level security enabled, forced: %s", table, got)
		}
		column := map[bool]string{true: "id", false: "client_id"}[table == "clients"]
		got := ask(t, conn, `select coalesce(string_agg(qual || coalesce(' / ' || with_check, ''), ', '), 'none') from pg_policies
			where tablename = $1 and 'postern_client' = any(roles) and permissive = 'PERMISSIVE'`, table)
		if rest, ok := strings.CutPrefix(strings.TrimLeft(got, "("), column+" = current_client()"); !ok || strings.Contains(strings.ToLower(rest), " or ") || strings.Contains(got, ",") {
			t.Errorf("%s: the client realm's policy is %s", table, got)
		}
	}
	want := []string{"attachments SELECT", "clients SELECT", "contacts SELECT", "messages SELECT", "participants SELECT", "sites SELECT", "tickets SELECT"}
	if got := lines(t, conn, `select table_name || ' ' || privilege_type from information_schema.role_table_grants where grantee = 'postern_client' order by 1`); !slices.Equal(got, want) {
		t.Errorf("the client realm holds %v", got)
	}
	if got := lines(t, conn, `select c.relname || ' ' || g from pg_class c, unnest(c.relacl) g where c.relispartition and g::text !~ '^postern_owner='`); len(got) > 0 {
		t.Errorf("rights on partitions go around their parent's policy: %v", got)
	}
	if got := lines(t, conn, `select distinct privilege_type::text from information_schema.role_column_grants where table_name = 'audit_entries' and grantee = 'postern_app' order by 1`); !slices.Equal(got, []string{"INSERT", "SELECT"}) {
		t.Errorf("the application may %v audit entries", got)
	}
	if got := lines(t, conn, `select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef and proname <> 'require_record'
		and (proconfig is null or has_function_privilege('public', oid, 'execute'))`); len(got) > 0 {
		t.Errorf("functions with the owner's rights, for everyone or without a search path: %v", got)
	}
}

// root is the checkout's.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Fatal("no go.mod above the test")
	}
}

// apart are folders whose statements the product does not run: programs that measure, other modules.
var apart = []string{"testdata", "node_modules", "tools", "bench", "chaos"}

// constants finds every string constant of product code whose name begins with sql: "tickets.sqlTicket".
func constants(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	set, folders := token.NewFileSet(), map[string][]*ast.File{}
	must(t, filepath.WalkDir(root(t), func(path string, entry fs.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(name, ".") || slices.Contains(apart, name)):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], file)
		return err
	}))
	for folder, files := range folders {
		info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
		// Without its imports a package has type errors; its string constants have their values all the same.
		_, _ = (&types.Config{Error: func(error) {}}).Check(folder, set, files, info)
		for name, object := range info.Defs {
			if c, ok := object.(*types.Const); ok && strings.HasPrefix(name.Name, "sql") && c.Val().Kind() == constant.String {
				found[filepath.Base(folder)+"."+name.Name] = constant.StringVal(c.Val())
			}
		}
	}
	return found
}

// byTheOwner run as another role or are no statement that has a plan.
var byTheOwner = []string{"backup.sqlMonth", "migrations.sqlAlone", "migrations.sqlEnsureRoles", "migrations.sqlGrantQueue", "migrations.sqlVersion"}

// Every statement is parsed and planned by the real server as the application: a wrong name, a wrong type
// and a missing right show here, not at three in the morning.
func TestEveryStatementFitsTheSchema(t *testing.T) {
	t.Parallel()
	all := constants(t)
	for _, name := range byTheOwner {
		if all[name] == "" {
			t.Errorf("there is no %s", name)
		}
		delete(all, name)
	}
	if len(all) < 80 || all["tickets.sqlLockTicket"] == "" {
		t.Fatalf("only %d statements were found", len(all))
	}
	app := connect(t, testdb.New(t).AppURL)
	_, err := app.Exec(soon(t), `set plan_cache_mode = force_generic_plan`)
	must(t, err)
	for i, name := range slices.Sorted(maps.Keys(all)) {
		prepared := fmt.Sprintf("s%d", i)
		d, err := app.Prepare(soon(t), prepared, all[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		explain := `explain execute ` + prepared
		if n := len(d.ParamOIDs); n > 0 {
			explain += `(` + strings.Repeat("null,", n-1) + `null)`
		}
		if _, err := app.Exec(soon(t), explain); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
