package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

const (
	envPrefix      = "POSTERN_"
	fileFlag       = "config"
	defaultFile    = "postern.toml"
	defaultDataDir = "./postern-data"
	secretFileMax  = 64 << 10 // a login fits many times over; /dev/zero must not fill the memory
)

// Source is what settings are read from.
type Source struct {
	Environ []string // "KEY=value", as os.Environ gives it
	Dir     string   // where postern.toml is looked for, and what relative paths in it start from
}

// Process is the source of a real run: the environment and the working folder.
func Process() Source { return Source{Environ: os.Environ(), Dir: "."} }

func (s Source) lookup(key string) string {
	value := ""
	for _, entry := range s.Environ {
		if name, v, ok := strings.Cut(entry, "="); ok && name == key {
			value = v // as in a shell, the last one counts
		}
	}
	return value
}

// dataDir is the default data folder (XDG Base Directory Specification: state).
func (s Source) dataDir() string {
	if state := s.lookup("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "postern")
	}
	return defaultDataDir
}

// value is one setting's text and the name under which the operator gave it.
type value struct{ text, origin string }

// values holds what the environment and the file say, keyed by setting name.
type values map[string]value

// read gathers all values; given is the --config flag. The values are never nil, the problems
// are one line for each wrong name or unreadable file.
func (s Source) read(given string) (values, Problems) {
	merged := values{}
	file, err := s.readFile(given)
	if err != nil {
		return merged, Problems{err.Error()}
	}
	env := s.readEnv()
	problems := append(unknown(env), unknown(file)...)
	for _, setting := range All() {
		for _, layer := range []values{env, file} {
			v, ok, err := layer.get(setting, s.Dir)
			if err != nil {
				problems = append(problems, err.Error())
				break
			}
			if ok {
				merged[setting.Name] = v
				break
			}
		}
	}
	return merged, problems
}

// readEnv takes every variable of ours that is not empty.
func (s Source) readEnv() values {
	found := values{}
	for _, entry := range s.Environ {
		key, text, _ := strings.Cut(entry, "=")
		if name, ours := strings.CutPrefix(key, envPrefix); ours && text != "" {
			found[strings.ToLower(name)] = value{text: text, origin: key}
		}
	}
	return found
}

// readFile reads the named file, or postern.toml where there is one.
func (s Source) readFile(given string) (values, error) {
	path, origin := given, "--"+fileFlag
	if path == "" {
		origin = envPrefix + strings.ToUpper(fileFlag)
		path = s.lookup(origin)
	}
	named := path != ""
	if !named {
		path, origin = defaultFile, defaultFile
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	raw, err := os.ReadFile(path)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s; name a settings file that can be read, or none", origin, why(err, path))
	}
	return parseFile(filepath.Base(path), raw)
}

// why is a file's error with the path first, and without the name of the system call.
func why(err error, path string) string {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return path + ": " + err.Error()
}

func parseFile(name string, raw []byte) (values, error) {
	var table map[string]any
	if err := toml.Unmarshal(raw, &table); err != nil {
		// The parser's own words may quote the line, and the line may hold a password.
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("%s: line %d is not valid TOML (strings need quotes)", name, at.Position.Line)
		}
		return nil, fmt.Errorf("%s: not valid TOML", name)
	}
	found := values{}
	for key, v := range table {
		text, ok := textOf(v)
		if !ok {
			return nil, fmt.Errorf("%s: %s: must be a text, a number or a list of them; the file has no tables", name, key)
		}
		found[key] = value{text: text, origin: name + ": " + key}
	}
	return found, nil
}

// textOf writes a TOML value as a flag would be written.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64, float64, bool:
		return fmt.Sprint(v), true
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			text, ok := textOf(item)
			if !ok {
				return "", false
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), true
	default:
		return "", false
	}
}

// unknown names every value whose setting does not exist, and the nearest that does.
func unknown(layer values) Problems {
	var problems Problems
	names := accepted()
	for name, v := range layer {
		fromEnv := strings.HasPrefix(v.origin, envPrefix)
		if slices.Contains(names, name) || fromEnv && name == fileFlag {
			continue
		}
		problem := v.origin + ": there is no such setting"
		if near := nearest(name, names); near != "" && fromEnv {
			problem += "; did you mean " + envPrefix + strings.ToUpper(near) + "?"
		} else if near != "" {
			problem += "; did you mean " + near + "?"
		}
		problems = append(problems, problem)
	}
	slices.Sort(problems)
	return problems
}

// get is the setting's value in this layer, read from its file where the layer names one.
func (layer values) get(s Setting, dir string) (v value, ok bool, err error) {
	v, direct := layer[s.Name]
	file, byFile := layer[s.FileName()]
	switch {
	case !s.Secret || !byFile:
		return v, direct, nil
	case direct:
		return value{}, false, fmt.Errorf("%s: set together with %s; keep one of them", v.origin, file.origin)
	}
	path := file.text
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	text, err := readSecret(path)
	if err != nil {
		return value{}, false, fmt.Errorf("%s: %w", file.origin, err)
	}
	return value{text: text, origin: file.origin}, true, nil
}

// readSecret reads a secret from a file; the line end that editors add is not part of it. Who else may read
// the file is not asked: the secrets of containers are often open to all of them.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", errors.New(why(err, path) + "; name a file that this user may read")
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, secretFileMax+1))
	if err != nil {
		return "", errors.New(why(err, path) + "; name a file that this user may read")
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if text == "" || len(raw) > secretFileMax {
		return "", fmt.Errorf("%s: must hold the secret and nothing else (1 to %d bytes)", path, secretFileMax)
	}
	return text, nil
}
