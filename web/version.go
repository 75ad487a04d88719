package web

import (
	"net/http"
	"strconv"
	"strings"
)

// IfMatch is what every PATCH bears.
type IfMatch struct {
	IfMatch string `header:"If-Match" doc:"The ETag that was read, or * for whatever version there is; without it the answer is 428" example:"\"3\""`
}

// etag writes a version as an entity tag (RFC 9110 section 8.8.3).
func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }

// anyVersion is what the domain takes for whatever version there is.
const anyVersion = 0

// version reads the entity tag that the caller has seen. What never was a tag of ours is stale.
func (m IfMatch) version() (int, error) {
	whole := strings.TrimSpace(m.IfMatch)
	tag := strings.TrimPrefix(whole, "W/")
	switch {
	case whole == "*": // RFC 9110 section 13.1.1: any current representation
		return anyVersion, nil
	case tag == "":
		return 0, newProblem(http.StatusPreconditionRequired, codePreconditionRequired,
			"Send If-Match with the ETag that you read.").in("header.If-Match")
	}
	digits, ok := strings.CutPrefix(tag, `"`)
	digits, closed := strings.CutSuffix(digits, `"`)
	n, err := strconv.Atoi(digits)
	if !ok || !closed || err != nil || etag(n) != tag || n == anyVersion {
		return 0, newProblem(http.StatusPreconditionFailed, codeStale, "If-Match names no version of this; read it again.").in("header.If-Match")
	}
	return n, nil
}

// made is the answer to a POST that made something.
type made[T any] struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     T
}

// one is the answer that is one object.
type one[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// none is the answer without a body.
type none struct{}

// nothing is the input of a route that takes none.
type nothing struct{}
