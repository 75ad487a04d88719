package web

// The codes that this door gives itself; the others come from the domain.
const (
	codeUnauthorized         = "unauthorized"
	codeForbidden            = "forbidden"
	codeNoRoute              = "route_not_found"
	codeMethod               = "method_not_allowed"
	codeInvalidJSON          = "invalid_json"
	codeMediaType            = "unsupported_media_type"
	codeBodyTooLarge         = "body_too_large"
	codeBodyTimeout          = "body_timeout"
	codeValidation           = "validation_failed"
	codeInvalidCursor        = "invalid_cursor"
	codeInvalidEmail         = "invalid_email"
	codeInvalidCustom        = "invalid_custom"
	codeInvalidTag           = "invalid_tag"
	codeInvalidAttachment    = "invalid_attachment"
	codeAttachmentsTooLarge  = "attachments_too_large"
	codePreconditionRequired = "precondition_required"
	codeStale                = "stale_version"
	codeInvalidKey           = "invalid_idempotency_key"
	codeKeyReused            = "idempotency_key_reused"
	codeKeyUsed              = "idempotency_key_used"
	codeTooManyRequests      = "too_many_requests"
	codeCrossOrigin          = "cross_origin"
	codeRawGone              = "raw_gone"
	codeUnavailable          = "unavailable"
	codeInternal             = "internal"
)

// code explains one code for the reference.
type code struct{ Name, Meaning string }

