package message

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// readFields fills what the header says.
func readFields(e *Email, h header, problem func(string)) {
	e.MessageID = messageID(h.get("message-id"))
	if e.MessageID == "" {
		problem("no usable Message-ID")
	}
	e.InReplyTo = messageIDs(strings.Join(h.all("in-reply-to"), " "))
	e.References = messageIDs(strings.Join(h.all("references"), " "))
	e.From = firstAddress(h, "from")
	if e.From.Address == "" {
		problem("no usable From")
	}
	if len(parseAddresses(strings.Join(h.all("from"), ", "))) > 1 {
		problem("more than one From")
	}
	e.Sender = firstAddress(h, "sender")
	e.ReplyTo = parseAddresses(strings.Join(h.all("reply-to"), ", "))
	e.To = parseAddresses(strings.Join(h.all("to"), ", "))
	e.Cc = parseAddresses(strings.Join(h.all("cc"), ", "))
	e.DeliveredTo = deliveredTo(h)
	e.Lists = lists(h)
	if h.has("return-path") {
		path := h.get("return-path")
		e.ReturnPath = strings.Trim(cleanAddress(path), "<> ")
		e.NullReturnPath = strings.Join(strings.Fields(path), "") == "<>"
	}
	e.Subject = h.text("subject")
	e.Date = parseDate(h.get("date"))
	if e.Date.IsZero() {
		problem("no usable Date")
	}
	e.Importance = importance(h)
	readTags(e)
}

func firstAddress(h header, name string) Address {
	if as := parseAddresses(h.get(name)); len(as) > 0 {
		return as[0]
	}
	return Address{}
}

// Where servers write the address that an email was really delivered to.
var deliveredFields = []string{"delivered-to", "x-delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-forwarded-to", "apparently-to"}

// lists names the mailing lists of an email. A List-Id is written like a domain, "team.desk.example" for
// team@desk.example (RFC 2919 section 3); List-Post holds a mailto link (RFC 2369 section 3.4).
func lists(h header) []string {
	var found []string
	for _, name := range []string{"list-post", "list-id"} {
		v := strings.ToLower(CleanLine(h.get(name)))
		if open, end := strings.LastIndexByte(v, '<'), strings.LastIndexByte(v, '>'); open >= 0 && open < end {
			v = v[open+1 : end]
		}
		v, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(v), "mailto:"), "?")
		if v != "" && v != "no" {
			found = append(found, v)
		}
	}
	return found
}

func deliveredTo(h header) []string {
	var out []string
	for _, f := range h {
		if !slices.Contains(deliveredFields, f.name) {
			continue
		}
		for _, a := range parseAddresses(f.value) {
			if a.Address != "" && !slices.Contains(out, a.Address) && len(out) < maxAddresses {
				out = append(out, a.Address)
			}
		}
	}
	return out
}

var ticketToken = regexp.MustCompile(`^t-[a-z2-7]{32}$`)

// readTags finds the plus-address tags; where the server delivered it counts
// before what the sender wrote.
func readTags(e *Email) {
	addresses := slices.Clone(e.DeliveredTo)
	for _, a := range slices.Concat(e.To, e.Cc) {
		addresses = append(addresses, a.Address)
	}
	for _, a := range addresses {
		_, tag := SplitTag(a)
		if tag == "" || slices.Contains(e.Tags, tag) {
			continue
		}
		e.Tags = append(e.Tags, tag)
		if e.Token == "" && ticketToken.MatchString(tag) {
			e.Token = tag
		}
	}
}

// Layouts that net/mail does not read and that are still met.
var dateLayouts = []string{
	"Mon, _2 Jan 2006 15:04:05", "_2 Jan 2006 15:04:05", "Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 -0700 2006",
	"Mon Jan _2 15:04:05 MST 2006", "Mon, _2 Jan 2006 15:04", time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05",
	"Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", "Monday, _2 January 2006 15:04:05 -0700", "_2/01/2006 15:04:05",
	"Mon, _2 Jan 2006 15.04.05 -0700", "Mon, _2 Jan 2006 3:04:05 PM -0700", "Jan _2, 2006 3:04:05 PM", "Mon, Jan _2 2006 15:04:05 -0700",
}

// parseDate reads a Date (RFC 5322 section 3.3); zero when it cannot.
func parseDate(raw string) time.Time {
	raw, _ = cutComments(CleanLine(literal(raw)))
	raw = strings.TrimSpace(raw)
	for _, s := range []string{raw, strings.ReplaceAll(raw, " UT", " UTC"), strings.TrimRight(raw, ".,;")} {
		if t, err := mail.ParseDate(s); err == nil {
			return sensibleDate(t)
		}
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, raw); err == nil {
			return sensibleDate(t)
		}
	}
	return time.Time{}
}

// sensibleDate drops years that JSON and PostgreSQL would refuse.
func sensibleDate(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1970 || t.Year() > 9998 {
		return time.Time{}
	}
	return t
}

// importance reads the four fields that say it; the first that says something counts.
func importance(h header) Importance {
	for _, name := range []string{"x-priority", "importance", "x-msmail-priority", "priority"} {
		v := strings.ToLower(CleanLine(literal(h.get(name))))
		word, _, _ := strings.Cut(v, " ")
		switch strings.Trim(word, "()") {
		case "1", "2", "high", "highest", "urgent":
			return ImportanceHigh
		case "4", "5", "low", "lowest", "non-urgent":
			return ImportanceLow
		}
	}
	return ""
}
