package db

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Insert is a statement that inserts many rows: each of its parameters is an array, one column of them.
// A column of arrays comes as text, which the statement casts: unnest knows no arrays of arrays.
type Insert struct {
	SQL   string
	Order int // a table comes after those that it refers to
}

// Insert adds a row to those that the statement writes before the next read or the commit: a batch of
// emails costs one statement a table. Rows go before everything queued, table by table in their order, so
// they may not depend on a queued update.
func (t *Tx) Insert(into *Insert, row ...any) {
	if t.rows == nil {
		t.rows = map[*Insert][]any{}
	}
	columns := t.rows[into]
	if columns == nil {
		columns = make([]any, len(row))
	}
	for i, value := range row {
		columns[i] = appended(columns[i], value)
	}
	t.rows[into] = columns
}

// appended adds a value to a column of its type, which is that of the first row. Typed slices are encoded
// several times faster than slices of any.
func appended(column, value any) any {
	switch v := value.(type) {
	case string:
		return grown(column, v)
	case *string:
		return grown(column, v)
	case bool:
		return grown(column, v)
	case int64:
		return grown(column, v)
	case *int64:
		return grown(column, v)
	case []byte:
		return grown(column, v)
	case time.Time:
		return grown(column, v)
	case uuid.UUID:
		return grown(column, pgtype.UUID{Bytes: v, Valid: true})
	case uuid.NullUUID:
		return grown(column, pgtype.UUID{Bytes: v.UUID, Valid: v.Valid})
	case []string:
		return grown(column, arrayText(v))
	case []uuid.UUID:
		ids := make([]string, len(v))
		for i, id := range v {
			ids[i] = id.String()
		}
		return grown(column, arrayText(ids))
	}
	return grown(column, value)
}

// A FlatArray is encoded without reflection.
func grown[T any](column any, value T) pgtype.FlatArray[T] {
	if column == nil {
		return pgtype.FlatArray[T]{value}
	}
	values, ok := column.(pgtype.FlatArray[T])
	if !ok {
		panic(fmt.Sprintf("a row has a %T where the rows before it have a %T", value, column))
	}
	return append(values, value)
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
		front.Queue(into.SQL, r.rows[into]...)
	}
	r.rows = nil
	front.QueuedQueries = append(front.QueuedQueries, batch.QueuedQueries...)
	return front
}
