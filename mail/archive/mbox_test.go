package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

type read struct {
	Email
	raw string
}

// readAll reads an mbox from the beginning, or from a key on.
func readAll(t testing.TB, path string, from int64) (all []read, err error) {
	t.Helper()
	m, err := OpenMbox(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if from != 0 {
		if err := m.SeekTo(from); err != nil {
			return nil, err
		}
	}
	for {
		e, raw, err := m.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		text, err := io.ReadAll(raw)
		if err != nil {
			return all, err
		}
		all = append(all, read{e, string(text)})
	}
}

func raws(all []read) (out []string) {
	for _, r := range all {
		out = append(out, r.raw)
	}
	return out
}

const from = "From ann@x.example Mon Mar  4 10:00:00 2019\n"

// Tried: what writers of all four kinds make of emails, and what broken ones make of them.
func TestMboxIsTakenApart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"empty":                           {"", nil},
		"one":                             {from + "A: 1\n\nhi\n\n", []string{"A: 1\n\nhi\n"}},
		"without end":                     {from + "A: 1\n\nhi", []string{"A: 1\n\nhi"}},
		"two":                             {from + "A: 1\n\nhi\n\n" + from + "A: 2\n\nho\n\n", []string{"A: 1\n\nhi\n", "A: 2\n\nho\n"}},
		"blank lines first":               {"\n\n" + from + "A: 1\n\nhi\n", []string{"A: 1\n\nhi\n"}},
		"blank lines last":                {from + "A: 1\n\nhi\n\n\n\n" + from + "A: 2\n\n", []string{"A: 1\n\nhi\n\n\n", "A: 2\n\n"}},
		"CRLF":                            {"From - Mon Mar  4 10:00:00 2019\r\nA: 1\r\n\r\nhi\r\n\r\nFrom - Mon Mar  4 10:00:00 2019\r\nA: 2\r\n\r\nho\r\n\r\n", []string{"A: 1\r\n\r\nhi\r\n", "A: 2\r\n\r\nho\r\n"}},
		"mboxo":                           {from + "A: 1\n\n>From me\n\n", []string{"A: 1\n\nFrom me\n"}},
		"mboxrd":                          {from + "A: 1\n\n>From me\n>>From me\n> From me\nx >From me\n\n", []string{"A: 1\n\nFrom me\n>From me\n> From me\nx >From me\n"}},
		"text with From":                  {from + "A: 1\n\nhi\n\nFrom Paris we came by train.\n\n", []string{"A: 1\n\nhi\n\nFrom Paris we came by train.\n"}},
		"text with From and a date":       {from + "A: 1\n\nhi\n\nFrom Mon Mar 4 10:00 2019 on\nwe wait.\n\n", []string{"A: 1\n\nhi\n\nFrom Mon Mar 4 10:00 2019 on\nwe wait.\n"}},
		"no blank line between":           {from + "A: 1\n\nhi\n" + from + "A: 2\n\nho\n", []string{"A: 1\n\nhi\n", "A: 2\n\nho\n"}},
		"bare From_ lines":                {"From \nA: 1\n\nhi\n\nFrom -\nA: 2\n\nho\n", []string{"A: 1\n\nhi\n", "A: 2\n\nho\n"}},
		"header alone":                    {from + "A: 1\n" + from + "A: 2\n", []string{"A: 1\n", "A: 2\n"}},
		"mboxcl2":                         {from + "A: 1\nContent-Length: " + fmt.Sprint(len(from)+9) + "\n\n" + from + "A: 0\n\nhi\n" + "\n" + from + "A: 2\n\nho\n", []string{"A: 1\nContent-Length: " + fmt.Sprint(len(from)+9) + "\n\n" + from + "A: 0\n\nhi\n", "A: 2\n\nho\n"}},
		"mboxcl2 to the end of the file":  {from + "content-length:  4\n\n>Fro", []string{"content-length:  4\n\n>Fro"}},
		"a length without a line end":     {from + "Content-Length: 2\n\nhi\n\n" + from + "A: 2\n\nho\n", []string{"Content-Length: 2\n\nhi", "A: 2\n\nho\n"}},
		"a length that is too short":      {from + "Content-Length: 1\n\nhi\n\n" + from + "A: 2\n\nho\n", []string{"Content-Length: 1\n\nhi\n", "A: 2\n\nho\n"}},
		"a length that is too long":       {from + "Content-Length: 9999\n\nhi\n\n" + from + "A: 2\n\nho\n", []string{"Content-Length: 9999\n\nhi\n", "A: 2\n\nho\n"}},
		"a length that overflows":         {from + "Content-Length: 9223372036854775807\n\nhi\n", []string{"Content-Length: 9223372036854775807\n\nhi\n"}},
		"two lengths":                     {from + "Content-Length: 3\nContent-Length: 3\n\nhi\n\n" + from + "A: 2\n\nho\n", []string{"Content-Length: 3\nContent-Length: 3\n\nhi\n", "A: 2\n\nho\n"}},
		"a length that swallows an email": {from + "Content-Length: " + fmt.Sprint(3+1+len(from)+2) + "\n\nhi\n\n" + from + "A: 2\n\nho\n", []string{fmt.Sprintf("Content-Length: %d\n\nhi\n", 3+1+len(from)+2), "A: 2\n\nho\n"}},
		"a long line":                     {from + "A: 1\n\n" + strings.Repeat("x", 3*lineBuffer) + "From y\n\n" + from + "A: 2\n\n", []string{"A: 1\n\n" + strings.Repeat("x", 3*lineBuffer) + "From y\n", "A: 2\n\n"}},
		"a long From line":                {from + "A: 1\n\nFrom " + strings.Repeat("x", lineBuffer) + " 10:00 2019\nB: 1\n", []string{"A: 1\n\nFrom " + strings.Repeat("x", lineBuffer) + " 10:00 2019\nB: 1\n"}},
	} {
		path := write(t, filepath.Join(t.TempDir(), "m"), c.file)
		all, err := readAll(t, path, 0)
		if got := raws(all); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s: got %.300q, want %.300q: %v", name, got, c.want, err)
		}
		for i, e := range all {
			again, err := readAll(t, path, e.Key)
			if err != nil || fmt.Sprint(again) != fmt.Sprint(all[i:]) {
				t.Errorf("%s: from key %d on came %.200q: %v", name, e.Key, raws(again), err)
			}
		}
	}
}

