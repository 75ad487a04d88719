package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const modulePath = "github.com/postern-desk/postern"

// file is one Go file of the checkout, whatever system it is built for.
type file struct {
	path    string // from the root, with slashes
	test    bool
	lines   int // without blank ones
	imports []string
	syntax  *ast.File
	set     *token.FileSet
}

func (f file) room() string { return path.Dir(f.path) }

// product tells code that ships from tests, test kits and generated code.
func (f file) product() bool {
	return !f.test && kindOf(f.room()) != testKit && !ast.IsGenerated(f.syntax)
}

// at writes a position as editors understand it.
func (f file) at(p token.Pos) string {
	return f.path + ":" + strconv.Itoa(f.set.Position(p).Line)
}

// load parses every Go file below the root of the tree. Folders that the go command leaves out,
// and folders with a go.mod of their own, are left out too.
func load(tree fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(tree, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && p != "." && (ignored(entry.Name()) || hasModule(tree, p)):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(p) != ".go":
			return nil
		}
		f, err := parse(tree, p)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func ignored(folder string) bool {
	return strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_") || folder == "testdata" || folder == "node_modules"
}

func hasModule(tree fs.FS, folder string) bool {
	_, err := fs.Stat(tree, path.Join(folder, "go.mod"))
	return err == nil
}

func parse(tree fs.FS, p string) (file, error) {
	raw, err := fs.ReadFile(tree, p)
	if err != nil {
		return file{}, err
	}
	f := file{path: p, test: strings.HasSuffix(p, "_test.go"), set: token.NewFileSet()}
	f.syntax, err = parser.ParseFile(f.set, p, raw, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("%s: %w", p, err)
	}
	for line := range bytes.Lines(raw) {
		if len(bytes.TrimSpace(line)) > 0 {
			f.lines++
		}
	}
	for _, spec := range f.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: %w", p, err)
		}
		f.imports = append(f.imports, name)
	}
	return f, nil
}

// ours are the rooms among the file's imports.
func (f file) ours() []string {
	var found []string
	for _, name := range f.imports {
		if room, ok := strings.CutPrefix(name, modulePath+"/"); ok {
			found = append(found, room)
		}
	}
	return found
}

// violation is one broken rule: where, and what to do about it.
type violation struct{ where, what string }

func (v violation) String() string { return v.where + ": " + v.what }
