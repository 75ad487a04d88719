package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones are known on a machine, or in a container, without its own list
	"unicode"

	"github.com/postern-desk/postern/internal/brand"
	"github.com/postern-desk/postern/internal/hours"
	"github.com/postern-desk/postern/internal/words"
)

// Problems is what is wrong with the settings, one line each: the setting, then the remedy.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "\n") }

func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

func (p *Problems) unless(ok bool, setting, remedy string, args ...any) {
	if !ok {
		*p = append(*p, envPrefix+strings.ToUpper(setting)+": "+fmt.Sprintf(remedy, args...))
	}
}

func (p *Problems) unlessFine(setting string, err error) {
	if err != nil {
		*p = append(*p, envPrefix+strings.ToUpper(setting)+": "+err.Error())
	}
}

// Validate returns Problems, or nil. It neither asks the network nor looks at the disk.
func (s *Settings) Validate() error {
	var p Problems
	s.Storage.check(&p)
	s.Service.check(&p)
	s.Network.check(&p)
	s.Desk.check(&p)
	s.Inbound.check(&p)
	s.Letters.check(&p)
	s.Retention.check(&p)
	return p.orNil()
}

// Validate is for commands that embed Storage alone; see Settings.Validate.
func (s *Storage) Validate() error {
	var p Problems
	s.check(&p)
	return p.orNil()
}

// Validate is for commands that embed Access alone; see Settings.Validate.
func (s *Access) Validate() error {
	var p Problems
	s.Storage.check(&p)
	s.Network.check(&p)
	return p.orNil()
}

func (s *Storage) check(p *Problems) {
	p.unless(s.DataDir != "", "data_dir", "must name a folder, e.g. /var/lib/postern")
	p.unless(isDatabaseURL(s.DatabaseURL), "database_url", databaseRemedy)
	p.unless(isDatabaseURL(s.OwnerDatabaseURL), "owner_database_url", databaseRemedy)
	p.unless(s.DatabaseURL.IsSet() || !s.OwnerDatabaseURL.IsSet(), "owner_database_url",
		"needs POSTERN_DATABASE_URL as well; leave both empty for the desk's own PostgreSQL")
}

const databaseRemedy = "must be a postgres:// URL with a host or a socket folder, e.g. postgres://postern_app:PASSWORD@db.example/postern"

// isDatabaseURL says no more than yes or no: the reasons of url.Parse would quote the password.
func isDatabaseURL(s Secret) bool {
	if !s.IsSet() {
		return true
	}
	u, err := url.Parse(s.Reveal())
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") &&
		(u.Host != "" || u.Query().Has("host"))
}

func (s *Service) check(p *Problems) {
	p.unless(isListen(s.Listen), "listen", "must be host:port, e.g. 127.0.0.1:8080 or :8080")
	if s.PublicURL == "" {
		p.unless(!isListen(s.Listen) || !s.Roles.Has(RoleWeb) || isLoopback(hostOf(s.Listen)), "public_url",
			"must be set when POSTERN_LISTEN is not loopback, e.g. https://desk.example")
	} else {
		p.unless(isPublicURL(s.PublicURL), "public_url",
			"must be https:// or a loopback http:// address without a path, e.g. https://desk.example")
	}
	p.unless(s.MetricsListen == "" || isListen(s.MetricsListen), "metrics_listen", "must be host:port, e.g. 127.0.0.1:9090")
	p.unless(s.MetricsListen == "" || !isListen(s.MetricsListen) || isLoopback(hostOf(s.MetricsListen)) || s.MetricsToken.IsSet(), "metrics_token",
		"must be set when POSTERN_METRICS_LISTEN is not loopback: everybody there could read them")
	p.unless(!s.MetricsToken.IsSet() || len(s.MetricsToken.Reveal()) >= 16, "metrics_token", "must have 16 characters or more")
	p.unless(areRoles(s.Roles), "roles", "must be a list out of web, worker, watch, each once, e.g. web,worker,watch")
	p.unless(s.LogFormat == "text" || s.LogFormat == "json", "log_format", "must be text or json")
	p.durations("shutdown_drain", s.ShutdownDrain, time.Second, 5*time.Minute)
}

func (s *Network) check(p *Problems) {
	p.unless(!s.DNSServer.IsValid() || s.DNSServer.Port() != 0, "dns_server", "must be address:port, e.g. 127.0.0.1:53")
	p.unless(!slices.ContainsFunc(s.TrustedProxies, func(n netip.Prefix) bool { return n.Bits() == 0 }), "trusted_proxies",
		"must not be everybody: callers could choose their own address; name the networks of the proxies, e.g. 10.1.0.0/16")
}

