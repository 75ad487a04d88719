package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processor is time spent on processors: unlike emails a second it hardly depends on what else the machine
// does meanwhile.
type processor struct {
	ours, postgres time.Duration
}

// spent is the time since both began; postgres is 0 where the system does not tell.
func (d *desk) spent(ctx context.Context) (p processor, err error) {
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return p, err
	}
	p.ours = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	var backend int
	if err := d.pool.QueryRow(ctx, `select pg_backend_pid()`).Scan(&backend); err != nil {
		return p, err
	}
	p.postgres = familyTime(backend)
	return p, nil
}

// perEmail is what each of n emails cost, in milliseconds.
func (p processor) perEmail(before processor, n int) (ours, postgres float64) {
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }
	return each(p.ours - before.ours), each(p.postgres - before.postgres)
}

func (b *bench) reportProcessor(ours, postgres samples) {
	if postgres.median() > 0 {
		b.report("  processor time of an email", fmt.Sprintf("%.2f ms (%.2f ours, %.2f PostgreSQL)", ours.median()+postgres.median(), ours.median(), postgres.median()), "without the mail server")
	}
}

// stat is a line of proc(5), /proc/PID/stat: the parent, and the ticks spent by the process and by its
// children that have ended.
type stat struct {
	parent, own, children int64
}

const ticksPerSecond = 100 // USER_HZ on every Linux that Go runs on

func parseStat(line string) (s stat, ok bool) {
	// The name is in brackets and may hold anything.
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 15 {
		return s, false
	}
	var n [5]int64
	for i, at := range []int{1, 11, 12, 13, 14} { // ppid, utime, stime, cutime, cstime
		v, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return s, false
		}
		n[i] = v
	}
	return stat{parent: n[0], own: n[1] + n[2], children: n[3] + n[4]}, true
}

// familyTime is the time of the process's parent and all its children, living and ended.
func familyTime(child int) time.Duration {
	all, family := map[int64]stat{}, int64(0)
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		pid, err := strconv.ParseInt(filepath.Base(filepath.Dir(file)), 10, 64)
		if s, ok := parseStat(string(line)); ok && err == nil {
			all[pid] = s
		}
	}
	parent := all[int64(child)].parent
	if parent == 0 {
		return 0
	}
	for pid, s := range all {
		switch {
		case pid == parent:
			family += s.own + s.children
		case s.parent == parent:
			family += s.own
		}
	}
	return time.Duration(family) * time.Second / ticksPerSecond
}
