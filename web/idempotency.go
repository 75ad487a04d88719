package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/db"
)

const (
	idempotencyHeader = "Idempotency-Key"
	maxIdempotencyKey = 255
	// A repetition that overtakes the first request waits for its answer this long.
	answerPatience = 2 * time.Second
)

// attempt is a POST with an Idempotency-Key.
type attempt struct {
	key    string
	body   []byte
	secret bool
	next   http.Handler
}

// kept is an answer as it is stored.
type kept struct {
	Header http.Header
	Body   []byte
}

// repeatedHeaders are the headers that a repetition gets too.
var repeatedHeaders = []string{"Content-Type", "Location", "ETag"}

// onceOnly carries a request out, or tells its repetition what the first was told. The key is kept in
// the commit of the change, so that no crash comes between the two.
func (g *guard) onceOnly(w http.ResponseWriter, r *http.Request, a attempt) {
	if a.key == "" || len(a.key) > maxIdempotencyKey || strings.ContainsFunc(a.key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		writeProblem(w, newProblem(http.StatusUnprocessableEntity, codeInvalidKey, "An Idempotency-Key has 1 to 255 visible ASCII characters."))
		return
	}
	request := sha256.Sum256(append([]byte(r.Method+" "+r.URL.RequestURI()+"\x00"), a.body...))
	i := db.Idempotency{ActorID: actorOf(r.Context()).ID, Key: a.key, Hash: request[:]}
	answer, found, err := g.keys.AnswerTo(r.Context(), i.ActorID, i.Key)
	if err != nil {
		p := problemOf(err)
		noteFailure(r.Context(), p.cause)
		writeProblem(w, p)
		return
	}
	if found {
		g.repeat(w, r, i, answer, a.secret)
		return
	}
	rec := &recording{header: http.Header{}}
	a.next.ServeHTTP(rec, r.WithContext(db.WithIdempotency(r.Context(), i)))
	if rec.overtaken() {
		g.repeat(w, r, i, db.Answer{Hash: i.Hash}, a.secret)
		return
	}
	if rec.status/100 == 2 && !a.secret {
		g.keep(r.Context(), i, rec)
	}
	rec.writeTo(w)
}

// repeat answers as the first request was answered.
func (g *guard) repeat(w http.ResponseWriter, r *http.Request, i db.Idempotency, answer db.Answer, secret bool) {
	for deadline := time.Now().Add(answerPatience); answer.Status == 0 && !secret && time.Now().Before(deadline); {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		if later, found, err := g.keys.AnswerTo(r.Context(), i.ActorID, i.Key); err == nil && found {
			answer = later
		}
	}
	var first kept
	switch {
	case !bytes.Equal(answer.Hash, i.Hash):
		writeProblem(w, newProblem(http.StatusUnprocessableEntity, codeKeyReused, "This Idempotency-Key came with another request before."))
	case answer.Status == 0 || json.Unmarshal(answer.Body, &first) != nil:
		writeProblem(w, newProblem(http.StatusConflict, codeKeyUsed, "A request with this Idempotency-Key was carried out; its answer is not kept."))
	default:
		rec := &recording{header: first.Header, status: answer.Status}
		rec.body.Write(first.Body)
		rec.writeTo(w)
	}
}

// keep stores the answer. The change is committed: where its answer cannot be kept, a repetition is told
// so, and the caller gets its answer all the same.
func (g *guard) keep(ctx context.Context, i db.Idempotency, rec *recording) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	k := kept{Header: http.Header{}, Body: rec.body.Bytes()}
	for _, name := range repeatedHeaders {
		if v := rec.header.Get(name); v != "" {
			k.Header.Set(name, v)
		}
	}
	body, err := json.Marshal(k)
	if err == nil {
		err = g.keys.KeepAnswer(ctx, i, rec.status, body)
	}
	if err != nil {
		g.log.WarnContext(ctx, "the answer to an idempotent request was not kept", "error", err)
	}
}

// recording holds an answer back until it is known to be the one to give.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header, WriteHeader and Write are http.ResponseWriter.
func (r *recording) Header() http.Header { return r.header }

// WriteHeader keeps the first status.
func (r *recording) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write keeps the body.
func (r *recording) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// overtaken tells that another request with the key was committed meanwhile.
func (r *recording) overtaken() bool {
	var p Problem
	return r.status == http.StatusConflict && json.Unmarshal(r.body.Bytes(), &p) == nil && p.Code == codeKeyUsed
}

func (r *recording) writeTo(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // the caller may be gone
}