// codes is the closed list: no answer bears another code.
var codes = []code{
	{codeUnauthorized, "There is no API key, or it is not in force."},
	{codeForbidden, "The key's role lacks the permission that is named."},
	{codeNoRoute, "There is nothing at this address."},
	{codeMethod, "The address does not take this method; see Allow."},
	{codeInvalidJSON, "The body is missing or is not JSON."},
	{codeMediaType, "The body is neither JSON nor what the route takes."},
	{codeBodyTooLarge, "The body has more bytes than the route takes."},
	{codeBodyTimeout, "The body came too slowly."},
	{codeValidation, "A parameter or field is unknown, missing or out of range; errors says which."},
	{codeInvalidCursor, "The cursor is not one of this list in this order."},
	{codeInvalidEmail, "This is not one email address."},
	{codeInvalidCustom, "Custom fields are texts, numbers or truth values under short names."},
	{codeInvalidTag, "Contacts are tagged vip or emergency; a ticket's tag has at most 100 characters."},
	{codeInvalidAttachment, "The attachment is not base64."},
	{codeAttachmentsTooLarge, "The attachments together have too many bytes."},
	{codePreconditionRequired, "A PATCH needs If-Match with the ETag that was read, or with *."},
	{codeStale, "Somebody else changed it first; read it again."},
	{codeInvalidKey, "An Idempotency-Key has 1 to 255 visible ASCII characters."},
	{codeKeyReused, "This Idempotency-Key came with another request before."},
	{codeKeyUsed, "A request with this Idempotency-Key was carried out; its answer is not kept."},
	{codeTooManyRequests, "Too often; Retry-After says when again."},
	{codeCrossOrigin, "A browser sent this from another site."},
	{codeRawGone, "The bytes are not kept here any more, or never were."},
	{codeUnavailable, "Our side is not able to now; try again."},
	{codeInternal, "Something failed on our side; the request id finds it in the log."},

	{"address_taken", "Another mailbox has this address."},
	{"already_on_ticket", "The email, or another copy of it, is a message on a ticket already."},
	{"api_key_not_found", "There is no such API key."},
	{"attachment_not_found", "There is no such attachment."},
	{"bytes_gone", "The email's bytes were never fetched or are no longer kept, so that it cannot be read again."},
	{"cc_on_note", "An internal note goes to nobody."},
	{"client_ambiguous", "Several clients have this name: name one by its reference."},
	{"client_not_found", "There is no such client."},
	{"contact_not_found", "There is no such contact."},
	{"crm_ref_differs", "The contact with this address has another reference."},
	{"crm_ref_taken", "Another record has this CRM reference."},
	{"dkim_not_published", "Verifiers would not find the key in DNS; publish its record first."},
	{"dns_unavailable", "DNS does not answer; try again."},
	{"email_not_routed", "The email has no disposition yet; wait until it has one."},
	{"email_taken", "This client has a contact with this address."},
	{"illegal_transition", "A ticket in this status cannot take the other one."},
	{"inbound_email_not_found", "There is no such inbound email."},
	{"invalid_address", "A mailbox needs an email address."},
	{"invalid_after", "What happens to an email on its server is nothing, seen, or move with a folder that is not read."},
	{"invalid_body", "A text is needed, of at most 1 MiB."},
	{"invalid_domain", "This is not a domain name."},
	{"invalid_folders", "A mailbox reads between 1 and 50 folders."},
	{"invalid_from_name", "The from name is one line."},
	{"invalid_kind", "A contact is a person or an organisation."},
	{"invalid_language", "The language is a tag such as en or de-CH."},
	{"invalid_name", "The name is missing or too long."},
	{"invalid_oauth", "A sign-in needs a client id, a token endpoint and, for applications, the client secret."},
	{"invalid_priority", "The priority is high, medium or low."},
	{"invalid_on", "A rule is asked of new, reply or any emails."},
	{"invalid_position", "A rule's position is between 0 and 1000000."},
	{"invalid_role", "The role is staff or admin."},
	{"invalid_security", "A server is reached by tls or starttls."},
	{"invalid_selector", "A selector is made of lower-case letters, digits and hyphens."},
	{"invalid_server", "A server needs a host and a port."},
	{"invalid_sort", "The order is newest or queue."},
	{"invalid_accent_color", "The accent colour is #rrggbb with a contrast to white of 4.5 or more."},
	{"invalid_business_hours", "The business hours cannot be read; the detail says why."},
	{"invalid_logo", "The logo is an https URL."},
	{"invalid_start", "A mailbox starts at now, date or all."},
	{"invalid_status", "The status is open, in_progress, waiting or closed."},
	{"invalid_subject", "A subject is needed, of at most 1000 bytes."},
	{"invalid_template", "The template cannot be read; the detail says where and why."},
	{"invalid_then", "What follows in a rule is missing, too much, or contradicts itself."},
	{"invalid_ticket", "A ticket is named by its id or its number."},
	{"invalid_time_zone", "The time zone is an IANA name."},
	{"invalid_visibility", "The visibility is internal or everyone."},
	{"invalid_when", "A rule's condition is wrong; the detail names line and column and what to do."},
	{"kind_fixed", "A contact stays a person or an organisation."},
	{"letter_bytes_gone", "The letter's bytes are no longer kept."},
	{"letter_not_found", "There is no such letter."},
	{"letter_on_its_way", "The letter is waiting to be sent already."},
	{"not_staff_address", "A trial letter goes to a staff address of the mailbox or to the operator's."},
	{"letter_template_not_found", "There is no such letter template."},
	{"mailbox_not_found", "There is no such mailbox."},
	{"merge_across_clients", "Both tickets must be of one client; one without a client must be by somebody whom the other ticket's client or thread knows."},
	{"merge_into_itself", "A ticket cannot be merged into itself."},
	{"merged", "The ticket was merged into another one, which is named: go on there."},
	{"no_dkim_key", "There is no such DKIM key; make one first."},
	{"no_domain", "An IP address has no domain that could have a key."},
	{"no_mailbox", "The desk has no mailbox to answer from."},
	{"no_recipient", "Nobody on the ticket has an email address."},
	{"no_sign_in", "Nobody signs in for this mailbox: sign in first."},
	{"other_sign_in", "The mailbox logs in another way: this secret would never be used."},
	{"own_address", "This is the desk's own address: give the address of who asks."},
	{"password_missing", "A new mailbox needs both passwords."},
	{"plain_remote", "Only a server on loopback may be reached without encryption."},
	{"requester_missing", "Say who asks: an email address or a contact."},
	{"rule_name_taken", "Another rule has this name."},
	{"rule_not_found", "There is no such rule."},
	{"selector_taken", "There is a DKIM key with this selector."},
	{"start_at_missing", "The start point date needs start_at."},
	{"ticket_missing", "The email is held for no ticket; say which one it joins."},
	{"ticket_without_join", "A ticket is named only where an email is to join it."},
	{"ticket_not_found", "There is no such ticket."},
	{"too_many_cc", "At most 20 addresses may be in copy."},
	{"too_many_domains", "A client has at most 100 domains."},
	{"too_many_rules", "There are as many rules as there may be."},
	{"unusable_letter", "The answer cannot be made into an email."},
	{"when_too_costly", "A rule's condition could take too long on some email."},
}
