package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/identity"
)

// guard stands before every route of the API: who calls, may they, and is the request whole.
type guard struct {
	identity *identity.Service
	keys     *db.DB
	log      *slog.Logger
}

// before is the guard of one operation.
func (g *guard) before(r route, op *huma.Operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, problem := g.admit(req, r.needs)
		if problem == nil {
			problem = checkQuery(req, op)
		}
		var body []byte
		if problem == nil && req.Method != http.MethodGet {
			body, problem = readBody(w, req, r.maxBody)
		}
		if problem != nil {
			noteFailure(req.Context(), problem.cause)
			writeProblem(w, problem)
			return
		}
		req = req.WithContext(withCaller(req.Context(), c))
		req.Body = io.NopCloser(bytes.NewReader(body))
		if key := req.Header.Values(idempotencyHeader); req.Method == http.MethodPost && len(key) > 0 {
			g.onceOnly(w, req, attempt{key: key[0], body: body, secret: r.once, next: next})
			return
		}
		next.ServeHTTP(w, req)
	})
}

// admit finds out who calls and whether they may.
func (g *guard) admit(r *http.Request, needs Permission) (caller, *Problem) {
	const challenge = `Bearer realm="postern"`
	key, ok := bearerOf(r)
	if !ok {
		return caller{}, newProblem(http.StatusUnauthorized, codeUnauthorized,
			"Send an API key: Authorization: Bearer pst_...").with("WWW-Authenticate", challenge)
	}
	actor, role, err := g.identity.Authenticate(r.Context(), key)
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		return caller{}, newProblem(http.StatusUnauthorized, codeUnauthorized,
			"This API key is not in force.").with("WWW-Authenticate", challenge+`, error="invalid_token"`)
	case err != nil:
		return caller{}, problemOf(err)
	}
	c := caller{actor: actor, role: role}
	if !c.may(needs) {
		return caller{}, newProblem(http.StatusForbidden, codeForbidden, fmt.Sprintf("This needs the permission %s.", needs))
	}
	return c, nil
}

// bearerOf reads the scheme without regard to case (RFC 9110 section 11.1).
func bearerOf(r *http.Request) (string, bool) {
	scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	return key, ok && strings.EqualFold(scheme, "Bearer") && key != ""
}

// customStart begins the query parameters that have names of the desk's own.
const customStart = "custom."

// checkQuery refuses parameters that no one would look at: a misspelt filter must not list everything.
func checkQuery(r *http.Request, op *huma.Operation) *Problem {
	query := r.URL.Query()
	var wrong []FieldError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		known := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool {
			return p.In == "query" && (p.Name == name || p.Name == customParameter && strings.HasPrefix(name, customStart))
		})
		switch {
		case !known:
			wrong = append(wrong, FieldError{Field: "query." + line(name), Message: "there is no such parameter here"})
		case len(query[name]) > 1:
			wrong = append(wrong, FieldError{Field: "query." + line(name), Message: "the parameter stands twice"})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	p := newProblem(http.StatusUnprocessableEntity, codeValidation, "The request is not as the API describes it: "+wrong[0].Field+": "+wrong[0].Message+".")
	p.Errors = wrong
	return p
}

// bodyPatience is how long a body may take: at least 300 KB a second are expected beyond the first.
func bodyPatience(limit int64) time.Duration {
	return 10*time.Second + time.Duration(limit/(300<<10))*time.Second
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Problem) {
	wire := http.NewResponseController(w)
	// Test recorders have no deadlines; there nothing can hang.
	_ = wire.SetReadDeadline(time.Now().Add(bodyPatience(limit)))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		giveUp(w, r.Body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, newProblem(http.StatusRequestEntityTooLarge, codeBodyTooLarge, fmt.Sprintf("The body may have %d bytes.", limit))
		}
		return nil, newProblem(http.StatusRequestTimeout, codeBodyTimeout, "The body did not come whole.")
	}
	// A handler may work for longer than its body took.
	_ = wire.SetReadDeadline(time.Time{})
	if !utf8.Valid(body) { // RFC 8259 section 8.1
		return nil, newProblem(http.StatusBadRequest, codeInvalidJSON, "The body is not UTF-8.")
	}
	return body, nil
}

// giveUp reads on a while, because most programs read an answer only after all was sent, and ends the
// connection with the answer: what is left of the body is not waited for. The read deadline stands.
func giveUp(w http.ResponseWriter, body io.Reader) {
	w.Header().Set("Connection", "close")
	_, _ = io.CopyN(io.Discard, body, 64<<20)
}
