// Package web is the HTTP door: it decodes requests, calls the domain and translates what it says.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/metrics"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/wording"
)

// Deps is what the door opens to. Check, Ready and Log may be nil: then mailboxes cannot be checked,
// a database that answers is readiness enough, and slog's default logger is written to.
type Deps struct {
	DB        *db.DB
	Identity  *identity.Service
	Contacts  *contacts.Service
	Tickets   *tickets.Service
	Mailboxes *mailboxes.Service
	Outbox    *outbox.Outbox
	Letters   wording.Desk
	Operator  string // address; empty: none
	Inbox     *inbox.Service
	Rules     *rules.Service
	Blobs     *blob.Store

	AckLimit  config.Rate // acknowledgements to one email address, of emails and the form together
	FormLimit config.Rate // posts of the support form from one email address at one network address
	DeskName  string
	// DeskLanguage is a tag: of pages for visitors whose languages the desk does not speak.
	DeskLanguage string
	Logo         string // https URL of a picture on pages; empty: none
	Accent       string // colour of links and buttons, #rrggbb; empty: ours
	PublicURL    string // without a slash at the end; empty: unknown

	Metrics      *metrics.Process // nil: there are none
	MetricsToken string           // who sends it needs no API key for them; empty: nobody

	Jobs http.Handler // pages of the job queue, for administrators; nil: there are none

	TrustedProxies []netip.Prefix // whose X-Forwarded-... headers are believed

	About About
	Check func(ctx context.Context, mailboxID uuid.UUID) (CheckReport, error)
	Ready func(ctx context.Context) error
	Log   *slog.Logger

	LookUpTXT func(ctx context.Context, name string) ([]string, error) // no such name is an empty list; nil: DNS is not asked
}

// New makes the handler of every route. It panics where two routes contradict each other, which a test
// of the table finds.
func New(d Deps) http.Handler {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Ready == nil {
		d.Ready = d.DB.Ping
	}
	mux := chi.NewRouter()
	mux.Use(forwarded(d.TrustedProxies), requestID, accessLog(d.Log), measured(d.Metrics), recoverer(d.Log), securityHeaders(d.PublicURL, d.Logo), middleware.GetHead)
	door := &guard{identity: d.Identity, keys: d.DB, log: d.Log}
	mux.Get("/metrics", d.metricsRoute(door))
	api := newAPI(mux, door)
	for _, r := range d.routes() {
		r.register(api)
	}
	amend(api.OpenAPI())
	d.pages(mux, api.OpenAPI())
	return mux
}
