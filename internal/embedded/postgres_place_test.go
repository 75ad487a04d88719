package embedded

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tried, where the tests run as root: the tests of start, crash and second start again as nobody.
// Elsewhere every test of this file is already one of an ordinary user.
func TestPostgresWorksForAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return
	}
	const tests, count = "^TestPostgres(KeepsItsDataAndRoles|DiesWithItsProcess|IgnoresAReusedPID|RefusesASecondStart|MovesItsSocket)$", 5
	home := filepath.Dir(postgresDir(t))
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(home, "test")
	// cp and not us: a program that is open for writing in a fork of another test cannot run.
	if out, err := exec.Command("cp", os.Args[0], program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	child := exec.Command(program, "-test.v", "-test.run", tests)
	child.Dir = home
	child.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + home}
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != count {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// Tried: a data folder whose socket path would be longer than a socket's address.
func TestPostgresMovesItsSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(filepath.Dir(postgresDir(t)), strings.Repeat("long-", 20), "desk")
	for range 2 {
		p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
		if got := ask(t, p.AppURL, `select current_user::text`); got != "postern_app" {
			t.Errorf("logged in as %s", got)
		}
		socket := p.server.socket
		stopPostgres(t, p)
		if strings.HasPrefix(socket, dir) {
			t.Fatalf("the socket lies in %s: the test proves nothing", socket)
		}
		if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind: %v", socket, err)
		}
	}
}

// Tried: the folder of the socket belongs to somebody else, or is a link.
func TestPostgresRefusesAForeignSocketFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(filepath.Dir(postgresDir(t)), strings.Repeat("long-", 20))
	k := &cluster{home: dir}
	if err := k.makeSocketDir(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(k.socket) })
	if err := k.makeSocketDir(); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := os.Remove(k.socket); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), k.socket); err != nil {
		t.Fatal(err)
	}
	if err := k.makeSocketDir(); err == nil || !strings.Contains(err.Error(), "not a folder of user") {
		t.Errorf("a link: %v", err)
	}
}

// Tried by root: a folder below one that the server's user may not enter; then the same again,
// a copy of the folder beside the first, and the data gone.
func TestPostgresMovesWhereItsUserMayNotGo(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // an ordinary user's server is the same user
	}
	dir := filepath.Join(t.TempDir(), "desk") // t.TempDir is below a folder of root alone
	p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	text, err := os.ReadFile(filepath.Join(dir, "location"))
	if err != nil {
		t.Fatal(err)
	}
	home := strings.TrimSpace(string(text))
	t.Cleanup(func() {
		os.RemoveAll(home)
		os.Remove(rootHomes) // only when no other database is there
	})
	if err := do(t, p.OwnerURL, `create table emails ()`); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", dir, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := StartPostgres(t.Context(), PostgresConfig{Dir: copied}); !errors.Is(err, ErrRunning) {
		t.Errorf("a copy of a running folder: %v, want %v", err, ErrRunning)
	}
	stopPostgres(t, p)
	p = startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if got := ask(t, p.OwnerURL, `select (to_regclass('emails') is not null)::text`); got != "true" {
		t.Error("the second start did not find the data")
	}
	stopPostgres(t, p)
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	if _, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir}); !errors.Is(err, ErrDataGone) {
		t.Errorf("with the data gone: %v, want %v", err, ErrDataGone)
	}
}

func TestPostgresNeverReplacesALostDatabase(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	stopPostgres(t, startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true}))
	if err := os.Rename(filepath.Join(dir, "data"), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if _, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir}); !errors.Is(err, ErrDataGone) {
		t.Errorf("got %v, want %v", err, ErrDataGone)
	}
	if err := os.Rename(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
}

// Tried: a password file that somebody edited; its text would go into SQL as it is.
func TestPostgresRefusesOddPasswords(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	stopPostgres(t, startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true}))
	file := filepath.Join(dir, "passwords.json")
	for _, text := range []string{`{"postgres": "it's"}`, `{`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "it's") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// fakeRelease is a folder of programs that claim to be a release and otherwise are the real ones.
