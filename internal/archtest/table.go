// Package archtest keeps the architecture true: which room may import which, how large things
// may grow, and who may do what is reserved. The rules stand here as data; the tests apply them
// to the whole checkout, and prove on small examples that each rule can fail.
package archtest

// room is one package and the packages of ours that its product files may import.
type room struct {
	path    string
	imports []string // earlier rooms only
	kind    kind
}

type kind int

const (
	domain   kind = iota
	door          // decodes, calls, translates: sees every domain
	assembly      // puts the program together: sees everything
	testKit       // real servers for tests; never part of the product
)

// rooms is the table of architecture.md with what decisions.md 9 adds, in its order.
// Imports only point to earlier rooms.
var rooms = []room{
	{path: "webhooks"},
	{path: "jobs"},
	{path: "internal/fault"},
	{path: "internal/event"},
	{path: "internal/words"},
	{path: "internal/hours"},
	{path: "internal/brand"},
	{path: "internal/config", imports: []string{"internal/words", "internal/hours", "internal/brand"}},
	{path: "mail/message"},
	{path: "mail/oauth"},
	{path: "mail/mailbox", imports: []string{"mail/oauth"}},
	{path: "mail/archive"},
	{path: "mail/letter", imports: []string{"internal/words"}},
	{path: "mail/smtp", imports: []string{"mail/letter", "mail/oauth"}},
	{path: "mail/dkim"},
	{path: "migrations"},
	{path: "internal/backup", imports: []string{"migrations"}},
	{path: "internal/embedded"},
	{path: "internal/db", imports: []string{"internal/event", "jobs", "internal/fault"}},
	{path: "internal/metrics", imports: []string{"internal/db", "internal/event"}},
	{path: "internal/token", imports: []string{"internal/db", "internal/event", "internal/fault"}},
	{path: "internal/vault"},
	{path: "internal/blob", imports: []string{"internal/db", "internal/event", "internal/fault"}},
	{path: "internal/limit", imports: []string{"internal/db", "internal/event", "internal/fault"}},
	{path: "internal/mailboxes", imports: []string{"internal/hours", "internal/brand", "internal/db", "internal/event", "internal/fault", "internal/vault", "mail/dkim"}},
	{path: "internal/contacts", imports: []string{"internal/db", "internal/event", "internal/fault", "internal/words", "webhooks"}},
	{path: "internal/rules", imports: []string{"internal/db", "internal/event", "internal/fault"}},
	{path: "internal/outbox", imports: []string{
		"internal/blob", "internal/db", "internal/event", "jobs", "internal/fault", "mail/letter",
		"internal/token", "internal/vault", "internal/mailboxes",
	}},
	{path: "internal/wording", imports: []string{
		"internal/hours", "internal/db", "internal/event", "internal/fault", "internal/words", "mail/letter", "internal/mailboxes", "internal/outbox",
	}},
	{path: "internal/outage", imports: []string{
		"internal/db", "internal/event", "internal/fault", "internal/words", "webhooks", "mail/letter", "internal/mailboxes",
		"internal/outbox", "internal/wording",
	}},
	{path: "internal/access", imports: []string{
		"internal/db", "internal/event", "internal/fault", "webhooks", "internal/contacts", "internal/outbox",
	}},
	{path: "internal/identity", imports: []string{
		"internal/db", "internal/event", "internal/fault", "internal/access", "internal/outbox",
		"internal/token", "internal/vault",
	}},
	{path: "internal/records", imports: []string{
		"internal/db", "internal/event", "internal/fault", "webhooks", "internal/contacts", "internal/access",
	}},
	{path: "internal/tickets", imports: []string{
		"internal/contacts", "internal/access", "internal/outbox", "internal/db", "internal/event",
		"internal/fault", "internal/blob", "internal/mailboxes", "internal/token", "internal/words", "internal/wording", "mail/letter", "webhooks",
	}},
	{path: "internal/approvals", imports: []string{
		"internal/access", "internal/contacts", "internal/outbox", "internal/db", "internal/event",
		"internal/fault", "jobs", "internal/token", "webhooks",
	}},
	{path: "internal/people", imports: []string{
		"internal/db", "internal/event", "internal/fault", "jobs", "internal/token", "internal/contacts",
		"internal/outbox", "internal/access", "internal/identity", "internal/records",
		"internal/tickets", "internal/approvals",
	}},
	{path: "internal/inbox", imports: []string{
		"internal/db", "mail/message", "internal/tickets", "internal/approvals", "internal/contacts",
		"internal/outbox", "jobs", "internal/access", "internal/event", "internal/fault",
		"internal/blob", "internal/limit", "internal/mailboxes", "internal/rules",
	}},
	{path: "internal/audit", imports: []string{"internal/db", "internal/event", "internal/access"}},
	{path: "webhooks/dispatch", imports: []string{
		"webhooks", "internal/db", "internal/event", "jobs", "internal/fault", "internal/access", "internal/outbox",
	}},
	{path: "webhooks/intake", imports: []string{
		"webhooks", "internal/db", "internal/event", "jobs", "internal/fault", "internal/access",
		"internal/contacts", "internal/records", "internal/approvals",
	}},
	{path: "web", kind: door},
	{path: "worker", kind: door},
	{path: "internal/testdb", kind: testKit, imports: []string{"migrations", "internal/embedded"}},
	{path: "internal/testtls", kind: testKit},
	{path: "internal/testimap", kind: testKit, imports: []string{"internal/testtls"}},
	{path: "internal/faultproxy", kind: testKit},
	{path: "internal/archtest", kind: testKit, imports: []string{"internal/config"}},
	{path: "cmd/postern", kind: assembly},
	{path: "cmd/bench", kind: assembly},
	{path: "cmd/chaos", kind: assembly},
}

