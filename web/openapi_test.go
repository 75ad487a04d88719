package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/postern-desk/postern/web"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const golden = "../docs/openapi.yaml"

func spec(t *testing.T, path string) []byte {
	t.Helper()
	rec := httptest.NewRecorder()
	web.New(web.Deps{}).ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	if rec.Code != 200 {
		t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// TestReferenceIsUpToDate compares the API with its description in the checkout, so that a change of the
// contract shows in review. With -update it writes the file.
func TestReferenceIsUpToDate(t *testing.T) {
	t.Parallel()
	now := spec(t, "/openapi.yaml")
	if *update {
		must(t, os.WriteFile(golden, now, 0o644))
	}
	kept, err := os.ReadFile(golden)
	must(t, err)
	if !bytes.Equal(now, kept) {
		t.Errorf("the API is not as %s says; look at the difference after: go test ./web -run TestReferenceIsUpToDate -update", golden)
	}
}

func TestReferenceDescribesEveryRoute(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	raw := spec(t, "/openapi.json")
	must(t, json.Unmarshal(raw, &doc))
	if doc.OpenAPI != "3.1.0" || strings.Contains(string(raw), "$schema") {
		t.Errorf("it is OpenAPI %s, or links schemas", doc.OpenAPI)
	}
	page := string(spec(t, "/docs"))
	ids := map[any]bool{}
	for _, r := range web.Table() {
		op := doc.Paths[r.Path][strings.ToLower(r.Method)]
		if op == nil || op["x-permission"] != string(r.Needs) || ids[op["operationId"]] {
			t.Errorf("%s %s is described as %v", r.Method, r.Path, op)
		}
		ids[op["operationId"]] = true
		if !strings.Contains(page, "<code>"+r.Path+"</code>") {
			t.Errorf("the page has no %s", r.Path)
		}
	}
	for _, code := range web.CodeNames() {
		if !strings.Contains(page, `id="`+code+`"`) {
			t.Errorf("the page does not explain %s", code)
		}
	}
	for _, ours := range []string{"Ticket", "TicketThread", "Problem", "InboundEmail", "Letter", "Mailbox"} {
		if doc.Components.Schemas[ours] == nil {
			t.Errorf("no object %s", ours)
		}
	}
	for name := range doc.Components.Schemas {
		if strings.HasPrefix(name, "Error") {
			t.Errorf("the framework's %s is described", name)
		}
	}
}
