// Package config is what an operator can set, and the only reader of the environment.
//
// A setting comes from, in this order: its flag, its variable (POSTERN_...), the file
// postern.toml, its default. A variable that is empty counts as not set. A secret may also
// come from a file: POSTERN_DATABASE_URL_FILE names the file that holds POSTERN_DATABASE_URL.
//
// A command embeds Settings, or only those groups of it that it uses:
//
//	type cli struct {
//		config.File
//		Serve struct{ config.Settings } `cmd:"" help:"Run the desk."`
//	}
//	parser, err := kong.New(&cli, config.Options(config.Process())...)
package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Settings is every setting of a running desk. A zero Settings is of no use: it is filled by
// a parser made with Options, which also calls Validate.
type Settings struct {
	Storage   `group:"Storage"`
	Service   `group:"Service"`
	Network   `group:"Network"`
	Desk      `group:"Desk"`
	Inbound   `group:"Inbound email"`
	Letters   `group:"Letters"`
	Limits    `group:"Limits"`
	Retention `group:"Retention"`
}

// Storage is where the desk keeps its data. It is enough for commands that only need the database.
type Storage struct {
	DataDir          string `name:"data-dir" aliases:"data" default:"${data_dir}" unit:"folder" help:"Holds the embedded database, spool files and keys."`
	DatabaseURL      Secret `name:"database-url" unit:"postgres:// URL" secret:"" help:"The application's login. When empty, the desk runs a PostgreSQL of its own."`
	OwnerDatabaseURL Secret `name:"owner-database-url" unit:"postgres:// URL" secret:"" help:"The owner's login, which only migrations use."`
	PGBin            string `name:"pg-bin" unit:"folder" help:"Server binaries for the desk's own PostgreSQL. When empty, they are looked for."`
	SecretKeyFile    string `name:"secret-key-file" unit:"file" help:"The key that encrypts secrets in the database. When empty, secret.key in the data folder."`
}

// Service is how the process runs and answers.
type Service struct {
	Listen        string        `name:"listen" default:"127.0.0.1:8080" unit:"host:port" help:"Where HTTP is answered. Port 0 takes a free one."`
	PublicURL     string        `name:"public-url" unit:"URL" help:"How browsers and other programs reach the desk. When empty, the listen address, if that is loopback."`
	Roles         Roles         `name:"roles" default:"web,worker,watch" unit:"list" help:"What this process does: web answers HTTP, worker runs jobs, watch keeps mailboxes open."`
	LogLevel      slog.Level    `name:"log-level" default:"info" unit:"debug, info, warn or error" help:"The least important line that is logged."`
	LogFormat     string        `name:"log-format" default:"text" unit:"text or json" help:"How a log line is written."`
	MetricsListen string        `name:"metrics-listen" unit:"host:port" example:"127.0.0.1:9090" help:"Where this process tells its metrics, whatever its roles. When empty, only at /metrics of the API."`
	MetricsToken  Secret        `name:"metrics-token" unit:"text" secret:"" help:"Who sends it as a bearer token, of 16 characters or more, may read the metrics; without one an API key may."`
	ShutdownDrain time.Duration `name:"shutdown-drain" default:"20s" unit:"duration" help:"How long running jobs and requests may finish after a stop."`
}

// Network is whom the desk believes outside itself.
type Network struct {
	CAFile         string         `name:"ca-file" unit:"file" help:"Certificates (PEM) of private authorities, trusted for IMAP and SMTP servers beside the system's."`
	DNSServer      netip.AddrPort `name:"dns-server" unit:"address:port" example:"127.0.0.1:53" help:"Answers every TXT look-up. When empty, the system's resolver."`
	TrustedProxies []netip.Prefix `name:"trusted-proxies" unit:"list of networks" example:"10.1.0.0/16" help:"Networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. When empty, nobody's."`
}

// Access is for commands that look at data and at the servers outside.
type Access struct {
	Storage `group:"Storage"`
	Network `group:"Network"`
}

// Desk is how the desk presents itself to people.
type Desk struct {
	DeskName        string `name:"desk-name" default:"Support" unit:"text" help:"The name that letters and pages bear."`
	OperatorAddress string `name:"operator-address" unit:"email address" example:"ops@desk.example" help:"Who is written to when a mailbox does not work. When empty, the mailbox's staff addresses."`
	LogoURL         string `name:"logo-url" unit:"https URL" example:"https://desk.example/logo.png" help:"A picture at the head of letters and pages, shown 40 pixels high. When empty, none."`
	AccentColor     string `name:"accent-color" unit:"#rrggbb" example:"#0b6e4f" help:"Colour of links and buttons in letters and pages; its contrast to white must be at least 4.5. When empty, a blue."`
	Language        string `name:"language" default:"en" unit:"BCP 47 tag" example:"de-CH" help:"Language of letters to staff and to clients who have none, and of pages for visitors whose own the desk does not speak: en, de, fr or es."`
	TimeZone        string `name:"time-zone" default:"UTC" unit:"IANA name" help:"Time zone of the times in letters to clients who have none, and of the business hours."`
	BusinessHours   string `name:"business-hours" unit:"hours of the week" example:"mon-fri 09:00-17:00, sat 10:00-12:00" help:"When the desk answers, such as mon-fri 09:00-17:00, sat 10:00-12:00: outside of it acknowledgements and the support form say when it does so next. When empty, they say nothing of it."`
	Holidays        string `name:"holidays" unit:"list of days" example:"12-25, 2026-04-06" help:"Days within the business hours on which nobody answers, such as 12-25 for every year or 2026-04-06."`
}

