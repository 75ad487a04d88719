package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Secret is a setting that must not be shown: it prints as [secret] everywhere but in Reveal.
type Secret string

const hidden = "[secret]"

// Reveal is the secret itself, for the one call that needs it.
func (s Secret) Reveal() string { return string(s) }

// IsSet tells whether there is a secret.
func (s Secret) IsSet() bool { return s != "" }

func (s Secret) String() string               { return s.mask() }
func (s Secret) GoString() string             { return strconv.Quote(s.mask()) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.mask()), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.mask()) }

func (s Secret) mask() string {
	if s == "" {
		return ""
	}
	return hidden
}

// Role is one of the things that a process does.
type Role string

const (
	RoleWeb    Role = "web"    // answers HTTP
	RoleWorker Role = "worker" // runs jobs
	RoleWatch  Role = "watch"  // keeps mailboxes open
)

// Roles is what one process does.
type Roles []Role

// Has tells whether the process does r.
func (rs Roles) Has(r Role) bool { return slices.Contains(rs, r) }

// Names are the roles as text.
func (rs Roles) Names() []string {
	names := make([]string, len(rs))
	for i, r := range rs {
		names[i] = string(r)
	}
	return names
}

// Bytes is a size. It is written as a number, or as a number with KiB, MiB or GiB.
type Bytes int64

var byteUnits = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads "50MiB", "50 MiB" or "52428800".
func (b *Bytes) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return errors.New("must be a size in bytes such as 50MiB or 52428800")
	}
	*b = Bytes(n * unit)
	return nil
}

// String writes the size in its largest whole unit.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Rate allows Count things in any stretch of time as long as Per. It is written as 20/10m.
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText reads "20/10m". Count is at least 1, Per at least a second.
func (r *Rate) UnmarshalText(text []byte) error {
	count, per, _ := strings.Cut(string(text), "/")
	n, countErr := strconv.Atoi(strings.TrimSpace(count))
	d, perErr := time.ParseDuration(strings.TrimSpace(per))
	if countErr != nil || perErr != nil || n < 1 || d < time.Second {
		return errors.New("must be a count and a duration such as 20/10m")
	}
	*r = Rate{Count: n, Per: d}
	return nil
}

// String writes the rate as it is read.
func (r Rate) String() string { return fmt.Sprintf("%d/%s", r.Count, r.Per) }
