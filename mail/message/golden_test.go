package message

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The emails lie in testdata/*.eml and were written for this test; what
// `postern mail explain --json` says of each lies beside it.
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d emails, error %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			e, err := Parse(bytes.NewReader(read(t, path)), DefaultLimits(), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(Explain(filepath.Base(path), e), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := strings.TrimSuffix(path, ".eml") + ".golden.json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(read(t, golden)), string(got)); diff != "" {
				t.Errorf("-golden +got:\n%s", diff)
			}
		})
	}
}

// Fields are absent when empty; only the path and the class always stand.
func TestExplainEmpty(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(Explain("a.eml", &Email{Class: ClassHuman}))
	if err != nil || string(got) != `{"path":"a.eml","class":"human"}` {
		t.Errorf("%s, error %v", got, err)
	}
}

func TestExplainPriority(t *testing.T) {
	t.Parallel()
	x := Explain("a.eml", &Email{Class: ClassHuman})
	x.Priority = map[string]any{"level": "high", "reasons": []string{"why"}}
	got, err := json.Marshal(x)
	if err != nil || !strings.Contains(string(got), `"priority":{"level":"high","reasons":["why"]}`) {
		t.Errorf("%s, error %v", got, err)
	}
}
