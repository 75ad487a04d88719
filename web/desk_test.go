package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	triage "github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/mail/message"
	"github.com/postern-desk/postern/web"
)

// desk is a whole desk behind its HTTP door, on a database of its own.
type desk struct {
	t       *testing.T
	deps    web.Deps
	db      *db.DB
	url     string
	ownerDB *testdb.DB
	admin   string // API keys
	staff   string
	mailbox mailboxes.Mailbox
	logs    *syncBuffer
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newDesk opens a desk with one mailbox; change may alter what the door opens to.
func newDesk(t *testing.T, change ...func(*web.Deps)) *desk {
	t.Helper()
	ctx := context.Background()
	owner := testdb.New(t)
	d, err := db.Open(ctx, owner.AppURL, db.Options{AppConns: 8, ClientConns: 2})
	must(t, err)
	t.Cleanup(d.Close)
	v, err := vault.New(make([]byte, 32))
	must(t, err)
	x := &desk{t: t, db: d, ownerDB: owner, logs: &syncBuffer{}}
	blobs, letters := blob.New(d), outbox.New(d, v, 24*time.Hour)
	house := wording.Desk{Name: "Acme Support", Wording: wording.New(d, letters, nil)}
	helpdesk := tickets.New(d, letters, blobs, house)
	rules := inbox.Rules{Parsing: message.DefaultLimits(), TicketsPerSender: 20, TicketsPerDomain: 1000, TicketWindow: 10 * time.Minute, DomainWindow: 10 * time.Minute,
		AcksPerWindow: 3, AckWindow: time.Hour, ReplyWait: time.Minute}
	x.deps = web.Deps{DB: d, Identity: identity.New(d), Contacts: contacts.New(d), Tickets: helpdesk,
		Mailboxes: mailboxes.New(d, v), Outbox: letters, Letters: house, Inbox: inbox.New(d, blobs, helpdesk, rules), Rules: triage.New(d), Blobs: blobs,
		AckLimit: config.Rate{Count: 3, Per: time.Hour}, FormLimit: config.Rate{Count: 5, Per: time.Hour}, DeskName: "Acme Support",
		Log: slog.New(slog.NewTextHandler(x.logs, nil))}
	x.deps.Jobs, err = web.NewJobs(t.Context(), d, x.deps.Log)
	must(t, err)
	for _, f := range change {
		f(&x.deps)
	}
	x.admin, x.staff = x.key(identity.Admin), x.key(identity.Staff)
	server := httptest.NewServer(web.New(x.deps))
	t.Cleanup(server.Close)
	x.url = server.URL
	x.mailbox = x.addMailbox("support@desk.example")
	return x
}

func (d *desk) key(role identity.Role) string {
	d.t.Helper()
	_, key, err := d.deps.Identity.Create(context.Background(), tester, "key of "+string(role), role)
	must(d.t, err)
	return key
}

var tester = event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}

func (d *desk) addMailbox(address string) mailboxes.Mailbox {
	d.t.Helper()
	server := mailboxes.Server{Host: "127.0.0.1", Port: 1143, Security: "none", Username: address}
	password := "secret of " + address
	m, err := d.deps.Mailboxes.Create(context.Background(), tester, mailboxes.Fields{Address: &address, AddressNorm: address,
		IMAP: &server, SMTP: &server, IMAPPassword: &password, SMTPPassword: &password})
	must(d.t, err)
	return m
}

// answer is what the door said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// request is what the door is asked. Body is sent as it is where it is a string, else as JSON.
type request struct {
	method, path string
	body         any
	key          string // empty: the staff key; "none": none
	header       map[string]string
}

func (d *desk) do(r request) answer {
	d.t.Helper()
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		must(d.t, err)
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(r.method, d.url+r.path, body)
	must(d.t, err)
	switch r.key {
	case "":
		req.Header.Set("Authorization", "Bearer "+d.staff)
	case "none":
	default:
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute}
	res, err := client.Do(req)
	must(d.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(d.t, err)
	return answer{t: d.t, status: res.StatusCode, header: res.Header, body: raw}
}

func (d *desk) get(path string) answer { d.t.Helper(); return d.do(request{method: "GET", path: path}) }

func (d *desk) post(path string, body any) answer {
	d.t.Helper()
	return d.do(request{method: "POST", path: path, body: body})
}

func (d *desk) patch(path, etag string, body any) answer {
	d.t.Helper()
	return d.do(request{method: "PATCH", path: path, body: body, header: map[string]string{"If-Match": etag}})
}

// want fails the test where the status is another.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d; body: %s", a.status, status, a.body)
	}
	return a
}