func fakeRelease(t testing.TB, major string) string {
	t.Helper()
	k := &cluster{}
	if err := k.chooseBinaries(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(postgresDir(t)), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\n[ \"$*\" = --version ] && echo '" + name + " (PostgreSQL) " + major + ".1' && exit\nexec " + k.program(name) + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Tried: programs of another release than the cluster's, programs that are too old, and none.
func TestPostgresWantsTheRightRelease(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	stopPostgres(t, startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true}))
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: fakeRelease(t, "99")})
	made, _ := (&cluster{data: filepath.Join(dir, "data")}).madeBy()
	for _, want := range []string{fmt.Sprintf("is of release %d", made), "are of release 99", fmt.Sprintf("POSTERN_PG_BIN=<programs of %d> postern backup DIR", made), "postern restore DIR --data NEW-FOLDER"} {
		if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), want) {
			t.Errorf("another release: %v, want %q", err, want)
		}
	}
	_, err = StartPostgres(t.Context(), PostgresConfig{Dir: postgresDir(t), BinDir: fakeRelease(t, "14")})
	if !errors.Is(err, ErrNoPostgres) {
		t.Errorf("an old release: %v", err)
	}
	_, err = StartPostgres(t.Context(), PostgresConfig{Dir: postgresDir(t), BinDir: t.TempDir()})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no programs: %v", err)
	}
	startPostgresIn(t, PostgresConfig{Dir: dir}) // the folder is as it was
}

// binaryArchive serves programs as the download site does: a jar with an xz archive inside.
func binaryArchive(t testing.TB, programs string, sum func([]byte) string) *httptest.Server {
	t.Helper()
	tree := t.TempDir()
	if out, err := exec.Command("cp", "-a", programs, filepath.Join(tree, "bin")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(tree, "bin", "pg_ctl"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	txz, err := exec.Command("tar", "-C", tree, "-cJf", "-", "bin").Output()
	if err != nil {
		t.Fatalf("pack the programs (tar and xz are needed): %v", err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres.txz")
	if err == nil {
		_, err = w.Write(txz)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(sum(jar.Bytes())))
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	t.Cleanup(server.Close)
	return server
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Tried: a download from a local site, then its use for a cluster; a second fetch; a wrong sum; a
// site that is not there; a site that never answers.
func TestPostgresDownload(t *testing.T) {
	t.Parallel()
	site := binaryArchive(t, fakeRelease(t, "15"), sumOf)
	cache := filepath.Join(filepath.Dir(postgresDir(t)), "cache")
	bin, err := fetchBinaries(t.Context(), cache, site.URL, 15)
	if err != nil {
		t.Fatal(err)
	}
	startPostgresIn(t, PostgresConfig{Dir: postgresDir(t), BinDir: bin, Fast: true})
	site.Close()
	if _, err := fetchBinaries(t.Context(), cache, site.URL, 15); err != nil {
		t.Errorf("a second fetch asks the site: %v", err)
	}
	if _, err := fetchBinaries(t.Context(), t.TempDir(), site.URL, 15); err == nil {
		t.Error("no site, no error")
	}
	if _, err := fetchBinaries(t.Context(), t.TempDir(), site.URL, 3); err == nil {
		t.Error("release 3 is on offer")
	}
	forged := binaryArchive(t, fakeRelease(t, "15"), func([]byte) string { return sumOf(nil) })
	if _, err := fetchBinaries(t.Context(), t.TempDir(), forged.URL, 15); err == nil || !strings.Contains(err.Error(), "checksums do not match") {
		t.Errorf("a forged archive: %v", err)
	}
}

func TestPostgresDownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); silent.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := fetchBinaries(ctx, t.TempDir(), silent.URL, 15); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
}

// Tried: what an ordinary user's start says about another user's cluster.
func TestPostgresOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		owner, err := serverAccount("/")
		if err == nil {
			t.Errorf("root's folder is run by %v", owner)
		}
		return
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, 12346); err != nil {
		t.Fatal(err)
	}
	got, err := serverAccount(dir)
	if err != nil || *got != (account{uid: 12345, gid: 12346}) {
		t.Errorf("root runs a user's cluster as %+v, %v", got, err)
	}
	k := &cluster{home: "/", bin: "/bin", runAs: got}
	out, err := k.command("sh", "-c", "id -u; id -g; id -G; env").Output()
	if err != nil || !strings.HasPrefix(string(out), "12345\n12346\n12346\n") {
		t.Errorf("programs of the server run as %q: %v", out, err)
	}
	if strings.Contains(string(out), "HOME=") {
		t.Errorf("programs of the server see our environment: %q", out)
	}
}
