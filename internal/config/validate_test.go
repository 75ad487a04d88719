package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/config"
)

func TestValidateTellsSettingAndRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, want string }{
		{"--public-url=http://desk.example", "POSTERN_PUBLIC_URL: must be https:// or a loopback http:// address without a path, e.g. https://desk.example"},
		{"--public-url=https://", "POSTERN_PUBLIC_URL: "},
		{"--public-url=https://u:p@desk.example", "POSTERN_PUBLIC_URL: "},
		{"--public-url=https://desk.example/help", "POSTERN_PUBLIC_URL: "},
		{"--public-url=desk.example", "POSTERN_PUBLIC_URL: "},
		{"--listen=0.0.0.0:8080", "POSTERN_PUBLIC_URL: must be set when POSTERN_LISTEN is not loopback"},
		{"--listen=8080", "POSTERN_LISTEN: "},
		{"--listen=127.0.0.1:70000", "POSTERN_LISTEN: "},
		{"--data-dir=", "POSTERN_DATA_DIR: "},
		{"--database-url=mysql://h/d", "POSTERN_DATABASE_URL: "},
		{"--database-url=postgres:///d", "POSTERN_DATABASE_URL: "},
		{"--owner-database-url=postgres://o:p@h/d", "POSTERN_OWNER_DATABASE_URL: needs POSTERN_DATABASE_URL"},
		{"--roles=web,wroker", "POSTERN_ROLES: "},
		{"--roles=web,web", "POSTERN_ROLES: "},
		{"--roles=", "POSTERN_ROLES: "},
		{"--log-format=xml", "POSTERN_LOG_FORMAT: "},
		{"--shutdown-drain=0s", "POSTERN_SHUTDOWN_DRAIN: must be a duration from 1s to 5m0s"},
		{"--desk-name=", "POSTERN_DESK_NAME: "},
		{"--desk-name=a\nb", "POSTERN_DESK_NAME: "},
		{"--language=klingon1!", "POSTERN_LANGUAGE: "},
		{"--language=pt-BR", "POSTERN_LANGUAGE: must be a language that the desk speaks: en (English), de (Deutsch)"},
		{"--business-hours=9-17", "POSTERN_BUSINESS_HOURS: \"9-17\" is not like mon-fri 09:00-17:00"},
		{"--holidays=12-25", "POSTERN_BUSINESS_HOURS: holidays need hours"},
		{"--logo-url=http://desk.example/logo.png", "POSTERN_LOGO_URL: must be an https URL"},
		{"--logo-url=https:logo.png", "POSTERN_LOGO_URL: must be an https URL"},
		{"--accent-color=green", "POSTERN_ACCENT_COLOR: must be a colour"},
		{"--accent-color=#12345g", "POSTERN_ACCENT_COLOR: must be a colour"},
		{"--accent-color=#ffcc00", "POSTERN_ACCENT_COLOR: has a contrast of 1.5 to white"},
		{"--time-zone=Mars/Base", "POSTERN_TIME_ZONE: "},
		{"--time-zone=", "POSTERN_TIME_ZONE: "},
		{"--poll-interval=10ms", "POSTERN_POLL_INTERVAL: "},
		{"--idle-slice=30m", "POSTERN_IDLE_SLICE: "},
		{"--fetch-batch-messages=0", "POSTERN_FETCH_BATCH_MESSAGES: "},
		{"--fetch-batch-bytes=1KiB", "POSTERN_FETCH_BATCH_BYTES: "},
		{"--max-email-bytes=2GiB", "POSTERN_MAX_EMAIL_BYTES: must be a size from 1MiB to 1GiB"},
		{"--reply-wait=2h", "POSTERN_REPLY_WAIT: "},
		{"--ingest-workers=0", "POSTERN_INGEST_WORKERS: must be a number from 1 to 64"},
		{"--dns-server=127.0.0.1:0", "POSTERN_DNS_SERVER: "},
		{"--trusted-proxies=10.1.0.0/16,::/0", "POSTERN_TRUSTED_PROXIES: must not be everybody"},
		{"--letter-attempt-days=0", "POSTERN_LETTER_ATTEMPT_DAYS: "},
		{"--smtp-connections=0", "POSTERN_SMTP_CONNECTIONS: "},
		{"--retain-raw-email-days=0", "POSTERN_RETAIN_RAW_EMAIL_DAYS: "},
		{"--retain-letter-days=0", "POSTERN_RETAIN_LETTER_DAYS: "},
		{"--retain-awaited-days=0", "POSTERN_RETAIN_AWAITED_DAYS: "},
		{"--retain-key-hours=23", "POSTERN_RETAIN_KEY_HOURS: "}, // callers are promised a day
		{"--retain-done-job-hours=0", "POSTERN_RETAIN_DONE_JOB_HOURS: "},
		{"--retain-lost-job-days=366", "POSTERN_RETAIN_LOST_JOB_DAYS: "},
	} {
		t.Run(c.flag, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, run{args: []string{"serve", c.flag}})
			var problems config.Problems
			if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0], c.want) {
				t.Errorf("%s gave %v, want one line starting with %q", c.flag, err, c.want)
			}
		})
	}
}

