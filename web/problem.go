package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/fault"
)

const problemType = "application/problem+json"

// Problem is a refusal as RFC 9457 writes it, with a stable code.
type Problem struct {
	Type   string       `json:"type" doc:"Where the code is explained" example:"/docs#stale_version"`
	Title  string       `json:"title" doc:"The status in words"`
	Status int          `json:"status" doc:"The HTTP status"`
	Code   string       `json:"code" doc:"Stable, for programs" example:"stale_version"`
	Detail string       `json:"detail" doc:"What happened, for people"`
	Errors []FieldError `json:"errors,omitempty" nullable:"false" doc:"What is wrong, field by field"`

	header http.Header
	cause  error // what is logged of a failure of ours
}

// FieldError is one field that is wrong.
type FieldError struct {
	Field   string `json:"field" example:"body.priority" doc:"The path of the field after where it stands: body, query, path or header"`
	Message string `json:"message"`
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "/docs#" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail, header: http.Header{}}
}

func (p *Problem) with(header, value string) *Problem {
	p.header.Set(header, value)
	return p
}

func (p *Problem) in(field string) *Problem {
	p.Errors = append(p.Errors, FieldError{Field: field, Message: p.Detail})
	return p
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// Unwrap is the failure behind a 500.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus, GetHeaders and ContentType are what huma asks of an error.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders is what stands beside the status.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is problem+json.
func (p *Problem) ContentType(string) string { return problemType }

var statusOf = map[fault.Kind]int{
	fault.Invalid:     http.StatusUnprocessableEntity,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.Stale:       http.StatusPreconditionFailed,
	fault.Forbidden:   http.StatusForbidden,
	fault.Limited:     http.StatusTooManyRequests,
	fault.Unavailable: http.StatusServiceUnavailable,
	fault.TooLarge:    http.StatusRequestEntityTooLarge,
}

// problemOf translates what the domain says. A failure that is not a refusal tells the caller nothing.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if f := fault.As(err); f != nil {
		p := newProblem(statusOf[f.Kind], f.Code, f.Message)
		if f.Field != "" {
			p.in(f.Field)
		}
		if f.Kind == fault.Limited || f.Kind == fault.Unavailable {
			p.with("Retry-After", "60")
		}
		return p
	}
	p = newProblem(http.StatusInternalServerError, codeInternal, "Something failed on our side.")
	switch {
	case errors.Is(err, blob.ErrMissing):
		return newProblem(http.StatusNotFound, codeRawGone, "the bytes are not kept here")
	case unavailable(err):
		p = newProblem(http.StatusServiceUnavailable, codeUnavailable, "The database cannot answer now. Try again.").with("Retry-After", "5")
	}
	p.cause = err
	return p
}

// unavailable finds failures that pass: no connection, no time, a server that is going down.
func unavailable(err error) bool {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &connect), pgconn.SafeToRetry(err):
		return true
	case errors.As(err, &pg):
		// PostgreSQL's classes 53 (insufficient resources) and 57 (operator intervention).
		return strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57")
	}
	return false
}

// problemOfModel translates what the framework refused before any handler ran. Values are left out: the
// caller knows what it sent, and it may be a password.
func problemOfModel(m *huma.ErrorModel) *Problem {
	code, detail := codeValidation, "The request is not as the API describes it."
	switch m.Status {
	case http.StatusBadRequest:
		code, detail = codeInvalidJSON, "The body is not JSON."
	case http.StatusUnsupportedMediaType:
		code, detail = codeMediaType, "Send application/json."
	case http.StatusRequestEntityTooLarge:
		code, detail = codeBodyTooLarge, "The body is too large."
	case http.StatusInternalServerError:
		code, detail = codeInternal, "Something failed on our side."
	}
	p := newProblem(m.Status, code, detail)
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, FieldError{Field: fieldOf(e), Message: e.Message})
		}
	}
	return p
}

// missing is how the framework says that a field is not there: of the object that lacks it.
var missing = regexp.MustCompile(`^expected required property (\S+) to be present$`)

// fieldOf is the path of the field that is meant.
func fieldOf(e *huma.ErrorDetail) string {
	if m := missing.FindStringSubmatch(e.Message); m != nil {
		return e.Location + "." + m[1]
	}
	return e.Location
}

// located says where in a request the domain's field stands: it knows fields by their names alone.
func (p *Problem) located(method string) *Problem {
	where := "body."
	if method == http.MethodGet {
		where = "query."
	}
	for i, e := range p.Errors {
		if !slices.ContainsFunc([]string{"body", "query", "path", "header"}, func(place string) bool {
			return strings.HasPrefix(e.Field, place+".")
		}) {
			p.Errors[i].Field = where + e.Field
		}
	}
	return p
}

// writeProblem answers where no handler of the API does.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}
