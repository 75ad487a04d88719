package web_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/web"
)

// TestEveryRouteHasAPermissionOrIsPublic walks the mux itself, so that a route beside the table is found.
func TestEveryRouteHasAPermissionOrIsPublic(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, r := range slices.Concat(web.PublicRoutes, web.GuardedPages) {
		known[r] = true
	}
	for _, r := range web.Table() {
		if r.Needs == "" {
			t.Errorf("%s %s asks for no permission", r.Method, r.Path)
		}
		if !slices.Contains(web.Granted[identity.Admin], r.Needs) {
			t.Errorf("%s %s asks for %q, which nobody can have", r.Method, r.Path, r.Needs)
		}
		known[r.Method+" "+r.Path] = true
	}
	walked := map[string]bool{}
	err := chi.Walk(web.New(web.Deps{}).(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		walked[method+" "+path] = true
		if !known[method+" "+path] {
			t.Errorf("%s %s has no permission and is not in the public list", method, path)
		}
		return nil
	})
	must(t, err)
	for r := range known {
		if !walked[r] {
			t.Errorf("%s is listed and does not exist", r)
		}
	}
}

// concrete puts ids of nothing into a path.
func concrete(path string) string {
	if strings.HasPrefix(path, "/v1/inbound-emails/") {
		return strings.ReplaceAll(path, "{id}", "999999")
	}
	return strings.ReplaceAll(path, "{id}", anyID())
}

// TestEveryRouteAsksForAKey tries no key, a wrong one, one of the wrong shape, another scheme and a
// revoked one on every route.
func TestEveryRouteAsksForAKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k, revoked, err := d.deps.Identity.Create(t.Context(), tester, "gone", identity.Admin)
	must(t, err)
	must(t, d.deps.Identity.Revoke(t.Context(), tester, k.ID))
	before := d.state()
	for _, r := range web.Table() {
		for name, header := range map[string]string{"none": "", "wrong": "Bearer pst_" + strings.Repeat("A", 43), "shape": "Bearer x",
			"empty": "Bearer ", "scheme": "Basic " + d.admin, "revoked": "Bearer " + revoked, "long": "Bearer " + strings.Repeat("x", 5000)} {
			a := d.do(request{method: r.Method, path: concrete(r.Path), body: "{}", key: "none", header: map[string]string{"Authorization": header}})
			a.refused(http.StatusUnauthorized, "unauthorized")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s %s with key %q: no challenge", r.Method, r.Path, name)
			}
		}
	}
	if after := d.state(); after != before {
		t.Errorf("refused requests changed something: %s, then %s", before, after)
	}
}

// TestStaffMayNotManage tries every route that only an admin may use with a staff key.
func TestStaffMayNotManage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before, tried := d.state(), 0
	for _, r := range web.Table() {
		if slices.Contains(web.Granted[identity.Staff], r.Needs) {
			continue
		}
		tried++
		a := d.do(request{method: r.Method, path: concrete(r.Path), body: "{}"}).refused(http.StatusForbidden, "forbidden")
		if !strings.Contains(a.text("detail"), string(r.Needs)) {
			t.Errorf("%s %s does not name what is missing: %s", r.Method, r.Path, a.body)
		}
	}
	if tried < 5 {
		t.Errorf("only %d routes are an admin's", tried)
	}
	if after := d.state(); after != before {
		t.Errorf("refused requests changed something: %s, then %s", before, after)
	}
}

// TestCodesAreAClosedList reads the source of the domain: a code that it may give is in the list, and the
// list has none that nobody gives.
func TestCodesAreAClosedList(t *testing.T) {
	t.Parallel()
	listed := web.CodeNames()
	for i, name := range listed {
		if !regexp.MustCompile(`^[a-z][a-z_]+$`).MatchString(name) || slices.Contains(listed[:i], name) {
			t.Errorf("code %q is misspelt or stands twice", name)
		}
	}
	given := map[string]bool{}
	err := filepath.WalkDir("../internal", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, code := range faultCodes(t, path) {
			given[code] = true
		}
		return nil
	})
	must(t, err)
	if len(given) < 30 {
		t.Fatalf("only %d codes found in the domain: has fault.New changed?", len(given))
	}
	for code := range ownCodes(t) {
		given[code] = true
	}
	for _, code := range listed {
		if !given[code] {
			t.Errorf("nobody gives %q", code)
		}
	}
	for code := range given {
		if !slices.Contains(listed, code) {
			t.Errorf("the domain gives %q, which is not in the list", code)
		}
	}
}

// ownCodes is the codes that this door gives: constants of codes.go that another file names.
func ownCodes(t *testing.T) map[string]bool {
	t.Helper()
	constants, err := os.ReadFile("codes.go")
	must(t, err)
	files, err := filepath.Glob("*.go")
	must(t, err)
	var source strings.Builder
	for _, name := range files {
		if name != "codes.go" && !strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(name)
			must(t, err)
			source.Write(text)
		}
	}
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(code\w+)\s+= "(\w+)"`).FindAllStringSubmatch(string(constants), -1) {
		if strings.Contains(source.String(), m[1]) {
			out[m[2]] = true
		}
	}
	return out
}

func faultCodes(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	var list interface{ Len() int }
	if err != nil && errors.As(err, &list) {
		t.Logf("%s does not parse now: %v", path, err)
		return nil
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if pkg, isPkg := f, ok; !isPkg || pkg.Sel.Name != "New" {
			return true
		}
		if x, ok := f.X.(*ast.Ident); !ok || x.Name != "fault" {
			return true
		}
		if lit, ok := call.Args[1].(*ast.BasicLit); ok {
			code, _ := strconv.Unquote(lit.Value)
			out = append(out, code)
		}
		return true
	})
	return out
}
