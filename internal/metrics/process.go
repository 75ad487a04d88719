package metrics

import (
	"context"
	"io"
	"runtime"
	"time"

	"github.com/postern-desk/postern/internal/db"
)

// Process is what one process of the desk tells: what it has done, how it is, and how the desk stands.
type Process struct {
	jobs, requests, polled *Family
	jobSeconds, webSeconds *Family
	about                  []*Family
	db                     *db.DB
	desk                   *desk
}

// NewProcess makes the metrics of a process of this version with these roles.
func NewProcess(d *db.DB, version string, roles []string) *Process {
	p := &Process{
		jobs:       Counter("postern_jobs_total", "Jobs that this process has worked, by what came of them.", "kind", "outcome"),
		jobSeconds: Histogram("postern_job_duration_seconds", "How long the jobs of this process took.", "kind"),
		requests:   Counter("postern_http_requests_total", "HTTP requests that this process has answered.", "route", "method", "status"),
		webSeconds: Histogram("postern_http_request_duration_seconds", "How long the answers of this process took.", "route"),
		polled:     Gauge("postern_mailbox_polled_timestamp_seconds", "When this process last read the mailbox without a failure.", "mailbox"),
		db:         d, desk: &desk{db: d},
	}
	build := Gauge("postern_build_info", "Version of the program and of Go; always 1.", "version", "go")
	build.Set(1, version, runtime.Version())
	role := Gauge("postern_role", "What this process does; always 1.", "role")
	for _, r := range roles {
		role.Set(1, r)
	}
	started := Gauge("postern_start_timestamp_seconds", "When this process began.")
	started.Set(seconds(time.Now()))
	p.about = []*Family{build, role, started}
	return p
}

// Job notes a job that this process has worked.
func (p *Process) Job(kind, outcome string, took time.Duration) {
	p.jobs.Add(1, kind, outcome)
	p.jobSeconds.Observe(took.Seconds(), kind)
}

// Polled notes that a mailbox was read without a failure.
func (p *Process) Polled(mailboxID string) { p.polled.Set(seconds(time.Now()), mailboxID) }

// Request notes a request that was answered; route is the pattern, never the path.
func (p *Process) Request(route, method, status string, took time.Duration) {
	p.requests.Add(1, route, method, status)
	p.webSeconds.Observe(took.Seconds(), route)
}

// Write writes everything. Where the database does not answer, postern_database_up is 0 and what it would have
// told is missing: the rest is wanted then most of all.
func (p *Process) Write(ctx context.Context, w io.Writer) error {
	families := append([]*Family{p.jobs, p.jobSeconds, p.requests, p.webSeconds, p.polled}, p.about...)
	families = append(families, p.pool()...)
	families = append(families, program()...)
	return Write(w, append(families, p.desk.look(ctx)...)...)
}

// pool is the application's connections.
func (p *Process) pool() []*Family {
	stat := p.db.Pool().Stat()
	conns := Gauge("postern_database_connections", "Connections of this process to the database.", "state")
	conns.Set(float64(stat.AcquiredConns()), "used")
	conns.Set(float64(stat.IdleConns()), "idle")
	conns.Set(float64(stat.MaxConns()), "most")
	waited := Counter("postern_database_waits_total", "How often this process had to wait for a free connection.")
	waited.Add(float64(stat.EmptyAcquireCount()))
	waiting := Counter("postern_database_wait_seconds_total", "How long it waited, in all.")
	waiting.Add(stat.AcquireDuration().Seconds())
	return []*Family{conns, waited, waiting}
}

// program is Go's own account of the process.
func program() []*Family {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	routines := Gauge("go_goroutines", "Goroutines that there are now.")
	routines.Set(float64(runtime.NumGoroutine()))
	heap := Gauge("go_memstats_heap_inuse_bytes", "Bytes of the heap that are in use.")
	heap.Set(float64(memory.HeapInuse))
	system := Gauge("go_memstats_sys_bytes", "Bytes that the process has from the system.")
	system.Set(float64(memory.Sys))
	pauses := Counter("go_gc_pause_seconds_total", "How long garbage collection has stopped the process, in all.")
	pauses.Add(float64(memory.PauseTotalNs) / 1e9)
	return []*Family{routines, heap, system, pauses}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
