package migrations_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/testdb"
)

// many are the rows of a desk that has worked for a while: 10,000 tickets of 2,000 clients, 20,000
// messages, as many letters, 30,000 emails. Row n has the id 00000000-0000-7000-8000-00000000000n.
const many = `
create function pg_temp.id(n bigint) returns uuid language sql immutable as $$ select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
insert into clients (id, name, domains) select pg_temp.id(n), 'Client ' || n, array['c' || n || '.example'] from generate_series(1, 2000) n;
insert into contacts (id, client_id, name, email, email_norm) select pg_temp.id(n), case when n % 5 > 0 then pg_temp.id(n % 2000 + 1) end, 'Ann', 'a' || n || '@x.example', 'a' || n || '@x.example' from generate_series(1, 10000) n;
insert into mailboxes (id, name, address, address_norm, imap, imap_secret, smtp, smtp_secret) values (pg_temp.id(1), 'S', 's@d.example', 's@d.example', '{}', '', '{}', '');
insert into mailbox_folders (mailbox_id, name) values (pg_temp.id(1), 'INBOX');
insert into tickets (id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons, requester_address, burst)
	select pg_temp.id(n), n, pg_temp.id(n % 2000 + 1), pg_temp.id(n), pg_temp.id(1), 'email', 'Help ' || n, case when n % 20 = 0 then 'open' else 'closed' end, 2, '{}', 'a' || n || '@x.example', n % 2000 = 0 from generate_series(1, 10000) n;
insert into participants (ticket_id, address, role) select pg_temp.id(n), 'a' || n || '@x.example', 'requester' from generate_series(1, 10000) n;
insert into messages (id, ticket_id, visibility, origin, body, rfc_message_id) select pg_temp.id(n), pg_temp.id(n % 10000 + 1), 'everyone', 'client', 'Help', 'm' || n || '@x.example' from generate_series(1, 20000) n;
insert into attachments (id, message_id, ticket_id, visibility, name, type, size, sha256) select pg_temp.id(n), pg_temp.id(n), pg_temp.id(n % 10000 + 1), 'everyone', 'a', 'b', 1, sha256(n::text::bytea) from generate_series(1, 20000) n;
insert into reply_tokens (hash, ticket_id, address) select sha256(n::text::bytea), pg_temp.id(n % 10000 + 1), 'a@x.example' from generate_series(1, 20000) n;
insert into awaited_parents (rfc_message_id, ticket_id) select 'w' || n || '@x.example', pg_temp.id(n) from generate_series(1, 10000) n;
insert into letters (id, kind, mailbox_id, ticket_id, recipients, subject, rfc_message_id, state, give_up_at)
	select pg_temp.id(n), 'answer', pg_temp.id(1), pg_temp.id(n % 10000 + 1), '{a@x.example}', 'Re', 'l' || n || '@d.example', case when n % 1000 = 0 then 'queued' when n % 500 = 1 then 'failed' else 'sent' end, now() from generate_series(1, 20000) n;
insert into letter_bytes (letter_id, data) select id, '\x01' from letters;
insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, sha256, message_id, disposition, reason, processed_at, ticket_id)
	select pg_temp.id(1), 1, 1, 0, n, n, '2026-01-01', sha256(n::text::bytea), 'e' || n || '@x.example', d, d, case when d is not null then now() end, case when d = 'opened' then pg_temp.id(n) end
	from (select n, case when n % 1000 = 0 then null when n % 100 = 0 then 'held' when n % 50 = 0 then 'before_start' else 'opened' end as d from generate_series(1, 30000) n) as e;
insert into email_keys (key, email_id) select sha256(id::text::bytea), id from inbound_emails;
insert into blob_chunks (sha256, n, size, data) select sha256(n::text::bytea), 0, 1, '\x01' from generate_series(1, 20000) n;
insert into limit_counters (key, window_start, taken) select 'k' || n, now(), 1 from generate_series(1, 10000) n;
insert into idempotency_keys (actor_id, key, request_hash) select 'a', 'k' || n, '\x01' from generate_series(1, 10000) n;
analyze;`

