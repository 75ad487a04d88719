package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
)

// The largest bodies, in bytes. Base64 adds a third to attachments.
const (
	maxJSON    = 1 << 20
	maxMessage = 35 << 20
)

// route is one line of the table: a path, what it asks of the caller, and who answers.
type route struct {
	method, path string
	needs        Permission
	summary      string
	maxBody      int64
	status       int
	once         bool // the answer holds a secret that is shown once: it is not kept for repetitions
	binary       string
	attach       func(huma.API, huma.Operation)
}

type handler[I, O any] func(context.Context, *I) (*O, error)

func get[I, O any](path string, needs Permission, summary string, h handler[I, O]) route {
	return newRoute(http.MethodGet, path, needs, summary, h)
}

// post is a POST that makes a new object: 201 with the object and its Location.
func post[I, O any](path string, needs Permission, summary string, h handler[I, O]) route {
	return newRoute(http.MethodPost, path, needs, summary, h).answers(http.StatusCreated)
}

func patch[I, O any](path string, needs Permission, summary string, h handler[I, O]) route {
	return newRoute(http.MethodPatch, path, needs, summary, h)
}

// put is a PUT that makes an object or takes the place of the one that is there.
func put[I, O any](path string, needs Permission, summary string, h handler[I, O]) route {
	return newRoute(http.MethodPut, path, needs, summary, h)
}

func del[I, O any](path string, needs Permission, summary string, h handler[I, O]) route {
	return newRoute(http.MethodDelete, path, needs, summary, h).answers(http.StatusNoContent)
}

func newRoute[I, O any](method, path string, needs Permission, summary string, h handler[I, O]) route {
	return route{method: method, path: path, needs: needs, summary: summary, maxBody: maxJSON, status: http.StatusOK,
		attach: func(api huma.API, op huma.Operation) {
			huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
				out, err := h(ctx, in)
				if err != nil {
					p := problemOf(err).located(method)
					noteFailure(ctx, p.cause)
					return nil, p
				}
				return out, nil
			})
		}}
}

func (r route) answers(status int) route { r.status = status; return r }

// upTo sets the largest body in bytes.
func (r route) upTo(bytes int64) route { r.maxBody = bytes; return r }

// shownOnce marks an answer that may not be kept.
func (r route) shownOnce() route { r.once = true; return r }

// bytes marks an answer that is a file of this media type.
func (r route) bytes(mediaType string) route { r.binary = mediaType; return r }

func (r route) register(api huma.API) {
	op := huma.Operation{
		Method: r.method, Path: r.path, Summary: r.summary, DefaultStatus: r.status, MaxBodyBytes: r.maxBody + 1,
		OperationID: strings.ReplaceAll(strings.ToLower(r.summary), " ", "-"),
		Tags:        []string{strings.Split(r.path, "/")[2]},
		// The guard has read the body under deadlines of its own; a deadline set here would end slow handlers.
		BodyReadTimeout: -1,
		Metadata:        map[string]any{routeKey: r},
		Extensions:      map[string]any{"x-permission": string(r.needs)},
		Responses:       map[string]*huma.Response{"default": problemResponse(api)},
		Security:        []map[string][]string{{"apiKey": {}}},
	}
	if r.binary != "" {
		op.Responses["200"] = &huma.Response{Description: "The bytes, always as a download",
			Content: map[string]*huma.MediaType{r.binary: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	}
	if r.method == http.MethodPost {
		op.Parameters = append(op.Parameters, idempotencyParameter())
	}
	r.attach(api, op)
}

const routeKey = "route"

// adapter puts the guard before each operation.
type adapter struct {
	mux   chi.Router
	guard *guard
}

// Handle is called once for each operation, with its parameters known.
func (a adapter) Handle(op *huma.Operation, answer func(huma.Context)) {
	r, _ := op.Metadata[routeKey].(route)
	a.mux.Method(op.Method, op.Path, a.guard.before(r, op, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer(humachi.NewContext(op, req, w))
	})))
}

// ServeHTTP completes huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }
