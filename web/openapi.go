package web

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

const apiDescription = `The API of a Postern desk. Send an API key as "Authorization: Bearer pst_...".
Errors are application/problem+json (RFC 9457) with a stable code. Lists take limit and cursor and answer
items and next_cursor. A POST may carry an Idempotency-Key: a repetition gets the first answer. A PATCH
carries If-Match with the ETag that was read. Times are RFC 3339 in UTC.`

// newAPI makes the JSON API on the mux. The guard stands before every route of it.
func newAPI(mux chi.Router, g *guard) huma.API {
	c := huma.DefaultConfig("Postern", "1")
	c.Info.Description = apiDescription
	c.CreateHooks = nil // it would reflect the Host header into bodies
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.Transformers = []huma.Transformer{ownProblems}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"apiKey": {Type: "http", Scheme: "bearer",
		Description: "An API key"}}
	return huma.NewAPI(c, adapter{mux: mux, guard: g})
}

// ownProblems turns what the framework found wrong into our vocabulary.
func ownProblems(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		return problemOfModel(m), nil
	}
	return v, nil
}

func problemResponse(api huma.API) *huma.Response {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return &huma.Response{Description: "A refusal; its code is stable",
		Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
}

func idempotencyParameter() *huma.Param {
	longest := maxIdempotencyKey
	return &huma.Param{Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: "string", MaxLength: &longest},
		Description: "Any text of your own, kept for a day. A repetition with the same key and body gets the first answer."}
}

// amend says what the types of Go cannot.
func amend(spec *huma.OpenAPI) {
	schemas := spec.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for _, name := range []string{"Ticket", "TicketThread", "TicketContext"} {
		for field, property := range schemas[name].Properties {
			if (field == "contact" || field == "client" || field == "merged_into") && property.Ref != "" {
				schemas[name].Properties[field] = &huma.Schema{AnyOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}}
			}
		}
	}
}

// specRoutes serves the description of the API.
func specRoutes(mux chi.Router, spec *huma.OpenAPI) {
	serve := func(contentType string, marshal func() ([]byte, error)) http.HandlerFunc {
		body, err := marshal()
		return func(w http.ResponseWriter, r *http.Request) {
			if err != nil {
				writeProblem(w, newProblem(http.StatusInternalServerError, codeInternal, "The description cannot be written."))
				return
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
		}
	}
	mux.Get("/openapi.json", serve("application/openapi+json", spec.MarshalJSON))
	mux.Get("/openapi.yaml", serve("application/openapi+yaml", spec.YAML))
}
