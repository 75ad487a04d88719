package tickets

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// query collects conditions; a question mark in one becomes the next parameter.
type query struct {
	conditions []string
	args       []any
}

func (q *query) where(condition string, args ...any) {
	var out strings.Builder
	for _, r := range condition {
		if r != '?' {
			out.WriteRune(r)
			continue
		}
		q.args = append(q.args, args[0])
		args = args[1:]
		out.WriteString("$" + strconv.Itoa(len(q.args)))
	}
	q.conditions = append(q.conditions, out.String())
}

// build is the statement; limit 0 is none.
func (q *query) build(selection, tail string, limit int) (string, []any) {
	sql := selection
	if len(q.conditions) > 0 {
		sql += " where " + strings.Join(q.conditions, " and ")
	}
	sql += tail
	if limit > 0 {
		q.args = append(q.args, limit)
		sql += " limit $" + strconv.Itoa(len(q.args))
	}
	return sql, q.args
}

func (f Filter) query() *query {
	q := &query{}
	q.where("merged_into is null")
	if f.Merged {
		q.conditions[0] = "merged_into is not null"
	}
	if f.Status != "" {
		q.where("status = ?", string(f.Status))
	}
	if f.Priority != 0 {
		q.where("priority = ?", int(f.Priority))
	}
	for _, of := range []struct {
		column string
		id     uuid.UUID
	}{{"client_id", f.ClientID}, {"contact_id", f.ContactID}, {"mailbox_id", f.MailboxID}} {
		if of.id != uuid.Nil {
			q.where(of.column+" = ?", of.id)
		}
	}
	if f.Tag != "" {
		q.where("tags <> '{}' and tags @> array[?]", f.Tag)
	}
	if f.Words != "" {
		q.where("to_tsvector('simple', subject || ' ' || requester_name || ' ' || requester_address || ' ' || number) @@ websearch_to_tsquery('simple', ?)", f.Words)
	}
	if !f.From.IsZero() {
		q.where("id >= ?", firstIDAt(f.From))
	}
	if !f.To.IsZero() {
		q.where("id < ?", firstIDAt(f.To))
	}
	if f.Undelivered {
		q.where("id in (select l.ticket_id from letters l where " + undelivered + ")")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Custom)) {
		q.whereCustom(name, f.Custom[name])
	}
	return q
}

// whereCustom finds a field of the desk's own by its value as a URL spells it: 3 is the text and the number.
func (q *query) whereCustom(name, value string) {
	text, _ := json.Marshal(map[string]string{name: value}) // texts always marshal
	_, err := strconv.ParseFloat(value, 64)
	if number := err == nil && json.Valid([]byte(value)); !number && value != "true" && value != "false" {
		q.where("custom <> '{}' and custom @> ?::jsonb", string(text))
		return
	}
	plain, _ := json.Marshal(map[string]json.RawMessage{name: json.RawMessage(value)})
	q.where("custom <> '{}' and (custom @> ?::jsonb or custom @> ?::jsonb)", string(text), string(plain))
}

// firstIDAt is the smallest UUIDv7 of a moment (RFC 9562 section 5.7): ids sort by time, so a range of
// time is a range of the primary key.
func firstIDAt(t time.Time) uuid.UUID {
	var id uuid.UUID
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6], id[8] = 0x70, 0x80
	return id
}
