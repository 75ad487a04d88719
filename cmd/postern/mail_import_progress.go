package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// How often progress is shown: a bar on a terminal, lines elsewhere.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 10 * time.Second
)

// progress tells how far an import is.
type progress struct {
	out      io.Writer
	terminal bool
	total    int64 // bytes of all archives
	started  time.Time
	end      chan struct{}
	ended    sync.WaitGroup

	mu      sync.Mutex
	before  int64 // bytes of the archives that are done
	offset  int64 // in the archive that is being read
	skipped int64 // bytes that an earlier run had read
	stored  int
	through int // routed
}

// showProgress begins to tell; stop ends it.
func showProgress(out io.Writer, total int64) *progress {
	p := &progress{out: out, terminal: isTerminal(out), total: total, started: time.Now(), end: make(chan struct{})}
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	p.ended.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.show()
			case <-p.end:
				return
			}
		}
	})
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) stop() {
	close(p.end)
	p.ended.Wait()
	p.show()
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}

func (p *progress) with(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// from is where reading an archive begins.
func (p *progress) from(offset int64) {
	p.with(func() { p.offset, p.skipped = offset, p.skipped+offset })
}

func (p *progress) at(offset int64)  { p.with(func() { p.offset = offset }) }
func (p *progress) add(bytes int64)  { p.with(func() { p.offset += bytes }) }
func (p *progress) done(bytes int64) { p.with(func() { p.before, p.offset = p.before+bytes, 0 }) }
func (p *progress) accepted(n int)   { p.with(func() { p.stored += n }) }
func (p *progress) routed(n int)     { p.with(func() { p.through += n }) }
func (p *progress) fresh() (n int)   { p.with(func() { n = p.stored }); return n }
func (p *progress) say(words string) {
	p.with(func() { fmt.Fprintf(p.out, "%s%s\n", p.clear(), words) })
}
func (p *progress) show() { p.with(func() { fmt.Fprint(p.out, p.line(time.Since(p.started))) }) }

func (p *progress) clear() string {
	if p.terminal {
		return "\r\x1b[K"
	}
	return ""
}

const barWidth = 30

// line is how things stand after so long a time.
func (p *progress) line(after time.Duration) string {
	share, read := 1.0, p.before+p.offset
	if p.total > 0 {
		share = min(1, float64(read)/float64(p.total))
	}
	words := fmt.Sprintf("%3.0f%%  %s emails  %.0f/s  %s left", 100*share, thousands(p.through), float64(p.through)/max(after.Seconds(), 0.001),
		p.left(after, read))
	if !p.terminal {
		return words + "\n"
	}
	full := int(share * barWidth)
	return p.clear() + "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] " + words
}

// left is the time that the rest takes at the speed so far, of this run alone.
func (p *progress) left(after time.Duration, read int64) string {
	if read >= p.total {
		return "0s"
	}
	done := read - p.skipped
	if done <= 0 || after < time.Second {
		return "?"
	}
	return time.Duration(float64(after) * float64(max(p.total-read, 0)) / float64(done)).Round(time.Second).String()
}
