package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Paging is what every list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The most items of a page"`
	Cursor string `query:"cursor" maxLength:"300" doc:"next_cursor of the page before"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Of the next page; absent on the last one"`
}

// listOf is the answer of a list.
type listOf[T any] struct {
	Body Page[T]
}

// paged cuts the item that was read beyond the limit, which shows that there is another page.
func paged[D, T any](found []D, limit int, cursor func(D) string, show func(D) T) *listOf[T] {
	out := &listOf[T]{Body: Page[T]{Items: make([]T, 0, len(found))}}
	if len(found) > limit {
		found = found[:limit]
		out.Body.NextCursor = cursor(found[limit-1])
	}
	for _, d := range found {
		out.Body.Items = append(out.Body.Items, show(d))
	}
	return out
}

// sealSize is how many bytes of a hash a cursor bears. A cursor opens nothing that its list does not
// show: the hash is there so that one of another list or order, or a damaged one, is refused and does
// not quietly skip items.
const sealSize = 6

func newCursor(list string, fields ...string) string {
	payload := strings.Join(fields, " ")
	return base64.RawURLEncoding.EncodeToString(append(seal(list, payload), payload...))
}

func seal(list, payload string) []byte {
	sum := sha256.Sum256([]byte("cursor\x00" + list + "\x00" + payload))
	return sum[:sealSize]
}

func cursorRefused() error {
	return newProblem(http.StatusUnprocessableEntity, codeInvalidCursor, "The cursor is not one of this list in this order.").in("query.cursor")
}

// readCursor returns the fields of a cursor of this list; none for the empty cursor.
func readCursor(list, cursor string, fields int) ([]string, error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < sealSize {
		return nil, cursorRefused()
	}
	payload := string(raw[sealSize:])
	found := strings.Split(payload, " ")
	if !bytes.Equal(raw[:sealSize], seal(list, payload)) || len(found) != fields {
		return nil, cursorRefused()
	}
	return found, nil
}

// afterID reads a cursor that is one id.
func afterID(list, cursor string) (uuid.UUID, error) {
	fields, err := readCursor(list, cursor, 1)
	if err != nil || fields == nil {
		return uuid.Nil, err
	}
	id, err := uuid.Parse(fields[0])
	if err != nil {
		return uuid.Nil, cursorRefused()
	}
	return id, nil
}

// afterNumber reads a cursor that is one number.
func afterNumber(list, cursor string) (int64, error) {
	fields, err := readCursor(list, cursor, 1)
	if err != nil || fields == nil {
		return 0, err
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, cursorRefused()
	}
	return n, nil
}
