package wording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// maxFile is how much of a file is read: more is too long for a template.
const maxFile = 1 << 20

// file is a template of the desk's folder.
type file struct {
	Text, HTML string
	compiled   *letter.Template
}

// Files are the templates of a folder. They do not change while the desk runs.
type Files map[place]file

// find is the folder's template in the language, else that of every language.
func (f Files) find(kind string, l words.Language) file {
	if found, ok := f[place{name: kind, language: l}]; ok {
		return found
	}
	return f[place{name: kind}]
}

// File is the source of the folder's template for letters in the language; empty where it has none.
func (s *Service) File(kind string, l words.Language) (text, markup string) {
	f := s.files.find(kind, l)
	return f.Text, f.HTML
}

// ReadFiles reads the folder: NAME.txt and NAME.html are of letters in every language, NAME.de.txt and NAME.de.html of
// those in one. Each file that is none of them, and each template that cannot be used, is an error; files whose names
// begin with a dot are passed over. No folder is none of the desk's own.
func ReadFiles(folder string) (Files, error) {
	if folder == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("the folder of letter templates cannot be read: %w; POSTERN_TEMPLATES_DIR must name one that is there, or nothing", err)
	}
	files, problems := Files{}, []error{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") { // a mounted ConfigMap keeps its versions in such folders
			continue
		}
		if err := files.add(folder, e.Name()); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Join(folder, e.Name()), err))
		}
	}
	for at, f := range files {
		if f.compiled, err = Compile(Template{Name: at.name, Language: string(at.language), Text: f.Text, HTML: f.HTML}); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Join(folder, at.fileName("*")), err))
		}
		files[at] = f
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(problems...)
	}
	return files, nil
}

func (at place) fileName(extension string) string {
	if at.language != "" {
		return at.name + "." + string(at.language) + "." + extension
	}
	return at.name + "." + extension
}

func (f Files) add(folder, name string) error {
	parts := strings.Split(name, ".")
	at := place{name: parts[0]}
	if len(parts) == 3 {
		at.language = words.Language(parts[1])
	}
	extension := parts[len(parts)-1]
	switch {
	case len(parts) < 2 || len(parts) > 3 || extension != "txt" && extension != "html":
		return errors.New("letter templates are called NAME.txt, NAME.html, NAME.de.txt or NAME.de.html")
	case !slices.Contains(letter.Kinds(), at.name):
		return fmt.Errorf("there is no letter %s; there are %s", at.name, strings.Join(letter.Kinds(), ", "))
	case at.language != "" && !slices.Contains(words.All, at.language):
		return fmt.Errorf("letters do not speak %s; they speak %s", at.language, words.Known())
	}
	content, err := read(filepath.Join(folder, name))
	if err != nil {
		return err
	}
	t := f[at]
	if extension == "txt" {
		t.Text = content
	} else {
		t.HTML = content
	}
	f[at] = t
	return nil
}

func read(path string) (string, error) {
	// A pipe would never end, and a device does not either.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, errors.New("it is no file that can be read"))
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, maxFile))
	return string(content), err
}
