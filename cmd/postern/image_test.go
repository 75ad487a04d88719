package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// run is a program's output; it must succeed.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// buildContext is what .dockerignore lets into the build of the image, with a repository of its own.
func buildContext(t *testing.T, root string) (dir, commit string) {
	t.Helper()
	whole, dir := t.TempDir(), t.TempDir()
	git := func(args ...string) string {
		return run(t, whole, []string{"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@x.example", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@x.example"}, "git", args...)
	}
	git("init", "-q", "-b", "main")
	git("commit", "-q", "--allow-empty", "-m", "First")
	ignore, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(ignore)) {
		kept, ok := strings.CutPrefix(strings.TrimSpace(line), "!")
		if !ok {
			continue
		}
		from := filepath.Join(root, kept)
		if strings.HasPrefix(kept, ".git/") {
			from = filepath.Join(whole, kept)
		}
		copyTree(t, from, filepath.Join(dir, kept))
	}
	return dir, git("rev-parse", "HEAD")
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // such as packed-refs of a young repository
		}
		if err != nil || e.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

var buildLine = regexp.MustCompile(`(?ms)^RUN (COMMIT=.*?[^\\])$`)

// The Dockerfile's own build line, run by hand in what .dockerignore lets through: the image names its commit
// and the version that it was given, with a loose and a packed reference, and without a repository.
func TestImageKnowsItsVersion(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	line := buildLine.FindSubmatch(dockerfile)
	if line == nil || !strings.Contains(string(dockerfile), "ARG VERSION=dev\nARG COMMIT\n") {
		t.Fatalf("the Dockerfile has no build line that takes a version and a commit:\n%s", dockerfile)
	}
	dir, commit := buildContext(t, root)
	out := t.TempDir()
	build := strings.ReplaceAll(string(line[1]), "/out/", out+"/")
	run(t, dir, []string{"VERSION=1.2.3"}, "sh", "-ec", build)
	if got := run(t, dir, nil, filepath.Join(out, "postern"), "version"); !strings.HasPrefix(got, "postern 1.2.3, commit "+commit+", go1.") {
		t.Errorf("it says %q, want version 1.2.3 and commit %s", got, commit)
	}
	// What else could be given is looked at in the command: a build takes long.
	told := func(env ...string) string {
		if err := os.RemoveAll(filepath.Join(out, "data")); err != nil {
			t.Fatal(err)
		}
		return run(t, dir, append([]string{"VERSION=dev"}, env...), "sh", "-ec", strings.ReplaceAll(build, "go build", "echo go build"))
	}
	if got := told("COMMIT=given"); !strings.Contains(got, "-X main.version=dev -X main.commit=given ") {
		t.Errorf("with a commit given it says %q", got)
	}
	packed := commit + " refs/heads/main\n"
	if err := os.WriteFile(filepath.Join(dir, ".git", "packed-refs"), []byte(packed), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git", "refs")); err != nil {
		t.Fatal(err)
	}
	if got := told(); !strings.Contains(got, "-X main.commit="+commit+" ") {
		t.Errorf("with packed references it says %q, want %s", got, commit)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	if got := told(); !strings.Contains(got, "-X main.commit=unknown ") {
		t.Errorf("without a repository it says %q", got)
	}
}
