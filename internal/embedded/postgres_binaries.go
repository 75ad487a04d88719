package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldestMajor is the first release with UNIQUE NULLS NOT DISTINCT, which the schema uses.
const oldestMajor = 15

// ErrNoPostgres says that no usable server is installed and what to install.
var ErrNoPostgres = errors.New("no PostgreSQL server (15 or newer) found; " +
	"Debian and Ubuntu: apt-get install postgresql-15; macOS: brew install postgresql@15; " +
	"or name the folder of its programs (POSTERN_PG_BIN)")

// ErrVersion says that a cluster was made by another major release than the programs found.
var ErrVersion = errors.New("the database was made by another release of PostgreSQL")

// binaryFolders are where the systems put the server's programs.
var binaryFolders = []string{
	"/usr/lib/postgresql/*/bin",          // Debian
	"/usr/pgsql-*/bin",                   // PostgreSQL's own packages for Red Hat
	"/usr/libexec/postgresql*",           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin", // built from source
}

// chooseBinaries takes the named folder, else the release that made the cluster, else the
// newest one, else a download.
func (k *cluster) chooseBinaries(ctx context.Context, named string) error {
	made, err := k.madeBy()
	if err != nil {
		return err
	}
	folders := []string{named}
	if named == "" {
		folders = installedFolders(ctx)
	}
	var newest, match int
	for _, folder := range folders {
		major, err := serverMajor(ctx, folder)
		switch {
		case err != nil && named != "":
			return err
		case err != nil || major < oldestMajor:
			continue
		case major == made && match == 0:
			match, k.bin = major, folder
		case major != made && match == 0 && major > newest:
			newest, k.bin = major, folder
		}
	}
	switch {
	case match > 0 || newest > 0 && made == 0:
		return nil
	case named != "" && newest == 0:
		return fmt.Errorf("%w: the one in %s is older", ErrNoPostgres, named)
	case newest > 0:
		return fmt.Errorf("%w: %s is of release %d, the programs in %s are of release %d; install PostgreSQL %d and run on, or move: "+
			"POSTERN_PG_BIN=<programs of %d> postern backup DIR, then postern restore DIR --data NEW-FOLDER", ErrVersion, k.data, made, k.bin, newest, made, made)
	}
	k.bin, err = k.download(ctx, made)
	return err
}

// madeBy is the major release that made the cluster, 0 when there is none yet.
func (k *cluster) madeBy() (int, error) {
	text, err := os.ReadFile(filepath.Join(k.data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read %s/PG_VERSION: %w", k.data, err)
	}
	return major, nil
}

// installedFolders lists folders that may hold the programs, likely ones first.
func installedFolders(ctx context.Context) []string {
	var folders []string
	for _, pattern := range binaryFolders {
		found, _ := filepath.Glob(pattern) // the patterns are constants and well-formed
		folders = append(folders, found...)
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	return folders
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// serverMajor asks the programs of a folder for their release; initdb must be there too.
func serverMajor(ctx context.Context, folder string) (int, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return 0, fmt.Errorf("no PostgreSQL server programs: %w", err)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its release: %w", folder, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("ask %s for its release: no number in the answer", folder)
	}
	return strconv.Atoi(string(m[1]))
}

func (k *cluster) program(name string) string { return filepath.Join(k.bin, name) }