// Hours and holidays are read together; the line names the one that is wrong.
func TestWrongHolidayIsNamed(t *testing.T) {
	t.Parallel()
	_, err := parse(t, run{args: []string{"serve", "--business-hours=mon-fri 09:00-17:00", "--holidays=12-25, 25.12."}})
	if err == nil || !strings.Contains(err.Error(), `POSTERN_HOLIDAYS: "25.12." is no day`) {
		t.Errorf("a holiday that is none: %v", err)
	}
}

func TestValidateTellsAllThatIsWrongAndNoSecret(t *testing.T) {
	t.Parallel()
	_, err := parse(t, run{args: []string{
		"serve", "--database-url=postgres://a:hunter2@[bad/d", "--desk-name=", "--smtp-connections=99",
	}})
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("want three lines, got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in the error: %v", err)
	}
}

func TestGroupAloneIsValidated(t *testing.T) {
	t.Parallel()
	if _, err := parse(t, run{args: []string{"migrate", "--data-dir="}}); err == nil {
		t.Error("migrate took an empty data folder")
	}
}

func TestValidSettingsPass(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--listen=[::1]:0"},
		{"--listen=localhost:8080"},
		{"--public-url=http://127.0.0.1:8080/"},
		{"--public-url=https://desk.example", "--listen=:8080"},
		{"--roles=worker", "--listen=0.0.0.0:8080"},
		{"--database-url=postgres://a:p@h/d", "--owner-database-url=postgresql://o:p@h/d"},
		{"--database-url=postgres:///postern?host=/run/postgresql"},
		{"--time-zone=Pacific/Chatham", "--language=de-CH", "--business-hours=mon-fri 09:00-17:00, sat 10:00-12:00", "--holidays=12-25, 2026-04-06"},
		{"--logo-url=https://desk.example/logo.png?v=2", "--accent-color=#0B6E4F"},
		{"--trusted-proxies=10.1.0.0/16,::1/128"},
		{"--reply-wait=0s", "--dns-server=[::1]:53"},
	} {
		mustParse(t, run{args: append([]string{"serve"}, args...)})
	}
}

func TestDerivedSettings(t *testing.T) {
	t.Parallel()
	s := mustParse(t, run{args: []string{"serve", "--data-dir=/d", "--time-zone=Europe/London"}}).Serve
	if got := s.KeyFile(); got != "/d/secret.key" {
		t.Errorf("key file: %s", got)
	}
	if got := s.BaseURL("127.0.0.1:4711"); got != "http://127.0.0.1:4711" {
		t.Errorf("base URL without a public URL: %s", got)
	}
	if got := s.Location().String(); got != "Europe/London" {
		t.Errorf("location: %s", got)
	}
	s = mustParse(t, run{args: []string{"serve", "--secret-key-file=/k", "--public-url=https://desk.example/"}}).Serve
	if s.KeyFile() != "/k" || s.BaseURL("127.0.0.1:4711") != "https://desk.example" {
		t.Errorf("given: %s, %s", s.KeyFile(), s.BaseURL(""))
	}
	if got := (&config.Desk{TimeZone: "nowhere"}).Location(); got != time.UTC {
		t.Errorf("an unknown zone gave %v", got)
	}
}
