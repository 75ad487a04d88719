package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"
)

// trace is what the log says of one request.
type trace struct {
	id      string
	failure error
}

type traceKey struct{}

// requestID names every request with an id of ours: what a caller sends as one could be anything.
func requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &trace{id: uuid.NewString()}
		w.Header().Set("X-Request-Id", t.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
	})
}

// noteFailure keeps a failure of ours for the log line of the request.
func noteFailure(ctx context.Context, err error) {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok && err != nil {
		t.failure = err
	}
}

// accessLog writes one line a request: the route and never the path or the query, which may hold
// personal data.
func accessLog(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(seen, r)
			t := r.Context().Value(traceKey{}).(*trace)
			line := []slog.Attr{
				slog.String("method", r.Method), slog.String("route", routeOf(r)), slog.Int("status", seen.Status()),
				slog.Int64("ms", time.Since(began).Milliseconds()), slog.Int("bytes", seen.BytesWritten()),
				slog.String("request_id", t.id),
			}
			// The only line that says where a caller is: an operator may have to shut that network out.
			if seen.Status() == http.StatusTooManyRequests {
				line = append(line, slog.String("from", networkOf(r.RemoteAddr)))
			}
			level := slog.LevelInfo
			if t.failure != nil {
				level = slog.LevelError
				line = append(line, slog.Any("error", t.failure))
			}
			log.LogAttrs(r.Context(), level, "request", line...)
		})
	}
}

func routeOf(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		return c.RoutePattern()
	}
	return "none"
}

// recoverer answers a panic with a problem that says nothing; the log has the stack.
func recoverer(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen, _ := w.(middleware.WrapResponseWriter)
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler {
					panic(p) // net/http's own way to end a connection
				}
				noteFailure(r.Context(), fmt.Errorf("panic: %v", p))
				log.ErrorContext(r.Context(), "panic", "route", routeOf(r), "stack", string(debug.Stack()))
				if seen != nil && seen.Status() == 0 {
					writeProblem(w, newProblem(http.StatusInternalServerError, codeInternal, "Something failed on our side."))
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// pagePolicy lets a page load its style and send its form to us, and nothing else but the desk's logo.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// securityHeaders are those of every answer; a download sets a stricter policy of its own.
func securityHeaders(publicURL, logo string) func(http.Handler) http.Handler {
	policy := pagePolicy
	if u, err := url.Parse(logo); err == nil && u.Scheme == "https" {
		policy = strings.Replace(policy, "img-src 'self'", "img-src 'self' https://"+u.Host, 1)
	}
	https := strings.HasPrefix(publicURL, "https://")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", policy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Cache-Control", "no-store")
			if https && r.Header.Get(forwardedProto) != "http" { // RFC 6797 section 7.2: never over plain HTTP
				h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
			}
			next.ServeHTTP(w, r)
		})
	}
}
