package web

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

func (d Deps) pages(mux chi.Router, spec *huma.OpenAPI) {
	specRoutes(mux, spec)
	_ = http.StatusOK
}