// Inbound is how email is read.
type Inbound struct {
	PollInterval       time.Duration `name:"poll-interval" default:"60s" unit:"duration" help:"How often a mailbox is asked, besides its own notices."`
	IdleSlice          time.Duration `name:"idle-slice" default:"5m" unit:"duration" help:"How long one IDLE lasts before it is renewed."`
	FetchBatchMessages int           `name:"fetch-batch-messages" default:"50" unit:"emails" help:"Most emails fetched by one command."`
	FetchBatchBytes    Bytes         `name:"fetch-batch-bytes" default:"16MiB" unit:"bytes" help:"Most bytes fetched by one command; a larger email is fetched alone."`
	MaxEmailBytes      Bytes         `name:"max-email-bytes" default:"50MiB" unit:"bytes" help:"Largest email that is read whole; a larger one is noted as oversize."`
	ReplyWait          time.Duration `name:"reply-wait" default:"10m" unit:"duration" help:"How long a reply waits for the email that it answers."`
	IngestWorkers      int           `name:"ingest-workers" default:"3" unit:"workers" help:"Batches of emails read at the same time in this process; one more than it has processors is best."`
}

// Letters is how email is sent.
type Letters struct {
	TemplatesDir      string `name:"templates-dir" unit:"folder" help:"Your own words of letters as files, such as acknowledgement.txt or acknowledgement.de.html. When empty, none."`
	LetterAttemptDays int    `name:"letter-attempt-days" default:"5" unit:"days" help:"How long a letter is tried before it is given up."`
	SMTPConnections   int    `name:"smtp-connections" default:"4" unit:"connections" help:"Most open connections to one SMTP account from this process."`
}

// Limits is how much one sender may cause.
type Limits struct {
	TicketLimitAddress Rate           `name:"ticket-limit-address" default:"20/10m" unit:"tickets/duration" help:"Tickets that one address may open; a burst ticket takes the rest."`
	TicketLimitDomain  Rate           `name:"ticket-limit-domain" default:"1000/10m" unit:"tickets/duration" help:"Tickets that one company's domain may open; providers of free addresses have no such limit."`
	AckLimit           Rate           `name:"ack-limit" default:"3/1h" unit:"letters/duration" help:"Acknowledgements sent to one address."`
	FormLimit          Rate           `name:"form-limit" default:"5/1h" unit:"posts/duration" help:"Posts of the support form with one email address from one network; a network may make four times as many."`
	WebhookAllow       []netip.Prefix `name:"webhook-allow" unit:"list of networks" example:"10.1.0.0/16" help:"Private networks that webhook endpoints may be in, such as 10.1.0.0/16. No webhooks are sent yet."`
}

// Retention is how long things are kept.
type Retention struct {
	RetainRawEmailDays int `name:"retain-raw-email-days" default:"365" unit:"days" help:"How long the original of an email is kept."`
	RetainLetterDays   int `name:"retain-letter-days" default:"7" unit:"days" help:"How long a letter's bytes are kept after a server took them."`
	RetainAwaitedDays  int `name:"retain-awaited-days" default:"90" unit:"days" help:"How long an email is expected that a reply named and that has not come."`
	RetainKeyHours     int `name:"retain-key-hours" default:"24" unit:"hours" help:"How long the answer to an Idempotency-Key is kept."`
	RetainDoneJobHours int `name:"retain-done-job-hours" default:"1" unit:"hours" help:"How long a job is kept that succeeded."`
	RetainLostJobDays  int `name:"retain-lost-job-days" default:"7" unit:"days" help:"How long a job is kept that was cancelled or given up."`
}

// File is where the settings file is; the root of the command line embeds it.
type File struct {
	Config string `name:"config" group:"Storage" unit:"file" help:"The settings file. When empty, postern.toml in the working folder if there is one."`
}

// Login is the secret of one command, kept here because a file may hold it and the other commands must
// not take it for a misspelt setting.
type Login struct {
	MailboxPassword Secret `name:"mailbox-password" aliases:"password" group:"Commands" unit:"password" secret:"" help:"Password at both servers of a mailbox that is added or changed; better a variable or a file than a flag."`
}
