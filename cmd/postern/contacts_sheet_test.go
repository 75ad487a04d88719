package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/postern-desk/postern/internal/contacts"
)

// Whatever a file holds: it is read or refused, twice in the same way, and what is handed over can be kept.
func FuzzSheet(f *testing.F) {
	for _, s := range []string{"client,name,email\nAcme,Ann,ann@x.example\n", "sep=;\r\nname;crm_ref\r\n\"a\"\"b\";1\r\n", "\xff\xfen\x00a\x00m\x00e\x00\n\x00x\x00", "client\tclient_ref\nA\tR\nA\t\n", "email\n\"a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "f.csv")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := surveySheet(path)
		if err != nil {
			return
		}
		for _, c := range s.clients {
			if c.Line < 2 || c.key == (contacts.ClientKey{}) {
				t.Fatalf("client %+v", c)
			}
		}
		err = s.contacts(path, 2, func(rows []contacts.ImportContact) error {
			for _, row := range rows {
				if row.Fields.CRMRef == nil && row.Fields.EmailNorm == "" {
					t.Fatalf("line %d has no key", row.Line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("the second reading: %v", err)
		}
	})
}
