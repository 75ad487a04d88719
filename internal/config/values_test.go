package config_test

import (
	"testing"

	"github.com/postern-desk/postern/internal/config"
)

func TestBytesReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Bytes{
		"0": 0, "1": 1, "50MiB": 50 << 20, "50 MiB": 50 << 20, "1GiB": 1 << 30, "3KiB": 3 << 10, "1536": 1536,
	} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for size, want := range map[config.Bytes]string{0: "0", 1: "1", 50 << 20: "50MiB", 1536: "1536", 1 << 30: "1GiB"} {
		if size.String() != want {
			t.Errorf("%d is written %q, want %q", int64(size), size, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "50MB", "1.5GiB", "9223372036854775807GiB", "x"} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %d bytes", text, got)
		}
	}
}

func TestRateRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "20", "/10m", "0/10m", "-1/10m", "20/10", "20/0s", "20/10m/5"} {
		var got config.Rate
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %v", text, got)
		}
	}
}

// FuzzValues: whatever is read can be written and read again as the same value.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{"50MiB", "0", "20/10m", "1/1h0m0s", "GiB", "1 /1s", "9007199254740993KiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, sizeAgain config.Bytes
		if size.UnmarshalText([]byte(text)) == nil {
			if err := sizeAgain.UnmarshalText([]byte(size.String())); err != nil || size != sizeAgain {
				t.Errorf("%q: %d became %d, %v", text, size, sizeAgain, err)
			}
		}
		var rate, rateAgain config.Rate
		if rate.UnmarshalText([]byte(text)) == nil {
			if err := rateAgain.UnmarshalText([]byte(rate.String())); err != nil || rate != rateAgain {
				t.Errorf("%q: %v became %v, %v", text, rate, rateAgain, err)
			}
		}
	})
}
