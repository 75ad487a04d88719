package web

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/postern-desk/postern/internal/brand"
)

//go:embed pages
var pageFiles embed.FS

var templates = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// messagePage is a page that says one thing.
type messagePage struct {
	frame
	Text, Link, LinkText string
}

// pages adds everything that answers without a key.
func (d Deps) pages(mux chi.Router, spec *huma.OpenAPI) {
	specRoutes(mux, spec)
	mux.Get("/healthz", d.About.alive)
	mux.Get("/readyz", d.About.ready(d.Ready))
	mux.Get("/style.css", style(d.Accent))
	mux.Get("/", d.landing)
	mux.Get("/docs", d.reference(spec))
	form := newSupportForm(d)
	own := sameSite(d.PublicURL, d.Log)
	mux.Get("/support", form.show)
	mux.With(own).Post("/support", form.submit)
	mux.Get("/support/thanks", form.thanks)
	d.adminPages(mux)
	mux.NotFound(d.notFound)
	mux.MethodNotAllowed(methodNotAllowed(mux))
}

// style is the style of all pages, with the colour that the page asks for, else the desk's where it has one. On dark ground the colours stay as they
// are: one that is readable on white is not readable there.
func style(accent string) http.HandlerFunc {
	plain, _ := pageFiles.ReadFile("pages/style.css") // it is part of the program
	return func(w http.ResponseWriter, r *http.Request) {
		colour, sheet := accent, plain
		if own := r.URL.Query().Get("accent"); own != "" && brand.CheckAccent(own) == nil {
			colour = own
		}
		if colour != "" {
			sheet = append(slices.Clip(plain), "@media not (prefers-color-scheme: dark) {\n  :root { --accent: "+colour+"; }\n}\n"...)
		}
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(sheet) // the caller may be gone
	}
}

// sameSite refuses a form that a browser sends from another site.
func sameSite(publicURL string, log *slog.Logger) func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	if publicURL != "" {
		// A proxy may have changed the Host header that the origin is compared with.
		if err := protection.AddTrustedOrigin(publicURL); err != nil {
			log.Warn("the public URL is no origin; forms are compared with the Host header alone")
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, newProblem(http.StatusForbidden, codeCrossOrigin, "A browser sent this from another site."))
	}))
	return protection.Handler
}

func (d Deps) house() house { return house{name: d.DeskName, language: d.DeskLanguage, logo: d.Logo} }

func (d Deps) landing(w http.ResponseWriter, r *http.Request) {
	writePage(w, r, http.StatusOK, "landing.html", d.house().frame(r, "page.welcome"))
}

// notFound answers browsers with a page and programs with a problem.
func (d Deps) notFound(w http.ResponseWriter, r *http.Request) {
	if !wantsPage(r) {
		writeProblem(w, newProblem(http.StatusNotFound, codeNoRoute, "There is nothing at this address."))
		return
	}
	f := d.house().frame(r, "page.nothing")
	f.asked = nil // the same nothing in other languages helps nobody
	writePage(w, r, http.StatusNotFound, "message.html", messagePage{frame: f,
		Text: f.T("page.nothing_text"), Link: f.To("/"), LinkText: f.T("page.beginning")})
}

func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/v1/")
}

// methodNotAllowed says which methods there are (RFC 9110 section 15.5.6).
func methodNotAllowed(mux chi.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			as := m
			if m == http.MethodHead {
				as = http.MethodGet
			}
			if mux.Match(chi.NewRouteContext(), as, r.URL.Path) {
				allowed = append(allowed, m)
			}
		}
		writeProblem(w, newProblem(http.StatusMethodNotAllowed, codeMethod, "The address does not take this method.").
			with("Allow", strings.Join(allowed, ", ")))
	}
}

// writePage renders before it answers: a page is whole or it is a problem.
func writePage(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, data); err != nil {
		noteFailure(r.Context(), err)
		writeProblem(w, newProblem(http.StatusInternalServerError, codeInternal, "Something failed on our side."))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "Accept-Language") // caches keep a page for each (RFC 9110 section 12.5.5)
	w.Header().Set("Content-Length", strconv.Itoa(page.Len()))
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the caller may be gone
}
