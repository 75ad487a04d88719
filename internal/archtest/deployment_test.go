package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/postern-desk/postern/internal/config"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compose is what these tests read of a compose file.
type compose struct {
	Services map[string]struct {
		Environment     map[string]string `json:"environment"`
		StopGracePeriod string            `json:"stop_grace_period"`
		Ports           []struct {
			HostIP string `json:"host_ip"`
		} `json:"ports"`
	} `json:"services"`
}

// loadCompose lets the Compose specification's own tool check the file against the schema and
// resolve it; the tool comes from tools/go.mod.
func loadCompose(t *testing.T, file string) (compose, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod",
		"github.com/compose-spec/compose-go/v2/cmd", "-format", "json", file)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return compose{}, fmt.Errorf("%s: %s", filepath.Base(file), failed.Stderr)
	}
	if err != nil {
		t.Fatalf("the compose tool does not run: %v", err)
	}
	var c compose
	if err := json.Unmarshal(out, &c); err != nil {
		t.Fatalf("the compose tool printed no JSON: %v", err)
	}
	return c, nil
}

func TestComposeFileKeepsTheSpecification(t *testing.T) {
	t.Parallel()
	if _, err := loadCompose(t, "docker-compose.yml"); err != nil {
		t.Fatal(err)
	}
	good := read(t, "docker-compose.yml")
	for name, bad := range map[string]string{
		"unknown key":  strings.Replace(good, "network_mode:", "netwrok_mode:", 1),
		"wrong type":   strings.Replace(good, "retries: 60", "retries: [60]", 1),
		"no condition": strings.Replace(good, "service_healthy", "service_hearty", 1),
	} {
		if bad == good {
			t.Fatalf("%s: the example changes nothing", name)
		}
		file := filepath.Join(t.TempDir(), "docker-compose.yml")
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadCompose(t, file); err == nil {
			t.Errorf("%s: the check let it pass", name)
		}
	}
}

func TestComposeServicesAreValidDesks(t *testing.T) {
	t.Parallel()
	c, err := loadCompose(t, "docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postern", "migrate"} {
		var env []string
		for key, value := range c.Services[name].Environment {
			env = append(env, key+"="+value)
		}
		var cli struct{ config.Settings }
		parser, err := kong.New(&cli, config.Options(config.Source{Environ: env, Dir: t.TempDir()})...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(nil); err != nil {
			t.Errorf("service %s would not start: %v", name, err)
		}
		if !cli.DatabaseURL.IsSet() || !cli.OwnerDatabaseURL.IsSet() {
			t.Errorf("service %s has no database: the image has no PostgreSQL of its own", name)
		}
		grace, err := time.ParseDuration(c.Services["postern"].StopGracePeriod)
		if err != nil || grace <= cli.ShutdownDrain {
			t.Errorf("stop_grace_period %v (%v) must exceed the drain of %s", grace, err, cli.ShutdownDrain)
		}
	}
	for name, service := range c.Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("service %s opens a port to the network: %q", name, port.HostIP)
			}
		}
	}
}

// TestEveryNamedVariableExists reads what operators copy from.
func TestEveryNamedVariableExists(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range config.All() {
		known[s.Env] = true
		known[s.EnvFile()] = known[s.EnvFile()] || s.Secret
	}
	var pages []string
	for _, folder := range []string{"docs", "docs/adr"} {
		found, err := filepath.Glob(filepath.Join(root(t), folder, "*.md"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s has no pages: %v", folder, err)
		}
		pages = append(pages, found...)
	}
	for _, name := range []string{"README.md", "Dockerfile", "docker-compose.yml", "Makefile"} {
		pages = append(pages, filepath.Join(root(t), name))
	}
	variable := regexp.MustCompile(`POSTERN_[A-Z_]*[A-Z]`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			if !known[name] {
				t.Errorf("%s names %s, which is no setting", filepath.Base(page), name)
			}
		}
	}
}

func TestImageIsSmallAndUnprivileged(t *testing.T) {
	t.Parallel()
	image := read(t, "Dockerfile")
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if goVersion == nil {
		t.Fatal("go.mod names no Go version")
	}
	for _, want := range []string{
		"FROM golang:" + goVersion[1] + " AS build", "CGO_ENABLED=0", "FROM gcr.io/distroless/static", "USER 65532:65532",
	} {
		if !strings.Contains(image, want) {
			t.Errorf("Dockerfile lacks %q", want)
		}
	}
	ignored := strings.Split(read(t, ".dockerignore"), "\n")
	for _, r := range rooms {
		top, _, _ := strings.Cut(r.path, "/")
		if !slices.Contains(ignored, "!"+top) {
			t.Errorf(".dockerignore keeps %s out of the build", top)
		}
	}
}

func TestCommandsStandWherePeopleLook(t *testing.T) {
	t.Parallel()
	screen := strings.Join(strings.SplitAfter(read(t, "README.md"), "\n")[:30], "")
	for _, command := range []string{"make demo", "make test"} {
		if !strings.Contains(screen, command) {
			t.Errorf("the first screen of README.md lacks %q", command)
		}
	}
	info, err := os.Stat(filepath.Join(root(t), ".ci", "run"))
	if err != nil || info.Mode()&0o111 == 0 {
		t.Errorf(".ci/run must be executable: %v, %v", info, err)
	}
	if script := read(t, ".ci", "run"); strings.Count(script, "make ") != 1 || !strings.Contains(script, "exec make test\n") {
		t.Errorf(".ci/run must run make test and nothing else:\n%s", script)
	}
	help, err := exec.CommandContext(t.Context(), "make", "-C", root(t), "--no-print-directory").Output()
	if err != nil {
		t.Fatal(err)
	}
	phony := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if phony == nil {
		t.Fatal("the Makefile names no targets")
	}
	for _, target := range strings.Fields(phony[1]) {
		if !strings.Contains(string(help), "make "+target+" ") {
			t.Errorf("make, which shows its help, does not show %s", target)
		}
	}
}
