package web

import (
	"bytes"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/postern-desk/postern/internal/metrics"
)

// measured counts and times requests by their route's pattern.
func measured(m *metrics.Process) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if m == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(seen, r)
			m.Request(routeOf(r), methodOf(r), strconv.Itoa(seen.Status()), time.Since(began))
		})
	}
}

// methodOf keeps methods that callers make up from becoming series.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// MetricsPage answers with the metrics whoever sends the token; an empty token asks for none.
func MetricsPage(m *metrics.Process, token string, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token != "" && !hasToken(r, token) {
			writeProblem(w, newProblem(http.StatusUnauthorized, codeUnauthorized, "Send the token of POSTERN_METRICS_TOKEN: Authorization: Bearer ...").
				with("WWW-Authenticate", `Bearer realm="metrics"`))
			return
		}
		writeMetrics(w, r, m, log)
	})
}

func hasToken(r *http.Request, token string) bool {
	given, ok := bearerOf(r)
	return ok && token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

func writeMetrics(w http.ResponseWriter, r *http.Request, m *metrics.Process, log *slog.Logger) {
	var text bytes.Buffer
	if err := m.Write(r.Context(), &text); err != nil {
		log.Error("the metrics could not be written", "error", err)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text.Bytes())
}

// metricsRoute is /metrics beside the API: for the token's holder, and for an API key.
func (d Deps) metricsRoute(g *guard) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if d.Metrics == nil {
			d.notFound(w, r)
			return
		}
		if !hasToken(r, d.MetricsToken) {
			if _, problem := g.admit(r, ReadMetrics); problem != nil {
				noteFailure(r.Context(), problem.cause)
				writeProblem(w, problem)
				return
			}
		}
		writeMetrics(w, r, d.Metrics, d.Log)
	}
}
