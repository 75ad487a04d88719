package web

import "net/http"

// routes is every route of the API, with what it asks of the caller.
func (d Deps) routes() []route {
	room := ticketRoom{d.Tickets, d.Contacts}
	lists, writes, threads := ticketLists{room}, ticketWrites{room}, ticketThreads{room, d.Outbox, d.Inbox}
	messages := ticketMessages{d.Tickets, d.Blobs}
	files := attachments{d.Tickets, d.Blobs}
	accounts, known := clients{d.Contacts}, people{d.Contacts}
	boxes := mailboxRoutes{d.Mailboxes, d.Inbox, d.Check, d.LookUpTXT}
	inbound, outbound := inboundEmails{d.Inbox}, outboundEmails{d.Outbox}
	wordings := letterTemplates{d.Letters, d.Operator, d.DB}
	me, sorting := self{d.Identity}, triage{d.Rules, d.Inbox}
	return []route{
		get("/v1/tickets", ReadTickets, "List tickets", lists.list),
		get("/v1/tickets/counts", ReadTickets, "Count tickets", lists.counts),
		post("/v1/tickets", WriteTickets, "Open a ticket", writes.open),
		get("/v1/tickets/{id}", ReadTickets, "Read a ticket", threads.read),
		patch("/v1/tickets/{id}", WriteTickets, "Change a ticket", writes.update),
		get("/v1/tickets/{id}/messages", ReadTickets, "List messages", messages.list),
		post("/v1/tickets/{id}/messages", WriteTickets, "Answer a ticket", messages.post).upTo(maxMessage),
		post("/v1/tickets/{id}/merge", WriteTickets, "Merge a ticket", writes.merge).answers(http.StatusOK),
		get("/v1/tickets/{id}/context", ReadTickets, "Read who asks", threads.context),
		get("/v1/attachments/{id}", ReadTickets, "Download an attachment", files.read).bytes("application/octet-stream"),

		get("/v1/clients", ReadContacts, "List clients", accounts.list),
		post("/v1/clients", WriteContacts, "Add a client", accounts.create),
		get("/v1/clients/{id}", ReadContacts, "Read a client", accounts.read),
		patch("/v1/clients/{id}", WriteContacts, "Change a client", accounts.update),
		get("/v1/contacts", ReadContacts, "List contacts", known.list),
		post("/v1/contacts", WriteContacts, "Add a contact", known.create),
		get("/v1/contacts/{id}", ReadContacts, "Read a contact", known.read),
		patch("/v1/contacts/{id}", WriteContacts, "Change a contact", known.update),

		get("/v1/mailboxes", ReadMailboxes, "List mailboxes", boxes.list),
		post("/v1/mailboxes", ManageMailboxes, "Add a mailbox", boxes.create),
		get("/v1/mailboxes/{id}", ReadMailboxes, "Read a mailbox", boxes.read),
		patch("/v1/mailboxes/{id}", ManageMailboxes, "Change a mailbox", boxes.update),
		post("/v1/mailboxes/{id}/check", ManageMailboxes, "Check a mailbox", boxes.try).answers(http.StatusOK),
		get("/v1/mailboxes/{id}/dkim", ReadMailboxes, "Read how letters are signed", boxes.readDKIM),
		post("/v1/mailboxes/{id}/dkim", ManageMailboxes, "Make a DKIM key", boxes.makeDKIMKey),
		put("/v1/mailboxes/{id}/dkim", ManageMailboxes, "Sign letters or not", boxes.sign),

		get("/v1/inbound-emails", ReadEmails, "List inbound emails", inbound.list),
		get("/v1/inbound-emails/{id}", ReadEmails, "Read an inbound email", inbound.read),
		get("/v1/inbound-emails/{id}/raw", ReadEmails, "Download an inbound email", inbound.raw).bytes("message/rfc822"),
		post("/v1/inbound-emails/{id}/reprocess", ReprocessEmails, "Read an inbound email again", inbound.reprocess).answers(http.StatusOK),
		get("/v1/outbound-emails", ReadLetters, "List outbound emails", outbound.list),
		post("/v1/outbound-emails/{id}/resend", ResendLetters, "Resend an outbound email", outbound.resend).answers(http.StatusAccepted),

		get("/v1/letter-templates", ReadLetters, "List letter templates", wordings.list),
		put("/v1/letter-templates/{name}", ManageLetters, "Set a letter template", wordings.put),
		del("/v1/letter-templates/{name}", ManageLetters, "Remove a letter template", wordings.remove),
		post("/v1/letter-templates/{name}/preview", ManageLetters, "Preview a letter template", wordings.preview).answers(http.StatusOK),
		post("/v1/letter-templates/{name}/test", ManageLetters, "Send a letter template to staff", wordings.try).answers(http.StatusAccepted),

		get("/v1/rules", ReadRules, "List rules", sorting.list),
		post("/v1/rules", ManageRules, "Add a rule", sorting.create),
		post("/v1/rules/try", ManageRules, "Try a rule", sorting.try).answers(http.StatusOK),
		get("/v1/rules/{id}", ReadRules, "Read a rule", sorting.read),
		patch("/v1/rules/{id}", ManageRules, "Change a rule", sorting.update),
		del("/v1/rules/{id}", ManageRules, "Delete a rule", sorting.remove),

		get("/v1/me", Anyone, "Read who calls", me.me),
		get("/v1/api-keys", ManageAPIKeys, "List API keys", me.keys),
		post("/v1/api-keys", ManageAPIKeys, "Add an API key", me.createKey).shownOnce(),
		del("/v1/api-keys/{id}", ManageAPIKeys, "Revoke an API key", me.revokeKey),
	}
}

// guardedPages are beside the API and ask for a key or a session themselves.
var guardedPages = []string{
	"GET /metrics", "GET /admin/jobs", "GET /admin/jobs/*", "POST /admin/jobs/*", "PUT /admin/jobs/*", "PATCH /admin/jobs/*",
}

// publicRoutes answer without a key.
var publicRoutes = []string{
	"GET /", "GET /support", "POST /support", "GET /support/thanks", "GET /docs", "GET /style.css",
	"GET /openapi.json", "GET /openapi.yaml", "GET /healthz", "GET /readyz",
	"GET /admin/login", "POST /admin/login", "POST /admin/logout",
}