func TestWhatIsNoMbox(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "m"), "Subject: hi\n\n"+from)
	if _, err := readAll(t, path, 0); !errors.Is(err, ErrNotMbox) {
		t.Errorf("got %v", err)
	}
	if _, err := readAll(t, path, 3); !errors.Is(err, ErrNotMbox) {
		t.Errorf("in the middle: %v", err)
	}
	if _, err := readAll(t, path, 1<<40); !errors.Is(err, ErrNotMbox) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestDatesOfFromLines(t *testing.T) {
	t.Parallel()
	ten := time.Date(2019, 3, 4, 10, 0, 0, 0, time.UTC)
	for line, want := range map[string]time.Time{
		"From ann@x.example Mon Mar  4 10:00:00 2019\n":                 ten,
		"From - Mon Mar 04 10:00:00 2019\r\n":                           ten,
		"From MAILER-DAEMON Mon Mar  4 10:00 2019":                      ten,
		"From 1626892334@xxx Mon Mar 04 12:00:00 +0200 2019\n":          ten,
		"From ann@x.example Mon Mar  4 11:00:00 2019 +0100\n":           ten,
		"From \"ann b\"@x.example Mon Mar  4 10:00:00 2019 remote from": ten,
		"From ???@??? 10:00:00 2019\n":                                  {},
		"From ann\n":                                                    {},
		"From ann Mon Foo 99 10:00:00 2019\n":                           {},
	} {
		if got, _ := fromDate([]byte(line)); !got.Equal(want) {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// Tried: an mbox of 200 MB with one email of 100 MB in one line: reading it holds less than 4 MB.
func TestLargeMboxTakesLittleMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	small, mega := []byte(from+"A: 1\n\n"+strings.Repeat("word\n", 20_000)+"\n"), bytes.Repeat([]byte("x"), 1<<20)
	for i := range 1000 {
		if _, err := f.Write(small); err != nil {
			t.Fatal(err)
		}
		for range 100 * (i / 999) {
			if _, err := f.Write(mega); err != nil {
				t.Fatal(err)
			}
		}
	}
	m, err := OpenMbox(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for ; ; n++ {
		_, raw, err := m.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 { // the others are passed over
			_, err = io.Copy(io.Discard, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n != 1000 {
		t.Errorf("%d emails", n)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 50<<20 {
		t.Errorf("reading 200 MB allocated %d MB in all", grown>>20)
	}
	if info, _ := f.Stat(); m.Offset() != info.Size() {
		t.Errorf("at %d of %d", m.Offset(), info.Size())
	}
}

// Whatever a file holds: reading ends, keys rise, no byte is made up, and each key finds its email again.
func FuzzMbox(f *testing.F) {
	for _, s := range []string{from + "A: 1\n\nhi\n\n" + from, from + "Content-Length: 3\n\nhi\n" + from + "A: 2\n\n>From x\n", "\r\n\nFrom -\nA:\n\nFrom \nB:\n", from + "Content-Length: 0\n\n\n\n" + from + "A:"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		path := write(t, filepath.Join(t.TempDir(), "m"), string(file))
		all, err := readAll(t, path, 0)
		if err != nil && !errors.Is(err, ErrNotMbox) {
			t.Fatal(err)
		}
		sum, last := 0, int64(0)
		for _, e := range all {
			if e.Key <= last || e.Key > int64(len(file)) {
				t.Fatalf("key %d after %d in %d bytes", e.Key, last, len(file))
			}
			last, sum = e.Key, sum+len(e.raw)
		}
		if sum > len(file) {
			t.Fatalf("%d bytes out of %d", sum, len(file))
		}
		if len(all) > 0 {
			e := all[len(all)-1]
			again, err := readAll(t, path, e.Key)
			if err != nil || len(again) != 1 || again[0].raw != e.raw {
				t.Fatalf("the last email again: %q, want %q: %v", raws(again), e.raw, err)
			}
		}
	})
}

// What the usual writer makes of any emails is read back as it was.
func FuzzWrittenMboxComesBack(f *testing.F) {
	f.Add("hi\n", "From me\n>From you\n")
	f.Add("", "\n\nFrom x Mon Mar  4 10:00:00 2019\nA: 1\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		var file strings.Builder
		var want []string
		for i, body := range []string{first, second} {
			if !strings.HasSuffix(body, "\n") {
				body += "\n"
			}
			email := fmt.Sprintf("A: %d\n\n%s", i, body)
			want = append(want, email)
			file.WriteString(from)
			for line := range strings.Lines(email) {
				if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") { // mboxrd
					file.WriteByte('>')
				}
				file.WriteString(line)
			}
			file.WriteByte('\n')
		}
		all, err := readAll(t, write(t, filepath.Join(t.TempDir(), "m"), file.String()), 0)
		if got := raws(all); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q, want %q: %v", got, want, err)
		}
	})
}
