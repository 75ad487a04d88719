package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/postern-desk/postern/internal/config"
)

// cli is a command line as cmd/postern builds it.
type cli struct {
	config.File
	Serve struct {
		config.Settings
	} `cmd:"" help:"Run the desk."`
	Demo struct {
		config.Settings
		SMTP string `name:"smtp" default:"127.0.0.1:2525" help:"Where the demo takes email."`
	} `cmd:"" set:"data_dir=./demo-data" help:"Try the desk."`
	Migrate struct {
		config.Storage
	} `cmd:"" help:"Bring the schema up to date."`
	Add struct {
		config.Login
	} `cmd:"" help:"Add a mailbox."`
	Version struct{} `cmd:"" help:"Print the version."`
}

// run is one start of the program: its variables, its postern.toml and its arguments.
type run struct {
	env  []string
	file string
	args []string
}

func parse(t *testing.T, r run) (*cli, error) {
	t.Helper()
	dir := t.TempDir()
	if r.file != "" {
		write(t, filepath.Join(dir, "postern.toml"), r.file)
	}
	return parseIn(t, dir, r)
}

func parseIn(t *testing.T, dir string, r run) (*cli, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, config.Options(config.Source{Environ: r.env, Dir: dir})...)
	if err != nil {
		t.Fatalf("the command line does not build: %v", err)
	}
	if r.args == nil {
		r.args = []string{"serve"}
	}
	_, err = parser.Parse(r.args)
	return &c, err
}

func mustParse(t *testing.T, r run) *cli {
	t.Helper()
	c, err := parse(t, r)
	if err != nil {
		t.Fatalf("settings %+v were refused: %v", r, err)
	}
	return c
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFlagBeatsVariableBeatsFileBeatsDefault(t *testing.T) {
	t.Parallel()
	const file = `poll_interval = "9s"`
	env := []string{"POSTERN_POLL_INTERVAL=8s"}
	for _, c := range []struct {
		name, want string
		run        run
	}{
		{"all three: the flag", "7s", run{env: env, file: file, args: []string{"serve", "--poll-interval=7s"}}},
		{"variable and file: the variable", "8s", run{env: env, file: file}},
		{"the file alone", "9s", run{file: file}},
		{"nothing: the default", "1m0s", run{}},
		{"an empty variable is not set", "9s", run{env: []string{"POSTERN_POLL_INTERVAL="}, file: file}},
		{"the last of two variables", "3s", run{env: []string{"POSTERN_POLL_INTERVAL=2s", "POSTERN_POLL_INTERVAL=3s"}}},
		{"a flag given with the default's value", "1m0s", run{env: env, args: []string{"serve", "--poll-interval=60s"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := mustParse(t, c.run).Serve.PollInterval.String(); got != c.want {
				t.Errorf("poll interval is %s, want %s", got, c.want)
			}
		})
	}
}

func TestFileHoldsEveryKindOfValue(t *testing.T) {
	t.Parallel()
	got := mustParse(t, run{file: `
roles = ["web", "worker"]
max_email_bytes = 1048576
fetch_batch_bytes = "2 MiB"
fetch_batch_messages = 7
ticket_limit_address = "3/5m"
webhook_allow = ["10.1.0.0/16", "fd00::/8"]
dns_server = "127.0.0.1:5353"
log_level = "debug"
`}).Serve
	if !got.Roles.Has(config.RoleWorker) || got.Roles.Has(config.RoleWatch) {
		t.Errorf("roles: %v", got.Roles)
	}
	if got.MaxEmailBytes != 1<<20 || got.FetchBatchBytes != 2<<20 || got.FetchBatchMessages != 7 {
		t.Errorf("sizes: %v %v %v", got.MaxEmailBytes, got.FetchBatchBytes, got.FetchBatchMessages)
	}
	if got.TicketLimitAddress.String() != "3/5m0s" {
		t.Errorf("limit: %v", got.TicketLimitAddress)
	}
	if len(got.WebhookAllow) != 2 || got.WebhookAllow[1].Bits() != 8 {
		t.Errorf("networks: %v", got.WebhookAllow)
	}
	if got.DNSServer.Port() != 5353 || got.LogLevel.String() != "DEBUG" {
		t.Errorf("dns %v, log level %v", got.DNSServer, got.LogLevel)
	}
}

func TestSettingsFileIsFoundAndMissed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "other.toml"), `desk_name = "Other"`)
	write(t, filepath.Join(dir, "third.toml"), `desk_name = "Third"`)

	byEnv, err := parseIn(t, dir, run{env: []string{"POSTERN_CONFIG=other.toml"}})
	if err != nil || byEnv.Serve.DeskName != "Other" {
		t.Errorf("POSTERN_CONFIG=other.toml: name %q, error %v", byEnv.Serve.DeskName, err)
	}
	both := run{env: []string{"POSTERN_CONFIG=other.toml"}, args: []string{"--config=third.toml", "serve"}}
	byFlag, err := parseIn(t, dir, both)
	if err != nil || byFlag.Serve.DeskName != "Third" {
		t.Errorf("--config beside POSTERN_CONFIG: name %q, error %v", byFlag.Serve.DeskName, err)
	}
	if _, err := parseIn(t, dir, run{args: []string{"serve", "--config", "absent.toml"}}); err == nil {
		t.Error("a file that was named and is missing was passed over")
	}
	if _, err := parseIn(t, dir, run{}); err != nil {
		t.Errorf("without a postern.toml: %v", err)
	}
}

func TestUnknownSettingIsRefusedWithTheNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		run  run
		want string
	}{
		{"variable", run{env: []string{"POSTERN_LISTN=:1"}}, "POSTERN_LISTN: there is no such setting; did you mean POSTERN_LISTEN?"},
		{"file", run{file: `pol_interval = "1s"`}, "postern.toml: pol_interval: there is no such setting; did you mean poll_interval?"},
		{"nothing near", run{file: `colour = "red"`}, "postern.toml: colour: there is no such setting"},
		{"file secret of what is no secret", run{env: []string{"POSTERN_LISTEN_FILE=/x"}}, "POSTERN_LISTEN_FILE: there is no such setting"},
		{"a command with other settings", run{env: []string{"POSTERN_LISTN=:1"}, args: []string{"migrate"}}, "POSTERN_LISTN"},
		{"the file cannot name itself", run{file: `config = "x"`}, "postern.toml: config: there is no such setting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, c.run)
			var problems config.Problems
			if !errors.As(err, &problems) || !strings.Contains(problems.Error(), c.want) {
				t.Errorf("got error %v, want problems with %q", err, c.want)
			}
		})
	}
}

func TestOtherCommandsSettingsAreNoError(t *testing.T) {
	t.Parallel()
	c := mustParse(t, run{
		file: `listen = ":9"`, env: []string{"POSTERN_DATA_DIR=/d", "HOME=/root"}, args: []string{"migrate"},
	})
	if c.Migrate.DataDir != "/d" {
		t.Errorf("migrate's data folder is %q", c.Migrate.DataDir)
	}
	mustParse(t, run{file: `listen = ":9"`, args: []string{"version"}})
}

func TestCommandsOwnFlagIsNoSetting(t *testing.T) {
	t.Parallel()
	if _, err := parse(t, run{env: []string{"POSTERN_SMTP=:1"}, args: []string{"demo"}}); err == nil {
		t.Error("POSTERN_SMTP was taken, but --smtp belongs to one command")
	}
	if c := mustParse(t, run{args: []string{"demo", "--smtp=:1"}}); c.Demo.SMTP != ":1" {
		t.Errorf("--smtp gave %q", c.Demo.SMTP)
	}
}

func TestDataFolderDefaults(t *testing.T) {
	t.Parallel()
	xdg := []string{"XDG_STATE_HOME=/home/ada/.local/state"}
	if got := mustParse(t, run{}).Serve.DataDir; got != "./postern-data" {
		t.Errorf("default: %q", got)
	}
	if got := mustParse(t, run{env: xdg}).Serve.DataDir; got != "/home/ada/.local/state/postern" {
		t.Errorf("with XDG_STATE_HOME: %q", got)
	}
	if got := mustParse(t, run{env: xdg, args: []string{"demo"}}).Demo.DataDir; got != "./demo-data" {
		t.Errorf("demo: %q", got)
	}
	if got := mustParse(t, run{env: []string{"POSTERN_DATA_DIR=/d"}, args: []string{"demo"}}).Demo.DataDir; got != "/d" {
		t.Errorf("demo with POSTERN_DATA_DIR: %q", got)
	}
	if got := mustParse(t, run{args: []string{"demo", "--data=/e"}}).Demo.DataDir; got != "/e" {
		t.Errorf("demo with --data: %q", got)
	}
}

func TestBadValueNamesItsOrigin(t *testing.T) {
	t.Parallel()
	_, err := parse(t, run{env: []string{"POSTERN_POLL_INTERVAL=soon"}, file: "max_email_bytes = \"50MB\"\nack_limit = 3"})
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("want three problems, got %v", err)
	}
	for _, want := range []string{
		`POSTERN_POLL_INTERVAL: "soon" cannot be read; expected: duration, such as 60s`,
		`postern.toml: max_email_bytes: "50MB" cannot be read; expected: bytes, such as 50MiB`,
		`postern.toml: ack_limit: "3" cannot be read; expected: letters/duration, such as 3/1h`,
	} {
		if !slices.Contains(problems, want) {
			t.Errorf("no line %q in:\n%v", want, problems)
		}
	}
}

