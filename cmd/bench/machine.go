package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// machine says on what was measured, in words.
func machine(ctx context.Context, d *desk) (string, error) {
	var postgres string
	if err := d.pool.QueryRow(ctx, `select current_setting('server_version')`).Scan(&postgres); err != nil {
		return "", err
	}
	model, memory := valueIn("/proc/cpuinfo", "model name"), "unknown"
	if kib, err := strconv.ParseInt(strings.TrimSuffix(valueIn("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		memory = fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
	}
	return fmt.Sprintf("%s, %d cores, %s memory, %s/%s, %s, PostgreSQL %s, commit %s", model, runtime.NumCPU(), memory, runtime.GOOS,
		runtime.GOARCH, runtime.Version(), strings.Fields(postgres)[0], commit(ctx)), nil
}

// commit is what was measured; "unknown" outside of a checkout.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// load is how busy the machine was in the last minute; others' work makes every number smaller.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

// valueIn finds "name: value" in a file of the proc file system; "unknown" elsewhere.
func valueIn(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// forgetPeak gives memory back and makes the kernel forget the peak of this process (proc(5), clear_refs).
// Where it cannot, the peak is of the whole run.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peakMiB is the largest resident memory since forgetPeak; 0 where the system does not tell.
func peakMiB() float64 {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(valueIn("/proc/self/status", "VmHWM"), " kB"), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
