package config

import (
	"reflect"
	"strings"
)

// Setting describes one thing that an operator may set.
type Setting struct {
	Name    string // as in postern.toml: poll_interval
	Env     string // POSTERN_POLL_INTERVAL
	Flag    string // --poll-interval
	Default string // empty when there is none
	Unit    string // "duration", "bytes", ...
	Help    string // one or two sentences
	Group   string
	Secret  bool // may come from a file: see EnvFile
}

// EnvFile is the variable that names the file a secret is read from.
func (s Setting) EnvFile() string { return s.Env + "_FILE" }

// FileName is EnvFile's name in postern.toml.
func (s Setting) FileName() string { return s.Name + "_file" }

// All lists every setting in the order of the help, those last that are of one command or of the whole
// command line.
func All() []Setting {
	all := settingsOf(reflect.TypeFor[Settings](), "")
	all = append(all, settingsOf(reflect.TypeFor[Login](), "")...)
	return append(all, settingsOf(reflect.TypeFor[File](), "")...)
}

func settingsOf(t reflect.Type, group string) []Setting {
	var found []Setting
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			found = append(found, settingsOf(field.Type, field.Tag.Get("group"))...)
			continue
		}
		found = append(found, describe(field, group))
	}
	return found
}

func describe(field reflect.StructField, group string) Setting {
	flag := field.Tag.Get("name")
	_, secret := field.Tag.Lookup("secret")
	if own := field.Tag.Get("group"); own != "" {
		group = own
	}
	s := Setting{
		Flag: "--" + flag, Name: strings.ReplaceAll(flag, "-", "_"), Group: group, Secret: secret,
		Default: field.Tag.Get("default"), Unit: field.Tag.Get("unit"), Help: field.Tag.Get("help"),
	}
	s.Env = envPrefix + strings.ToUpper(s.Name)
	if s.Default == "${"+dataDirVar+"}" {
		s.Default = defaultDataDir
	}
	return s
}

// accepted lists every name that postern.toml may hold.
func accepted() []string {
	var names []string
	for _, s := range All() {
		if s.Name == fileFlag {
			continue // the file cannot say where it is itself
		}
		names = append(names, s.Name)
		if s.Secret {
			names = append(names, s.FileName())
		}
	}
	return names
}

// nearest is the accepted name with the fewest letters to change, or "" when none is close.
func nearest(wrong string, names []string) string {
	best, least := "", len(wrong)/3+2
	for _, name := range names {
		if d := distance(wrong, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance counts the insertions, deletions and substitutions between two names (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