// Tried: every setting that is not plain text with a word that is none of its values, with nothing, and
// with another flag in the place of its value. Neither Go's nor the parser's words come through.
func TestBadFlagSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, s := range config.All() {
		_, err := parse(t, run{args: []string{"serve", s.Flag + "=ba na\nna"}})
		if err == nil || s.Group == "Commands" || !strings.Contains(err.Error(), "cannot be read") {
			continue // any text is a value of it, or Validate speaks
		}
		refused++
		var problems config.Problems
		want := s.Flag + `: "ba na\nna" cannot be read; expected: ` + s.Unit + ", such as "
		if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0], want) || strings.HasSuffix(problems[0], "such as ") {
			t.Errorf("%s: got %q, want one line with %q and an example", s.Flag, err, want)
		}
	}
	if refused < 15 {
		t.Errorf("only %d settings refused the word", refused)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{`--reply-wait: "" cannot be read; expected: duration, such as 10m`, []string{"serve", "--reply-wait="}},
		{`--reply-wait: the value is missing; expected: duration, such as 10m`, []string{"serve", "--reply-wait"}},
		{`--reply-wait: the value is missing; expected: duration, such as 10m`, []string{"serve", "--reply-wait", "--ack-limit=3/1h"}},
		{`--dns-server: "ns.example" cannot be read; expected: address:port, such as 127.0.0.1:53`, []string{"serve", "--dns-server", "ns.example"}},
		{`--ingest-workers: "` + strings.Repeat("é", 60) + `..." cannot be read; expected: workers, such as 3`, []string{"serve", "--ingest-workers", strings.Repeat("é", 5000)}},
	} {
		_, err := parse(t, run{args: c.args})
		var problems config.Problems
		if !errors.As(err, &problems) || len(problems) != 1 || problems[0] != c.want {
			t.Errorf("%.50q gave %v, want %q", c.args, err, c.want)
		}
	}
}

// Who repairs a file, or asks what a version it is, must not be stopped by the file.
func TestCommandsWithoutSettingsIgnoreABrokenFile(t *testing.T) {
	t.Parallel()
	for _, r := range []run{
		{file: "listen = :1"},
		{file: `colour = "red"`},
		{file: `poll_interval = "soon"`},
		{env: []string{"POSTERN_CONFIG=/no/such/file"}},
		{env: []string{"POSTERN_LISTN=:1", "POSTERN_DATABASE_URL_FILE=/no/such/file"}},
	} {
		r.args = []string{"version"}
		mustParse(t, r)
		r.args = []string{"serve"}
		if _, err := parse(t, r); err == nil {
			t.Errorf("serve took %+v", r)
		}
	}
}

// Tried: a named file that is absent, a folder, and one in a folder that is a file.
func TestNamedFileThatCannotBeReadNamesTheSetting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "plain"), "")
	for _, path := range []string{filepath.Join(dir, "absent.toml"), dir, filepath.Join(dir, "plain", "postern.toml")} {
		for origin, r := range map[string]run{
			"POSTERN_CONFIG: ": {env: []string{"POSTERN_CONFIG=" + path}},
			"--config: ":       {args: []string{"serve", "--config", path}},
		} {
			_, err := parse(t, r)
			var problems config.Problems
			if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0], origin+path+": ") || !strings.HasSuffix(problems[0], "or none") {
				t.Errorf("got %v, want one line that starts with %s%s and says what to do", err, origin, path)
			}
		}
	}
}

func TestBrokenFileNamesTheLineAndHidesItsText(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"no quotes":    "listen = \":1\"\ndatabase_url = postgres://a:hunter2@h/d\n",
		"open quote":   "listen = \":1\"\ndatabase_url = \"postgres://a:hunter2@h/d\n",
		"a key at all": "listen = \":1\"\nhunter2\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, run{file: file})
			if err == nil || !strings.Contains(err.Error(), "line 2") && !strings.Contains(err.Error(), "line 3") {
				t.Errorf("the line is not named: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
	if _, err := parse(t, run{file: "[mail]\nlisten = \":1\"\n"}); err == nil {
		t.Error("a table was taken")
	}
}

func TestHelpShowsEverySettingWithDefaultAndUnit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var c cli
	options := append(config.Options(config.Source{Dir: t.TempDir()}),
		kong.Writers(&out, &out), kong.Exit(func(int) {}), kong.UsageOnError())
	parser, err := kong.New(&c, options...)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = parser.Parse([]string{"serve", "--help"}) // help ends the program; here it only returns
	// The printer wraps lines where it likes.
	help := strings.Join(strings.Fields(out.String()), " ")
	for _, s := range config.All() {
		if s.Group == "Commands" {
			continue // of other commands than serve
		}
		note := "[" + s.Unit + "; "
		if s.Default != "" {
			note += "default " + s.Default + "; "
		}
		note += s.Env + "]"
		if !strings.Contains(help, s.Flag+"=") || !strings.Contains(help, s.Help+" "+note) {
			t.Errorf("--help does not show %s with %q", s.Flag, s.Help+" "+note)
		}
	}
}
