package event

// The kinds of events.
const (
	ClientCreated    Kind = "client.created"
	ClientUpdated    Kind = "client.updated"
	ContactCreated   Kind = "contact.created"
	ContactUpdated   Kind = "contact.updated"
	ContactImported  Kind = "contact.imported"
	TicketOpened     Kind = "ticket.opened"
	TicketImported   Kind = "ticket.imported"
	TicketReplied    Kind = "ticket.replied"
	TicketNoted      Kind = "ticket.noted"
	TicketUpdated    Kind = "ticket.updated"
	TicketClosed     Kind = "ticket.closed"
	TicketReopened   Kind = "ticket.reopened"
	TicketMerged     Kind = "ticket.merged"
	EmailHeld        Kind = "email.held"
	EmailSetAside    Kind = "email.set_aside"
	EmailReprocessed Kind = "email.reprocessed"
	LetterFailed     Kind = "letter.failed"
	LetterResent     Kind = "letter.resent"
	TemplateSaved    Kind = "letter_template.saved"
	TemplateDeleted  Kind = "letter_template.deleted"
	TemplateTried    Kind = "letter_template.tried"
	MailboxCreated   Kind = "mailbox.created"
	MailboxUpdated   Kind = "mailbox.updated"
	MailboxCompared  Kind = "mailbox.compared"
	MailboxFailing   Kind = "mailbox.failing"
	MailboxRecovered Kind = "mailbox.recovered"
	APIKeyCreated    Kind = "api_key.created"
	APIKeyRevoked    Kind = "api_key.revoked"
	RuleCreated      Kind = "rule.created"
	RuleUpdated      Kind = "rule.updated"
	RuleDeleted      Kind = "rule.deleted"
	AdminLoggedIn    Kind = "admin.logged_in"
	AdminLoggedOut   Kind = "admin.logged_out"
	QueueChanged     Kind = "queue.changed"
)

// Catalogue is the closed list of kinds: what is not in it cannot be recorded.
var Catalogue = map[Kind]Spec{
	ClientCreated:    {Module: "clients", Action: "create"},
	ClientUpdated:    {Module: "clients", Action: "update"},
	ContactCreated:   {Module: "contacts", Action: "create", Public: true},
	ContactImported:  {Module: "contacts", Action: "create"},
	ContactUpdated:   {Module: "contacts", Action: "update", Public: true},
	EmailReprocessed: {Module: "emails", Action: "update"},
	TicketImported:   {Module: "tickets", Action: "create"},
	TicketOpened:     {Module: "tickets", Action: "create", Public: true},
	TicketReplied:    {Module: "tickets", Action: "update", Public: true},
	TicketNoted:      {Module: "tickets", Action: "update"},
	TicketUpdated:    {Module: "tickets", Action: "update", Public: true},
	TicketClosed:     {Module: "tickets", Action: "update", Public: true},
	TicketReopened:   {Module: "tickets", Action: "update", Public: true},
	TicketMerged:     {Module: "tickets", Action: "update", Public: true},
	EmailHeld:        {Module: "emails", Action: "update"},
	EmailSetAside:    {Module: "emails", Action: "update"},
	LetterFailed:     {Module: "letters", Action: "update"},
	LetterResent:     {Module: "letters", Action: "update"},
	TemplateSaved:    {Module: "letters", Action: "update"},
	TemplateDeleted:  {Module: "letters", Action: "delete"},
	TemplateTried:    {Module: "letters", Action: "create"},
	MailboxCreated:   {Module: "mailboxes", Action: "create"},
	MailboxCompared:  {Module: "mailboxes", Action: "update"},
	MailboxUpdated:   {Module: "mailboxes", Action: "update"},
	MailboxFailing:   {Module: "mailboxes", Action: "update", Public: true},
	MailboxRecovered: {Module: "mailboxes", Action: "update", Public: true},
	APIKeyCreated:    {Module: "api_keys", Action: "create"},
	APIKeyRevoked:    {Module: "api_keys", Action: "delete"},
	RuleCreated:      {Module: "rules", Action: "create"},
	RuleUpdated:      {Module: "rules", Action: "update"},
	RuleDeleted:      {Module: "rules", Action: "delete"},
	AdminLoggedIn:    {Module: "sessions", Action: "create"},
	AdminLoggedOut:   {Module: "sessions", Action: "delete"},
	QueueChanged:     {Module: "jobs", Action: "update"},
}
