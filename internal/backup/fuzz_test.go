package backup

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// Whatever a manifest says, what is taken of it names files of the folder and plain names in SQL.
func FuzzManifest(f *testing.F) {
	whole, err := json.Marshal(Manifest{Format: format, Tables: []Table{{Name: "tickets", Columns: []string{"id"}, File: File{Path: tableFile("tickets")}}},
		Sequences: []Sequence{{Name: "s"}}, Partitions: []string{"audit_entries_202601"}, Files: []File{{Path: KeyFile}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"format":1,"files":[{"path":"../../etc/passwd"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err != nil {
			return
		}
		for _, file := range m.files() {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("file %q", file.Path)
			}
		}
		for _, table := range m.Tables {
			for _, name := range append(table.Columns, table.Name) {
				if !names.MatchString(name) {
					t.Errorf("name %q", name)
				}
			}
		}
	})
}
