package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
)

// About is what the health pages tell of a process: nothing that is secret.
type About struct {
	Version string
	Roles   []string
}

// health is the answer of /healthz and /readyz; that of a process that is not ready is a problem.
type health struct {
	Status  string   `json:"status"`
	Version string   `json:"version"`
	Roles   []string `json:"roles"`
}

func (a About) write(w http.ResponseWriter, status string) {
	w.Header().Set("Content-Type", "application/json")
	text, _ := json.Marshal(health{Status: status, Version: a.Version, Roles: append([]string{}, a.Roles...)}) // strings only
	_, _ = w.Write(append(text, '\n'))                                                                         // the caller may be gone
}

// alive tells that the process answers.
func (a About) alive(w http.ResponseWriter, _ *http.Request) { a.write(w, "ok") }

// ready tells whether requests can be answered now.
func (a About) ready(check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if err := check(ctx); err != nil {
			noteFailure(r.Context(), err)
			notReady(w, r)
			return
		}
		a.write(w, "ready")
	}
}

func notReady(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, newProblem(http.StatusServiceUnavailable, codeUnavailable, "The database does not answer, or has not this version's schema.").with("Retry-After", "5"))
}

// Front answers on the desk's address before the desk is there: the process is alive and not ready.
type Front struct {
	closed http.Handler
	opened atomic.Pointer[http.Handler]
}

// NewFront makes one that is closed.
func NewFront(about About, log *slog.Logger) *Front {
	mux := chi.NewRouter()
	mux.Use(requestID, recoverer(log), securityHeaders("", ""))
	mux.Get("/healthz", about.alive)
	mux.NotFound(notReady)
	mux.MethodNotAllowed(notReady)
	return &Front{closed: mux}
}

// Open leads every request from now on to the desk.
func (f *Front) Open(desk http.Handler) { f.opened.Store(&desk) }

// ServeHTTP is the desk's, or what there is to say without it.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if desk := f.opened.Load(); desk != nil {
		(*desk).ServeHTTP(w, r)
		return
	}
	f.closed.ServeHTTP(w, r)
}