func (s *Desk) check(p *Problems) {
	name := []rune(s.DeskName)
	p.unless(len(name) >= 1 && len(name) <= 80 && !slices.ContainsFunc(name, unicode.IsControl),
		"desk_name", "must be 1 to 80 characters on one line, e.g. Acme Support")
	to, err := mail.ParseAddress(s.OperatorAddress)
	p.unless(s.OperatorAddress == "" || err == nil && to.Address == s.OperatorAddress, "operator_address", "must be one email address, e.g. ops@desk.example")
	p.unlessFine("logo_url", brand.CheckLogo(s.LogoURL))
	p.unlessFine("accent_color", brand.CheckAccent(s.AccentColor))
	_, speaks := words.Speaks(s.Language)
	p.unless(speaks, "language", "must be a language that the desk speaks: %s; or a kind of one, such as de-CH", words.Known())
	zone, err := time.LoadLocation(s.TimeZone)
	p.unless(err == nil && s.TimeZone != "" && s.TimeZone != "Local", "time_zone", "must be an IANA time zone, e.g. Europe/London")
	if err == nil {
		s.checkHours(p, zone)
	}
}

// checkHours names the setting that is wrong of the two. Holidays without hours lack the hours.
func (s *Desk) checkHours(p *Problems, zone *time.Location) {
	if _, err := hours.Parse(s.BusinessHours, nil, zone); err != nil {
		p.unlessFine("business_hours", err)
		return
	}
	_, err := hours.Parse(s.BusinessHours, s.HolidayList(), zone)
	setting := "holidays"
	if strings.TrimSpace(s.BusinessHours) == "" {
		setting = "business_hours"
	}
	p.unlessFine(setting, err)
}

// Hours is when the desk answers; nil: always. Settings that were validated have hours that can be read.
func (s *Desk) Hours() *hours.Hours {
	open, err := hours.Parse(s.BusinessHours, s.HolidayList(), s.Location())
	if err != nil {
		return nil
	}
	return open
}

// HolidayList is the holidays one by one.
func (s *Desk) HolidayList() []string {
	return strings.FieldsFunc(s.Holidays, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

func (s *Inbound) check(p *Problems) {
	p.durations("poll_interval", s.PollInterval, time.Second, time.Hour)
	// RFC 2177: a server may log out a client that is silent for 30 minutes.
	p.durations("idle_slice", s.IdleSlice, 10*time.Second, 29*time.Minute)
	p.numbers("fetch_batch_messages", s.FetchBatchMessages, 1, 1000)
	p.sizes("fetch_batch_bytes", s.FetchBatchBytes, 1<<20, 1<<30)
	p.sizes("max_email_bytes", s.MaxEmailBytes, 1<<20, 1<<30)
	p.durations("reply_wait", s.ReplyWait, 0, time.Hour)
	p.numbers("ingest_workers", s.IngestWorkers, 1, 64)
}

func (s *Letters) check(p *Problems) {
	p.numbers("letter_attempt_days", s.LetterAttemptDays, 1, 30)
	p.numbers("smtp_connections", s.SMTPConnections, 1, 50)
}

func (s *Retention) check(p *Problems) {
	p.numbers("retain_raw_email_days", s.RetainRawEmailDays, 1, 36500)
	p.numbers("retain_letter_days", s.RetainLetterDays, 1, 36500)
	p.numbers("retain_awaited_days", s.RetainAwaitedDays, 1, 36500)
	p.numbers("retain_key_hours", s.RetainKeyHours, 24, 8760)
	p.numbers("retain_done_job_hours", s.RetainDoneJobHours, 1, 8760)
	p.numbers("retain_lost_job_days", s.RetainLostJobDays, 1, 365)
}

func (p *Problems) durations(setting string, d, least, most time.Duration) {
	p.unless(d >= least && d <= most, setting, "must be a duration from %s to %s", least, most)
}

func (p *Problems) numbers(setting string, n, least, most int) {
	p.unless(n >= least && n <= most, setting, "must be a number from %d to %d", least, most)
}

func (p *Problems) sizes(setting string, b, least, most Bytes) {
	p.unless(b >= least && b <= most, setting, "must be a size from %s to %s", least, most)
}

func isListen(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func hostOf(listen string) string {
	host, _, _ := net.SplitHostPort(listen)
	return host
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func isPublicURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func areRoles(roles Roles) bool {
	for i, r := range roles {
		if r != RoleWeb && r != RoleWorker && r != RoleWatch || slices.Contains(roles[:i], r) {
			return false
		}
	}
	return len(roles) > 0
}

// KeyFile is where the secret key is: the setting, else secret.key in the data folder.
func (s *Storage) KeyFile() string {
	if s.SecretKeyFile != "" {
		return s.SecretKeyFile
	}
	return filepath.Join(s.DataDir, "secret.key")
}

// BaseURL is the public URL without a slash at its end. Where none is set it is made of
// listening, the address that the server was really given (its port may have been 0).
func (s *Service) BaseURL(listening string) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	return "http://" + listening
}

// Location is the desk's time zone. Settings that were validated have one; others get UTC.
func (s *Desk) Location() *time.Location {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