// measuring are the programs that may use the test kits: they measure or break real servers.
var measuring = []string{"cmd/bench", "cmd/chaos"}

// closedToDoors is what the program assembles around the doors and they never see.
var closedToDoors = []string{"migrations", "internal/backup", "internal/embedded"}

// reserved is a call that only some rooms may make in product code.
type reserved struct {
	call string   // the name after the dot, or pkg.Name for a function of that package
	why  string   // completes "because"
	only []string // rooms
}

var reservations = []reserved{
	{
		call: "Bookkeep", why: "state that is no bookkeeping changes through Change, with its audit entry",
		only: []string{"internal/inbox", "internal/outbox", "internal/outage", "internal/mailboxes", "internal/blob", "internal/limit", "internal/identity", "worker", "internal/db"},
	},
	{call: "Begin", why: beginReason, only: beginners},
	{call: "BeginTx", why: beginReason, only: beginners},
	{call: "BeginFunc", why: beginReason, only: beginners},
	{call: "BeginTxFunc", why: beginReason, only: beginners},
	{call: "os.Getenv", why: environmentReason, only: environmentReaders},
	{call: "os.LookupEnv", why: environmentReason, only: environmentReaders},
	{call: "os.ExpandEnv", why: environmentReason, only: environmentReaders},
	{call: "os.Environ", why: environmentReason, only: environmentReaders},
	{call: "syscall.Getenv", why: environmentReason, only: environmentReaders},
}

const (
	beginReason       = "a transaction begins in internal/db, where its record is written"
	environmentReason = "a setting that internal/config does not know is neither documented nor checked"
)

var (
	// cmd/bench measures the product beside transactions without it; internal/backup copies tables whole.
	beginners          = []string{"internal/db", "internal/backup", "migrations", "internal/testdb", "internal/embedded", "cmd/bench"}
	environmentReaders = []string{"internal/config", "internal/testdb", "internal/testimap"}
)

// Budgets of product code. Lines are counted as an editor numbers them.
const (
	maxFileLines     = 400
	maxFunctionLines = 70
	maxParameters    = 5
	maxFanOut        = 12 // outside doors and assembly
)

// minTestRatio is the least number of test lines for each product line over the whole, blank
// lines not counted.
const minTestRatio = 0.8

// vagueNames say nothing about what is inside; things live where they are used.
var vagueNames = []string{
	"util", "utils", "helper", "helpers", "common", "misc", "model", "models", "manager", "managers",
}
