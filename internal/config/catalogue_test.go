package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/config"
)

func TestEverySettingIsDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, s := range config.All() {
		if seen[s.Name] || !name.MatchString(s.Name) {
			t.Errorf("%q: a name must be new and in snake_case", s.Name)
		}
		seen[s.Name] = true
		if s.Unit == "" || s.Group == "" || !strings.HasSuffix(s.Help, ".") {
			t.Errorf("%s: needs a unit, a group and a help of whole sentences: %+v", s.Name, s)
		}
		if s.Env != "POSTERN_"+strings.ToUpper(s.Name) || s.Flag != "--"+strings.ReplaceAll(s.Name, "_", "-") {
			t.Errorf("%s: variable %s and flag %s do not follow from the name", s.Name, s.Env, s.Flag)
		}
		if strings.HasSuffix(s.Name, "_url") && strings.Contains(s.Name, "database") != s.Secret {
			t.Errorf("%s: a database URL holds a password and must be a secret", s.Name)
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d settings were found", len(seen))
	}
}

// TestOperationsPageListsEverySetting keeps the tables of docs/operations.md true.
func TestOperationsPageListsEverySetting(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, s := range config.All() {
		if row := tableRow(s); !strings.Contains(string(page), row) {
			missing = append(missing, row)
		}
	}
	if len(missing) > 0 {
		t.Errorf("docs/operations.md lacks these rows:\n%s", strings.Join(missing, "\n"))
	}
	known := map[string]bool{}
	for _, s := range config.All() {
		known[s.Env], known[s.EnvFile()] = true, known[s.EnvFile()] || s.Secret
	}
	for _, variable := range regexp.MustCompile(`POSTERN_[A-Z_]*[A-Z]`).FindAllString(string(page), -1) {
		if !known[variable] {
			t.Errorf("docs/operations.md names %s, which is no setting", variable)
		}
	}
}

func tableRow(s config.Setting) string {
	preset := ""
	if s.Default != "" {
		preset = "`" + s.Default + "`"
	}
	return "| `" + s.Env + "` | " + preset + " | " + s.Unit + " | " + s.Help + " |"
}
