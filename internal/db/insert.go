package db

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Insert is a statement that inserts many rows: each of its parameters is an array, one column of them.
// A column of arrays or of JSON comes as text, which the statement casts; unnest knows no arrays of arrays.
type Insert struct {
	SQL   string
	Order int // a table comes after those that it refers to
}

// Insert adds a row to those that the statement writes before the next read or the commit: a batch of
// emails costs one statement a table. Rows go before everything queued, table by table in their order, so
// they may not depend on a queued update.
func (t *Tx) Insert(into *Insert, row ...any) {
	if t.rows == nil {
		t.rows = map[*Insert][][]any{}
	}
	columns := t.rows[into]
	if columns == nil {
		columns = make([][]any, len(row))
	}
	for i, value := range row {
		columns[i] = append(columns[i], element(value))
	}
	t.rows[into] = columns
}

// element is a value as it can stand in an array.
func element(value any) any {
	switch v := value.(type) {
	case []string:
		return arrayText(v)
	case []uuid.UUID:
		ids := make([]string, len(v))
		for i, id := range v {
			ids[i] = id.String()
		}
		return arrayText(ids)
	case map[string]any:
		return jsonText(v)
	}
	return value
}

// arrayText writes an array as PostgreSQL reads it: every element quoted, quotes and backslashes escaped.
func arrayText(elements []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range elements {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(escaped.Replace(e))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// jsonText leaves it to the statement's encoding to fail: what does not marshal never reaches the table.
func jsonText(v map[string]any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return string(text)
}

// queueRows moves the gathered rows to the front of the batch.
func (r *reader) queueRows(batch *pgx.Batch) *pgx.Batch {
	if len(r.rows) == 0 {
		return batch
	}
	tables := make([]*Insert, 0, len(r.rows))
	for into := range r.rows {
		tables = append(tables, into)
	}
	slices.SortFunc(tables, func(a, b *Insert) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.SQL, b.SQL)
	})
	front := &pgx.Batch{}
	for _, into := range tables {
		args := make([]any, len(r.rows[into]))
		for i, column := range r.rows[into] {
			args[i] = column
		}
		front.Queue(into.SQL, args...)
	}
	r.rows = nil
	front.QueuedQueries = append(front.QueuedQueries, batch.QueuedQueries...)
	return front
}
