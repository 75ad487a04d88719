package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"riverqueue.com/riverui"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/identity"
)

// queuePolicy lets River UI run its scripts, call us and style what it draws; nothing of it comes from elsewhere or goes
// there. It tries eval to see whether it may, and does without.
const queuePolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// maxQueueChange bounds what River UI sends: the ids of a page of jobs.
const maxQueueChange = 64 << 10

// NewJobs makes the pages of the job queue, over the desk's own connections. Whoever serves them sees to who may look.
// They count jobs every ten seconds from the first request on, until ctx ends.
func NewJobs(ctx context.Context, d *db.DB, log *slog.Logger) (http.Handler, error) {
	pages, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(d.Queue(), nil),
		JobListHideArgsByDefault: true, Logger: log, Prefix: jobsPath})
	if err != nil {
		return nil, fmt.Errorf("pages of the job queue: %w", err)
	}
	begin := sync.OnceValue(func() error { return pages.Start(ctx) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := begin(); err != nil {
			noteFailure(r.Context(), err)
			writeProblem(w, newProblem(http.StatusInternalServerError, codeInternal, "Something failed on our side."))
			return
		}
		pages.ServeHTTP(w, r)
	}), nil
}

// queue lets administrators at the pages of the job queue. What they change there is recorded first: River UI writes
// to the queue's tables in transactions of its own.
func (a adminRoom) queue(w http.ResponseWriter, r *http.Request) {
	if a.Jobs == nil {
		a.notFound(w, r)
		return
	}
	by, err := a.session(r)
	switch {
	case errors.Is(err, identity.ErrNoSession) && wantsPage(r):
		http.Redirect(w, r, loginPath, http.StatusSeeOther)
		return
	case errors.Is(err, identity.ErrNoSession):
		writeProblem(w, newProblem(http.StatusUnauthorized, codeUnauthorized, "Log in at "+loginPath+" with an administrator's API key.").
			with("WWW-Authenticate", `Bearer realm="postern"`))
		return
	case err != nil:
		a.failed(w, r, err)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if p := a.recordChange(w, r, by); p != nil {
			noteFailure(r.Context(), p.cause)
			writeProblem(w, p)
			return
		}
	}
	w.Header().Set("Content-Security-Policy", queuePolicy)
	if strings.HasPrefix(r.URL.Path, jobsPath+"/assets/") { // their names change with their content
		w.Header().Set("Cache-Control", "private, max-age=86400")
	}
	a.Jobs.ServeHTTP(w, r)
}

// recordChange notes who asks what of the queue.
func (a adminRoom) recordChange(w http.ResponseWriter, r *http.Request, by event.Actor) *Problem {
	asked, ok := strings.CutPrefix(r.URL.Path, jobsPath+"/api/")
	if !ok || len(asked) > maxQueueName {
		return newProblem(http.StatusNotFound, codeNoRoute, "There is nothing at this address.")
	}
	body, problem := readBody(w, r, maxQueueChange)
	if problem != nil {
		return problem
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	err := a.DB.Change(r.Context(), by, func(tx *db.Tx) error {
		tx.Record(event.Event{Kind: event.QueueChanged, SubjectID: line(asked), Sequence: 1, Label: r.Method + " " + line(asked),
			Detail: map[string]any{"request": string(body)}})
		return nil
	})
	if err != nil {
		return problemOf(err)
	}
	return nil
}

// maxQueueName is more than an address of River UI has after its beginning.
const maxQueueName = 300
