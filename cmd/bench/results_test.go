package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
)

func TestPercentilesAreOfTheNearestRank(t *testing.T) {
	t.Parallel()
	var hundred samples
	for i := range 100 {
		hundred = append(hundred, float64(100-i)) // not in order
	}
	for _, c := range []struct {
		s       samples
		p, want float64
	}{{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1}, {samples{7}, 99, 7}, {samples{3, 1, 2}, 50, 2}, {nil, 50, 0}} {
		if got := c.s.percentile(c.p); got != c.want {
			t.Errorf("percentile %g of %d samples: %g, want %g", c.p, len(c.s), got, c.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("the samples were put in another order")
	}
}

func TestOneMeasureHasNoRange(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]samples{"12.3 ms": {12.34}, "2.0 ms (1.0-3.0)": {3, 1, 2}} {
		if got := s.of("ms", 1); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestASectionIsATableThatIsAppended(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(page, []byte("# Benchmarks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, day := range []int{21, 22} {
		file, err := os.OpenFile(page, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := section{time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC), "a machine; load 0.1", "make bench", []result{{"whole road", "600 emails/s", "n"}, {"  ratio", "0.2", ""}}}
		if err := writeSection(file, s); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	one := func(day int) string {
		return fmt.Sprintf("\n### 2026-11-%d\n\na machine; load 0.1. `make bench`\n\n| what | result | remark |\n|---|---|---|\n| whole road | 600 emails/s | n |\n| ratio | 0.2 |  |\n", day)
	}
	if want := "# Benchmarks\n" + one(21) + one(22); string(text) != want {
		t.Errorf("\n%s\nwant\n%s", text, want)
	}
}

func TestTheTableStandsInColumns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printTable(&out, []result{{"short", "1", "a"}, {"a longer name", "22", "b"}}); err != nil {
		t.Fatal(err)
	}
	if want := "short          1   a\na longer name  22  b\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestThePeakIsForgotten(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the peak of a process, and the table leaves it out elsewhere")
	}
	ballast := make([]byte, 200<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	high := peakMiB()
	if high < 200 || ballast[len(ballast)-1] != 1 {
		t.Fatalf("200 MiB in use and a peak of %.0f MiB", high)
	}
	ballast = nil
	forgetPeak()
	if low := peakMiB(); low > high-150 {
		t.Errorf("the peak is %.0f MiB after 200 MiB were given back, %.0f before", low, high)
	}
}

func TestWrongUseIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-n", "0"}, {"-runs", "0"}, {"-old", "0"}, {"-only", "letters"}, {"-only", "tea"}, {"-only", "ingest,tea"}, {"further"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	b, err := parse([]string{"-n", "10", "-runs", "1", "-only", "bare,accept"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `make bench ARGS="-n 10 -runs 1 -only bare,accept"`; b.command() != want {
		t.Errorf("%s, want %s", b.command(), want)
	}
	if b.set.IngestWorkers < 1 || b.set.FetchBatchMessages < 1 {
		t.Errorf("the settings that ship were not read: %d workers, batches of %d", b.set.IngestWorkers, b.set.FetchBatchMessages)
	}
}

// TestASmallRun takes the whole road once with few emails: the counts are checked on the way.
func TestASmallRun(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "results.md")
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	b, err := parse([]string{"-n", "120", "-runs", "1", "-old", "200", "-only", "ingest,letters,poll,bare,accept", "-write", page, "-profile", profile})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"whole road", "bare pipeline", "mailbox of 200", "mailbox of 0", "letters:", "bare SMTP client", "fetch and store", "PostgreSQL 1", "cores"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing from the results:\n%s", want, text)
		}
	}
	if _, err := os.Stat(b.dir); !os.IsNotExist(err) {
		t.Errorf("the working folder is left behind: %v", err)
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("the profile is empty: %v", err)
	}
}

// A measure of something else than what it says must fail.
func TestACountThatDoesNotMatchFails(t *testing.T) {
	t.Parallel()
	b, err := parse([]string{"-n", "4"})
	if err != nil {
		t.Fatal(err)
	}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(b.dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(b.dir, 0o711); err != nil {
		t.Fatal(err)
	}
	d, err := b.newDesk(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	box, err := d.connect(t.Context(), login{address: "127.0.0.1:1", user: "u", password: "p"}, "127.0.0.1:1", mailboxes.FromAll)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.verify(t.Context(), box, 4); err == nil || !strings.Contains(err.Error(), "0 ledger rows for 4 emails") {
		t.Errorf("an empty desk passed for one that has read 4 emails: %v", err)
	}
	if err := d.verify(t.Context(), box, 0); err != nil {
		t.Errorf("nothing for nothing: %v", err)
	}
}
