package embedded

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// defaultSettings suit a small machine that runs the worker beside the database.
var defaultSettings = map[string]string{
	"listen_addresses":         "", // the unix socket only
	"port":                     "5432",
	"unix_socket_permissions":  "0700",
	"cluster_name":             "postern",
	"max_connections":          "200",
	"shared_buffers":           "256MB",
	"max_wal_size":             "2GB",
	"fsync":                    "on",
	"synchronous_commit":       "on",
	"full_page_writes":         "on",
	"jit":                      "off", // short queries: compiling costs more than it saves
	"timezone":                 "UTC",
	"log_timezone":             "UTC",
	"password_encryption":      "scram-sha-256",
	"logging_collector":        "on",
	"log_directory":            "log",
	"log_filename":             "postgres-%a.log", // a week, each day over the last one of its name
	"log_truncate_on_rotation": "on",
	"log_rotation_age":         "1d",
	"log_rotation_size":        "0",
	"log_line_prefix":          "%m [%p] %q%u@%d ",
	// Statements and the DETAIL of an error hold addresses and text of emails.
	"log_min_error_statement": "panic",
	"log_error_verbosity":     "terse",
}

// fastSettings give up durability for speed.
var fastSettings = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
}

const settingsFile = "postern.conf"

var settingName = regexp.MustCompile(`^[a-z][a-z0-9_.]*$`)

// writeSettings puts our settings into a file that postgresql.conf includes at its end. What an
// administrator sets by ALTER SYSTEM still wins.
func (k *cluster) writeSettings(ctx context.Context, extra map[string]string) error {
	settings := maps.Clone(defaultSettings)
	settings["unix_socket_directories"] = k.socket
	if k.fast {
		maps.Copy(settings, fastSettings)
	}
	if k.knowsLZ4(ctx) {
		settings["wal_compression"] = "lz4"
		settings["default_toast_compression"] = "lz4"
	}
	maps.Copy(settings, extra)
	text := &strings.Builder{}
	text.WriteString("# Written at every start. Your own settings: ALTER SYSTEM SET ...\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !settingName.MatchString(name) || strings.ContainsAny(settings[name], "\n\r\x00") {
			return fmt.Errorf("the database setting %q has a malformed name or value", name)
		}
		fmt.Fprintf(text, "%s = '%s'\n", name, quoteSetting.Replace(settings[name]))
	}
	if err := k.includeSettings(); err != nil {
		return err
	}
	return k.give(filepath.Join(k.data, settingsFile), text.String())
}

var quoteSetting = strings.NewReplacer(`'`, `''`, `\`, `\\`)

// includeSettings adds the include to postgresql.conf once.
func (k *cluster) includeSettings() error {
	path := filepath.Join(k.data, "postgresql.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	line := "include_if_exists = '" + settingsFile + "'\n"
	if strings.Contains(string(text), line) {
		return nil
	}
	return k.give(path, string(text)+"\n"+line)
}

// give writes a file of the server's user.
func (k *cluster) give(path, text string) error {
	if err := writeWhole(path, []byte(text), 0o600); err != nil {
		return err
	}
	return k.own(path)
}

// knowsLZ4 asks the server whether it was built with LZ4: postgres -C refuses unknown values.
func (k *cluster) knowsLZ4(ctx context.Context) bool {
	cmd := k.command("postgres", "-D", k.data, "-C", "default_toast_compression", "-c", "default_toast_compression=lz4")
	if err := cmd.Start(); err != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	return cmd.Wait() == nil
}
