package wording

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/words"
)

// folder writes files, by name.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Tried: a file for every language and one for German, beside what the API has set meanwhile.
func TestAPIStandsBeforeFilesBeforeTheBuiltIn(t *testing.T) {
	t.Parallel()
	s, _ := scene(t)
	files, err := ReadFiles(folder(t, map[string]string{
		"acknowledgement.txt": "File for {{name}}", "acknowledgement.de.txt": "Datei", "acknowledgement.de.html": "<b>Datei</b>", ".hidden": "x",
	}))
	if err != nil {
		t.Fatal(err)
	}
	s.files = files
	if de, fr := said(t, s, words.German), said(t, s, words.French); de != "Datei" || fr != "File for Ann" {
		t.Errorf("files: German %q, French %q", de, fr)
	}
	put(t, s, "fr", "API en français")
	if de, fr := said(t, s, words.German), said(t, s, words.French); de != "Datei" || fr != "API en français" {
		t.Errorf("beside the API: German %q, French %q", de, fr)
	}
	put(t, s, "", "API")
	if de := said(t, s, words.German); de != "API" {
		t.Errorf("the API's for every language gives German %q", de)
	}
	if text, markup := s.File("acknowledgement", words.German); text != "Datei" || markup != "<b>Datei</b>" {
		t.Errorf("shown as %q %q", text, markup)
	}
	if text, _ := s.File("answer", words.German); text != "" {
		t.Errorf("a file that is not there is shown as %q", text)
	}
	if none, err := ReadFiles(""); err != nil || none != nil {
		t.Errorf("no folder: %v %v", none, err)
	}
}

// Tried: names that mean nothing, templates that cannot be used, what is no file, and several at once.
func TestWrongFileIsNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"answr.txt":          "there is no letter answr; there are acknowledgement, answer",
		"answer.htm":         "are called NAME.txt",
		"README":             "are called NAME.txt",
		"answer.a.de.txt":    "are called NAME.txt",
		"answer.pl.txt":      "do not speak pl; they speak en (English), de (Deutsch)",
		"answer.html":        "text: a letter has a text",
		"answer.de.txt":      `text:1: function "nobody" not defined`,
		"acknowledgement.md": "are called NAME.txt",
	} {
		_, err := ReadFiles(folder(t, map[string]string{name: "{{nobody}}"}))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), strings.TrimSuffix(strings.TrimSuffix(name, "txt"), "html")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := folder(t, map[string]string{"a.txt": "", "b.txt": ""})
	if err := os.Mkdir(filepath.Join(dir, "notice.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFiles(dir); err == nil || strings.Count(err.Error(), "there is no letter") != 2 || !strings.Contains(err.Error(), "no file that can be read") {
		t.Errorf("several: %v", err)
	}
	if _, err := ReadFiles(filepath.Join(dir, "nowhere")); err == nil || !strings.Contains(err.Error(), "POSTERN_TEMPLATES_DIR") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
