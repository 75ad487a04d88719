package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/config"
)

const (
	secretURL = "postgres://postern_app:hunter2@db.example/postern"
	otherURL  = "postgres://postern_app:other@db.example/postern"
)

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "url"), secretURL+"\r\n")
	write(t, filepath.Join(dir, "postern.toml"), `database_url_file = "url"`)

	byFile, err := parseIn(t, dir, run{})
	if err != nil || byFile.Serve.DatabaseURL.Reveal() != secretURL {
		t.Errorf("database_url_file in postern.toml: %q, %v", byFile.Serve.DatabaseURL.Reveal(), err)
	}
	env := []string{"POSTERN_DATABASE_URL_FILE=" + filepath.Join(dir, "url")}
	byEnv, err := parseIn(t, t.TempDir(), run{env: env})
	if err != nil || byEnv.Serve.DatabaseURL.Reveal() != secretURL {
		t.Errorf("POSTERN_DATABASE_URL_FILE: %q, %v", byEnv.Serve.DatabaseURL.Reveal(), err)
	}
	direct, err := parseIn(t, dir, run{env: []string{"POSTERN_DATABASE_URL=" + otherURL}})
	if err != nil || direct.Serve.DatabaseURL.Reveal() != otherURL {
		t.Errorf("a variable must beat the file's secret file: %q, %v", direct.Serve.DatabaseURL.Reveal(), err)
	}
}

func TestSecretFileThatCannotServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty"), "\n")
	write(t, filepath.Join(dir, "url"), secretURL)
	write(t, filepath.Join(dir, "big"), strings.Repeat("x", 70<<10))
	for name, env := range map[string][]string{
		"absent":     {"POSTERN_DATABASE_URL_FILE=absent"},
		"empty":      {"POSTERN_DATABASE_URL_FILE=empty"},
		"too large":  {"POSTERN_DATABASE_URL_FILE=big"},
		"given both": {"POSTERN_DATABASE_URL_FILE=url", "POSTERN_DATABASE_URL=" + otherURL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseIn(t, dir, run{env: env})
			if err == nil || !strings.Contains(err.Error(), "POSTERN_DATABASE_URL_FILE") {
				t.Errorf("%v gave %v, want an error that names the variable", env, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the secret: %v", err)
			}
		})
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	got := mustParse(t, run{env: []string{"POSTERN_DATABASE_URL=" + secretURL}}).Serve.Settings
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("settings", "url", got.DatabaseURL, "all", got)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "url", got.DatabaseURL, "all", got)
	asJSON, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", got), "%+v": fmt.Sprintf("%+v", got), "%#v": fmt.Sprintf("%#v", got),
		"Sprint": fmt.Sprint(got.DatabaseURL), "%q": fmt.Sprintf("%q", got.DatabaseURL),
		"log": log.String(), "JSON": string(asJSON),
	} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s prints the password: %s", name, text)
		}
		if !strings.Contains(text, "[secret]") {
			t.Errorf("%s does not say that there is a secret: %s", name, text)
		}
	}
	if config.Secret("").IsSet() || config.Secret("").String() != "" {
		t.Error("an empty secret must look empty")
	}
}

// The secret of one command comes as the others do, and does not trouble the commands beside it.
func TestMailboxPasswordFromFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "open to all")
	if err := os.WriteFile(path, []byte("hunter2 \n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	env := []string{"POSTERN_MAILBOX_PASSWORD_FILE=" + path}
	c, err := parseIn(t, dir, run{env: env, args: []string{"add"}})
	if err != nil || c.Add.MailboxPassword.Reveal() != "hunter2 " {
		t.Errorf("got %q, %v", c.Add.MailboxPassword.Reveal(), err)
	}
	for _, flag := range []string{"--password=x", "--mailbox-password=x"} {
		c, err := parseIn(t, dir, run{env: env, args: []string{"add", flag}})
		if err != nil || c.Add.MailboxPassword.Reveal() != "x" {
			t.Errorf("%s: %q, %v", flag, c.Add.MailboxPassword.Reveal(), err)
		}
	}
	if _, err := parseIn(t, dir, run{env: env}); err != nil {
		t.Errorf("serve beside it: %v", err)
	}
	for name, env := range map[string]string{"absent": "POSTERN_MAILBOX_PASSWORD_FILE=/no/such", "folder": "POSTERN_MAILBOX_PASSWORD_FILE=" + dir} {
		_, err := parseIn(t, dir, run{env: []string{env}, args: []string{"add"}})
		var problems config.Problems
		if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0], env[:len("POSTERN_MAILBOX_PASSWORD_FILE")]+": /") ||
			!strings.Contains(problems[0], "name a file that this user may read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
