// Package backup writes a whole desk into a folder and makes one of it again. The rows of one snapshot are
// copied as text; the schema is the migrations' to make. So a backup needs none of PostgreSQL's programs and
// moves between its releases.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/postern-desk/postern/migrations"
)

// The files of a backup beside the tables' own, which lie in a folder.
const (
	ManifestFile = "manifest.json" // written last: a backup without it is not whole
	KeyFile      = "secret.key"
	SettingsFile = "settings.toml"
	tablesFolder = "tables"
)

// format changes where an older program could not read the folder any more.
const format = 1

// Manifest says what a backup holds.
type Manifest struct {
	Format     int                `json:"format"`
	Begun      time.Time          `json:"begun"` // what was committed before is in the backup
	Program    string             `json:"program"`
	PostgreSQL string             `json:"postgresql"`
	Schema     migrations.Version `json:"schema"`
	Tables     []Table            `json:"tables"`
	Sequences  []Sequence         `json:"sequences"`
	Partitions []string           `json:"partitions"`
	Files      []File             `json:"files"`
}

// Table is the rows of one table.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	File    File     `json:"file"`
}

// Sequence is the last number that was given out.
type Sequence struct {
	Name string `json:"name"`
	Last int64  `json:"last"`
}

// File is one file of the backup.
type File struct {
	Path   string `json:"path"` // from the folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all files in bytes.
func (m Manifest) Bytes() (n int64) {
	for _, f := range m.files() {
		n += f.Bytes
	}
	return n
}

// Rows is how many rows a table has; 0 for one that is not there.
func (m Manifest) Rows(table string) int64 {
	for _, t := range m.Tables {
		if t.Name == table {
			return t.Rows
		}
	}
	return 0
}

func (m Manifest) files() []File {
	all := append([]File{}, m.Files...)
	for _, t := range m.Tables {
		all = append(all, t.File)
	}
	return all
}

// Has tells whether the backup holds a file, such as KeyFile.
func (m Manifest) Has(path string) bool {
	for _, f := range m.Files {
		if f.Path == path {
			return true
		}
	}
	return false
}

// ErrNoBackup says that a folder holds no whole backup.
var ErrNoBackup = errors.New("no whole backup")

// Open reads the manifest of a backup and compares every file with it.
func Open(dir string) (Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%w in %s: there is no %s", ErrNoBackup, dir, ManifestFile)
	}
	if err != nil {
		return Manifest{}, err
	}
	m, err := parse(text)
	if err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	if err := m.Schema.Check(); err != nil {
		return m, fmt.Errorf("backup of %s made by %s: %w", m.Begun.Format(time.RFC3339), m.Program, err)
	}
	for _, f := range m.files() {
		if err := f.check(dir); err != nil {
			return m, err
		}
	}
	return m, nil
}

// names are what SQL is made of, and file names.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// parse reads a manifest and refuses every name that could mean more than a name.
func parse(text []byte) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("it cannot be read: %w", err)
	}
	if m.Format != format {
		return m, fmt.Errorf("format %d, this program reads %d; use the program that made it", m.Format, format)
	}
	var all []string
	for _, t := range m.Tables {
		all = append(append(all, t.Name), t.Columns...)
		if t.File.Path != tableFile(t.Name) {
			return m, fmt.Errorf("table %q lies in %q", t.Name, t.File.Path)
		}
	}
	for _, s := range m.Sequences {
		all = append(all, s.Name)
	}
	for _, name := range append(all, m.Partitions...) {
		if !names.MatchString(name) {
			return m, fmt.Errorf("%q is no name", name)
		}
	}
	for _, f := range m.Files {
		if f.Path != KeyFile && f.Path != SettingsFile {
			return m, fmt.Errorf("%q is no file of a backup", f.Path)
		}
	}
	return m, nil
}

func tableFile(name string) string { return tablesFolder + "/" + name + ".copy.zst" }