// refused fails the test where this is no problem with that status and code.
func (a answer) refused(status int, code string) answer {
	a.t.Helper()
	a.want(status)
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		a.t.Fatalf("content type %q, want application/problem+json", ct)
	}
	if got := a.object()["code"]; got != code {
		a.t.Fatalf("code %v, want %s; body: %s", got, code, a.body)
	}
	return a
}

func (a answer) object() map[string]any {
	a.t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		a.t.Fatalf("not a JSON object: %v: %s", err, a.body)
	}
	return out
}

func (a answer) text(field string) string {
	a.t.Helper()
	s, ok := a.object()[field].(string)
	if !ok {
		a.t.Fatalf("no text %q in %s", field, a.body)
	}
	return s
}

func (a answer) items() []map[string]any {
	a.t.Helper()
	var page struct {
		Items []map[string]any `json:"items"`
	}
	if err := json.Unmarshal(a.body, &page); err != nil || page.Items == nil {
		a.t.Fatalf("no page: %v: %s", err, a.body)
	}
	return page.Items
}

// openTicket opens a ticket of a known contact and returns its answer.
func (d *desk) openTicket(fields map[string]any) answer {
	d.t.Helper()
	body := map[string]any{"subject": "Printer jams", "body": "It jams since Monday.", "email": "ann@client.example"}
	for name, value := range fields {
		body[name] = value
	}
	return d.post("/v1/tickets", body).want(http.StatusCreated)
}

// count is one number from the database, read as its owner.
func (d *desk) count(sql string, args ...any) int {
	d.t.Helper()
	var n int
	err := d.db.View(context.Background(), event.System("test"), func(v *db.View) error {
		return v.QueryRow(sql, args...).Scan(&n)
	})
	must(d.t, err)
	return n
}

// state is the number of rows of everything that a request may change. Blobs are left out: they are
// written before the change, and collected where it is refused.
func (d *desk) text(sql string, args ...any) (text string) {
	d.t.Helper()
	must(d.t, d.db.View(context.Background(), event.System("test"), func(v *db.View) error {
		return v.QueryRow(sql, args...).Scan(&text)
	}))
	return text
}

func (d *desk) state() string {
	d.t.Helper()
	var s string
	err := d.db.View(context.Background(), event.System("test"), func(v *db.View) error {
		return v.QueryRow(`select json_build_array((select count(*) from tickets), (select count(*) from messages),
			(select count(*) from attachments), (select count(*) from participants), (select count(*) from clients),
			(select count(*) from contacts), (select count(*) from mailboxes), (select count(*) from letters),
			(select count(*) from api_keys where revoked_at is null), (select count(*) from audit_entries),
			(select count(*) from webhook_events), (select count(*) from idempotency_keys),
			(select coalesce(sum(version), 0) from tickets), (select coalesce(sum(version), 0) from contacts))::text`).Scan(&s)
	})
	must(d.t, err)
	return s
}

// ownerExec changes rows behind the product's back.
func (d *desk) ownerExec(sql string) {
	d.t.Helper()
	d.exec(d.ownerDB.SuperURL, sql)
}

// cutOff ends every connection of the desk's database and lets no new one in.
func (d *desk) cutOff() {
	d.t.Helper()
	at, err := url.Parse(d.ownerDB.SuperURL)
	must(d.t, err)
	name := strings.Trim(at.Path, "/")
	at.Path = "/postgres"
	d.exec(at.String(), "alter database "+name+" allow_connections false")
	d.exec(at.String(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+name+"'")
}

func (d *desk) exec(url, sql string) {
	d.t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	must(d.t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	must(d.t, err)
}

func (d *desk) audits() int { d.t.Helper(); return d.count("select count(*) from audit_entries") }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func anyID() string { return uuid.NewString() }
