package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/postern-desk/postern/internal/config"
)

// inContainer begins a command of ours in a running container of the compose file.
const inContainer = "docker compose exec "

// containerCommands are the program's arguments of every such command on a page.
func containerCommands(t *testing.T, page string) (found [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.NewReplacer("\\\n#", " ", "\\\n", " ").Replace(string(text))
	for line := range strings.Lines(joined) {
		_, command, ok := strings.Cut(line, inContainer)
		if !ok {
			continue
		}
		command, _, _ = strings.Cut(command, " # ")
		before, args, ok := strings.Cut(command, "postern postern ") // the service, then the program
		options := strings.Fields(before)
		if !ok || len(options) != 0 && (len(options) != 2 || options[0] != "-e" || !strings.HasPrefix(options[1], "POSTERN_MAILBOX_PASSWORD")) {
			t.Errorf("%s: %q does not run the program in the service", page, line)
		}
		found = append(found, strings.Fields(strings.ReplaceAll(args, `"`, "")))
	}
	return found
}

// The commands that finish a set-up with containers are what people copy first: each must be one that this
// program takes, up to what only a server could refuse.
func TestCommandsOfThePagesAreCommands(t *testing.T) {
	t.Parallel()
	for page, least := range map[string]int{"README.md": 3, "docker-compose.yml": 2} {
		seen := map[string]bool{}
		for _, args := range containerCommands(t, page) {
			var c cli
			source := config.Source{Environ: []string{"POSTERN_MAILBOX_PASSWORD=any"}, Dir: t.TempDir()}
			parser, err := kong.New(&c, config.Options(source)...)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.Parse(args)
			if err != nil {
				t.Errorf("%s: %v: %v", page, args, err)
				continue
			}
			least--
			seen[parsed.Command()] = true
			if c.Mailbox.Add.Address != "" {
				if _, err := c.Mailbox.Add.fields(); err != nil {
					t.Errorf("%s: %v: %v", page, args, err)
				}
			}
		}
		if least > 0 || !seen["mailbox add <address>"] || !seen["apikey create"] {
			t.Errorf("%s lacks commands that finish a set-up: %v", page, seen)
		}
	}
	image, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	// The program is called by its name alone: it must be where the base image looks for programs.
	if !strings.Contains(string(image), `ENTRYPOINT ["/usr/local/bin/postern"]`) {
		t.Error("the program lies elsewhere than the pages say")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if first := strings.Join(strings.SplitAfter(string(readme), "\n")[:30], ""); strings.Count(first, inContainer) != 2 {
		t.Error("the first screen of README.md does not finish a set-up with containers")
	}
}
