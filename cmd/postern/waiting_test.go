package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/testdb"
)

// absent is a database whose server is away until it comes: its socket is not where the URL says.
func absent(t *testing.T, raw, dir string) (away string, come func()) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	socket := filepath.Join(query.Get("host"), ".s.PGSQL."+query.Get("port"))
	if _, err := os.Stat(socket); err != nil {
		t.Fatalf("the tests' server has no socket: %v", err)
	}
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return u.String(), func() {
		if err := os.Symlink(socket, filepath.Join(dir, filepath.Base(socket))); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

// asked is what the process says of itself at a path; status 0 where nobody answers.
func asked(t *testing.T, address string) (status int, about map[string]any) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, &about)
	}
	if err != nil {
		t.Errorf("%s: %v: %s", address, err, text)
	}
	return response.StatusCode, about
}

// Tried: no server at the start, with and without the owner's login; then it comes.
func TestDeskWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	for name, owned := range map[string]bool{"with the owner": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			urls, dir := testdb.New(t), t.TempDir()
			app, come := absent(t, urls.AppURL, dir)
			owner, _ := absent(t, urls.OwnerURL, dir)
			api := "http://" + freePort(t)
			settings := []string{"POSTERN_DATABASE_URL=" + app, "POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_LISTEN=" + strings.TrimPrefix(api, "http://")}
			if owned {
				settings = append(settings, "POSTERN_OWNER_DATABASE_URL="+owner)
			}
			c := start(t, nil, settings, "serve")
			waitFor(t, patience, "it has tried twice", func() bool { return strings.Count(c.said.String(), "the desk waits for it") >= 2 })
			if status, about := asked(t, api+"/healthz"); status != 200 || about["version"] != "dev" || len(about["roles"].([]any)) != 3 {
				t.Errorf("alive: %d %v", status, about)
			}
			for _, path := range []string{"/readyz", "/v1/tickets", "/support", "/nothing"} {
				if status, about := asked(t, api+path); status != 503 || about["code"] != "unavailable" {
					t.Errorf("%s: %d %v", path, status, about)
				}
			}
			if said := c.said.String(); strings.Contains(said, "goroutine") || !strings.Contains(said, "level=WARN") {
				t.Errorf("it says\n%s", said)
			}
			come()
			waitFor(t, patience, "it is ready", func() bool {
				status, about := asked(t, api+"/readyz")
				return status == 200 && about["status"] == "ready" && about["version"] == "dev"
			})
			if _, about := asked(t, api+"/v1/me"); about["code"] != "unauthorized" {
				t.Errorf("the API says %v", about)
			}
		})
	}
}

func TestDeskThatWaitsStopsAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, nil, []string{"POSTERN_DATABASE_URL=postgres://a:hunter2@127.0.0.1:1/d", "POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_LISTEN=127.0.0.1:0"}, "serve")
	waitFor(t, patience, "it waits for a second or more", func() bool { return strings.Contains(c.said.String(), "next_try_in=2s") })
	began := time.Now()
	c.interrupt(t)
	if took := time.Since(began); took > time.Second || c.command.ProcessState.ExitCode() != 0 {
		t.Errorf("it ended after %s with %d", took, c.command.ProcessState.ExitCode())
	}
	if said := c.said.String(); strings.Contains(said, "hunter2") {
		t.Errorf("the password is in the log:\n%s", said)
	}
}

// Tried: a login that the server refuses, which no waiting makes right.
func TestDeskDoesNotWaitForARefusal(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(testdb.New(t).AppURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("postern_app", "wrong")
	_, errs, status := command(t, []string{"POSTERN_DATABASE_URL=" + u.String(), "POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_LISTEN=127.0.0.1:0"}, "serve")
	if status != 1 || !strings.Contains(errs, "password") || strings.Contains(errs, "waits for it") {
		t.Errorf("status %d:\n%s", status, errs)
	}
}
