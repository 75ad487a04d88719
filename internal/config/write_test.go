package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/postern-desk/postern/internal/config"
)

// Tried: settings of every type, written down and read again as postern.toml.
func TestSettingsAreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	read := func(dir string, args ...string) config.Settings {
		t.Helper()
		var c struct{ config.Settings }
		parser, err := kong.New(&c, config.Options(config.Source{Dir: dir})...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatal(err)
		}
		return c.Settings
	}
	secret := "--database-url=postgres://app:hunter2@db.example/d"
	before := read(t.TempDir(), secret, "--desk-name", `Ann "&" Söhne \o/`, "--roles=web,watch", "--dns-server=127.0.0.1:53", "--reply-wait=90s",
		"--trusted-proxies=10.1.0.0/16,fd00:1::/64", "--log-level=warn", "--max-email-bytes=10MiB", "--ack-limit=7/2h", "--smtp-connections=9")
	text := before.TOML()
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "# database_url was set") {
		t.Errorf("the secret in\n%s", text)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "postern.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := read(dir, secret); !reflect.DeepEqual(after, before) {
		t.Errorf("read again\n%+v\nwas\n%+v\nfrom\n%s", after, before, text)
	}
}