// one is an id of the rows above, h the SHA-256 of one of their numbers.
const (
	one = `'00000000-0000-7000-8000-000000000064'`
	h   = `sha256('100'::bytea)`
)

// seqScan is a plan's step through a whole table of many rows.
var seqScan = regexp.MustCompile(`Seq Scan on (contacts|clients|tickets|participants|messages|attachments|reply_tokens|awaited_parents|letters|letter_bytes|inbound_emails|email_keys|blob_chunks|limit_counters|idempotency_keys)`)

// Tried: every look-up that a desk repeats all day, planned as often as makes the server consider a plan
// for any arguments. None may read a whole large table, and each must use the index made for it.
func TestLookUpsUseTheirIndexes(t *testing.T) {
	t.Parallel()
	db, all := testdb.New(t), constants(t)
	db.Fixture(t, many)
	app := connect(t, db.AppURL)
	for i, c := range []struct{ statement, args, indexes string }{
		{"contacts.sqlClientsNamed", `array['r100'], array['Client 100']`, "clients_crm_ref clients_by_name"},
		{"contacts.sqlContactsNamed", `array[` + one + `]::uuid[], array['p1'], array['p1'], array['a100@x.example']`, "contacts_crm_ref contacts_by_address"},
		{"contacts.sqlContactsByAddress", `array['a100@x.example', 'new@x.example']`, "contacts_(by_)?address"},
		{"contacts.sqlContactsAtAddress", `'a100@x.example', null, null, 50`, "contacts_by_address"},
		{"contacts.sqlContactsOfClient", one + `, null, 50`, "contacts_of_client"},
		{"contacts.sqlContacts", one + `, 50`, "contacts_pkey"},
		{"contacts.sqlContactsByID", `array[` + one + `]::uuid[]`, "contacts_(pkey|id_kind_key)"},
		{"contacts.sqlClientsByDomain", `array['c100.example']`, "clients_domains"},
		{"contacts.sqlClients", one + `, 50`, "clients_pkey"},
		{"contacts.sqlNamesOfClients", `array[` + one + `]::uuid[]`, "clients_pkey"},
		{"inbox.sqlTriable", `9223372036854775807, 101`, "inbound_emails_of_disposition tickets_pkey letters_of_ticket"},
		{"tickets.sqlTicketsOfTokens", `array[` + h + `]`, "reply_tokens_pkey"},
		{"tickets.sqlTicketsOfLetters", `array['l100@d.example']`, "letters_rfc_message_id_key"},
		{"tickets.sqlTicketsOfMessages", `array['m100@x.example']`, "messages_by_rfc_id"},
		{"tickets.sqlTicketsAwaiting", `array['w100@x.example']`, "awaited_parents_pkey"},
		{"tickets.sqlLockTickets", `array[` + one + `]::uuid[]`, "tickets_pkey"},
		{"tickets.sqlOpenBursts", `array['a100@x.example']`, "tickets_burst"},
		{"tickets.sqlAnswered", `array[` + one + `]::uuid[]`, "tickets_of_contact messages_of_ticket"},
		{"tickets.sqlParticipants", one, "participants_pkey"},
		{"tickets.sqlParticipantsOfTickets", `array[` + one + `]::uuid[]`, "participants_pkey"},
		{"tickets.sqlMessagesOfTicket", one + `, null, 200`, "messages_of_ticket"},
		{"tickets.sqlLastClientMessage", one, "messages_of_ticket"},
		{"tickets.sqlMessagesOfTicket", one + `, ` + one + `, 200`, "messages_of_ticket"},
		{"tickets.sqlAttachmentsOfMessages", `array[` + one + `]::uuid[]`, "attachments_of_message"},
		{"tickets.sqlUndelivered", `array[` + one + `]::uuid[]`, "letters_undelivered letters_of_ticket"},
		{"tickets.sqlThreadIDs", one, "messages_of_ticket letters_of_ticket"},
		{"tickets.sqlLinkMessages", one + `, null`, "messages_of_ticket"},
		{"tickets.sqlLinkAttachments", one + `, null`, "attachments_of_ticket"},
		{"tickets.sqlLinkParticipants", one + `, null`, "participants_pkey"},
		{"tickets.sqlLinkLetters", one + `, null`, "letters_of_ticket"},
		{"tickets.sqlLinkShells", one + `, null`, "tickets_merged"},
		{"tickets.sqlTicketOfNumber", `100`, "tickets_number_key"},
		{"tickets.sqlBelongs", one + `, ` + one + `, 'a100@x.example'`, "participants_pkey contacts_(by_)?address"},
		{"tickets.sqlMoveMessages", one + `, ` + one + `, null`, "messages_of_ticket"},
		{"tickets.sqlMoveAttachments", one + `, ` + one + `, null`, "attachments_of_ticket"},
		{"tickets.sqlMoveLetters", one + `, ` + one + `, null`, "letters_of_ticket"},
		{"tickets.sqlMoveShells", one + `, ` + one + `, null`, "tickets_merged"},
		{"tickets.sqlMoveParticipants", one + `, ` + one + `, null`, "participants_pkey"},
		{"tickets.sqlMoveReplyTokens", one + `, ` + one, "reply_tokens_of_ticket"},
		{"tickets.sqlMoveAwaitedParents", one + `, ` + one, "awaited_parents_of_ticket"},
		{"tickets.sqlMoveEmails", one + `, ` + one, "inbound_emails_of_ticket"},
		{"tickets.sqlTakeIn", one + `, 1, '{}', '{}'`, "tickets_pkey"},
		{"tickets.sqlMergeAway", one + `, ` + one + `, null, 2`, "tickets_pkey"},
		{"outbox.sqlLetters", `null, 50`, "letters_pkey"},
		{"outbox.sqlLettersByState", `'queued', null, 50`, "letters_by_state"},
		{"outbox.sqlLettersByState", `'failed', ` + one + `, 50`, "letters_by_state"},
		{"outbox.sqlLettersOfTicket", one + `, null, '', 50`, "letters_of_ticket"},
		{"outbox.sqlHoldLetters", `array[` + one + `]::uuid[]`, "letters_pkey letter_bytes_pkey"},
		{"outbox.sqlClaim", `array[` + one + `]::uuid[]`, "letters_pkey"},
		{"outbox.sqlCutOff", `array[` + one + `]::uuid[], array['1 second']::interval[], ''`, "letters_pkey"},
		{"outbox.sqlSettleSent", `array[` + one + `]::uuid[], array[1], array[250]`, "letters_(pkey|by_state)"},
		{"outbox.sqlKeepSignatures", `array[` + one + `]::uuid[], array[1], array['\x01']::bytea[]`, "letters_(pkey|by_state) letter_bytes_pkey"},
		{"outbox.sqlHurryLetters", one + `, '3 seconds'::interval`, "letters_(by_state|of_mailbox)"},
		{"outbox.sqlForgotten", ``, "letters_by_state"},
		{"outbox.sqlPurgeBytes", `7, 1000`, "letter_bytes_age"},
		{"inbox.sqlPurgeRaw", `365, 1000`, "inbound_emails_kept"},
		{"tickets.sqlForgetAwaited", `90, 1000`, "awaited_parents_age"},
		{"blob.sqlDrop", `array[` + h + `]`, "blob_chunks_(pkey|age)"},
		{"inbox.sqlForgotten", ``, "inbound_emails_pending"},
		{"inbox.sqlPendingParents", `array['e1000@x.example']`, "inbound_emails_pending(_message)?"},
		{"inbox.sqlWoken", `array[1000]`, "inbound_emails_waiting"},
		{"inbox.sqlLeadsBack", `1000, 2000, 1000`, "inbound_emails_(pkey|pending)"},
		{"inbox.sqlOurLetters", `array['l100@d.example']`, "letters_rfc_message_id_key"},
		{"inbox.sqlKeyOwners", `array[` + h + `], array[7::bigint], text 'set aside'`, "email_keys_pkey inbound_emails_pkey"},
		{"inbox.sqlCompare", `1, 1, 0, array_fill(5000::bigint, array[1000]), array_fill(now(), array[1000])`, "inbound_emails_folder_id_uidvalidity_generation_uid_key"},
		{"inbox.sqlHasUntidied", one, "inbound_emails_untidied"},
		{"inbox.sqlUntidied", one, "inbound_emails_untidied"},
		{"inbox.sqlLeaveUntidied", one, "inbound_emails_untidied"},
		{"inbox.sqlTidied", `array[1000]`, "inbound_emails_pkey"},
		{"inbox.sqlClaimEmails", `array[1000], '10 minutes'`, "inbound_emails_pending"},
		{"inbox.sqlHeldUIDs", `1, 1, 0, array[5000, 6000]::bigint[]`, "inbound_emails_folder_id_uidvalidity_generation_uid_key"},
		{"inbox.sqlAtPosition", `1, 1, 0, 5000`, "inbound_emails_folder_id_uidvalidity_generation_uid_key"},
		{"inbox.sqlUnroutedOfFolders", `array[1]::bigint[], 0, 50`, "inbound_emails_pending"},
		{"inbox.sqlKeyOwner", h, "email_keys_pkey inbound_emails_pkey messages_of_ticket"},
		{"inbox.sqlIsAcknowledged", one, "letters_of_ticket"},
		{"tickets.sqlMessageOfEmail", one + `, 1`, "messages_of_ticket"},
		{"inbox.sqlCompareRange", `1, 1, 0, 5000, 6000, array_fill(5500::bigint, array[1000]), array_fill(1::bigint, array[1000]), array_fill(now(), array[1000]), 100`, "inbound_emails_folder_id_uidvalidity_generation_uid_key blob_chunks_pkey"},
		{"inbox.sqlKnownKeys", `array[` + h + `]`, "email_keys_pkey"},
		{"blob.sqlFirstChunks", `array[` + h + `]`, "blob_chunks_pkey"},
		{"blob.sqlCollect", `now() - interval '9 days', '', 500`, "blob_chunks_age"},
		{"limit.sqlWaits", `'k100', '1 hour'`, "limit_counters_pkey"},
		{"db.sqlReadAnswer", `'a', 'k100'`, "idempotency_keys_pkey"},
		{"db.sqlForgetKeys", `'48 hours', 1000`, "idempotency_keys_age"},
		{"db.sqlKeepAnswer", `'a', 'k100', 201, null`, "idempotency_keys_pkey"},
	} {
		sql, ok := all[c.statement]
		if !ok {
			t.Errorf("there is no %s", c.statement)
			continue
		}
		checkPlan(t, app, fmt.Sprintf("p%d", i), plan{c.statement, sql, c.args, strings.Fields(c.indexes)})
	}
	// What the ledger's lists are made of, see inbox.Filter.
	for i, c := range []struct{ where, index string }{
		{`disposition = 'held'`, "inbound_emails_of_disposition"}, {`disposition is null`, "inbound_emails_pending"},
		{`ticket_id = ` + one, "inbound_emails_of_ticket"}, {`id < 20000`, "inbound_emails_pkey"},
	} {
		checkPlan(t, app, fmt.Sprintf("l%d", i), plan{c.where, `select id from inbound_emails where ` + c.where + ` order by id desc limit 50`, "", []string{c.index}})
	}
}

type plan struct {
	name, sql, args string
	indexes         []string
}

func checkPlan(t *testing.T, app *pgx.Conn, prepared string, p plan) {
	t.Helper()
	_, err := app.Prepare(soon(t), prepared, p.sql)
	must(t, err)
	explain := `explain execute ` + prepared
	if p.args != "" {
		explain += `(` + p.args + `)`
	}
	var steps []string
	for range 7 { // from the sixth on the server compares with a plan for any arguments
		steps = lines(t, app, explain)
	}
	text := strings.Join(steps, "\n")
	if scan := seqScan.FindString(text); scan != "" {
		t.Errorf("%s: %s:\n%s", p.name, scan, text)
	}
	for _, index := range p.indexes {
		if !slices.ContainsFunc(steps, func(step string) bool {
			return regexp.MustCompile(`(using|Scan on) (` + index + `)\b`).MatchString(step)
		}) {
			t.Errorf("%s does not use %s:\n%s", p.name, index, text)
		}
	}
}
