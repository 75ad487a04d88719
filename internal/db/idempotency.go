package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/fault"
)

// Idempotency is a request that its sender may repeat. Hash is of what was asked for: the same key with
// another request is refused.
type Idempotency struct {
	ActorID, Key string
	Hash         []byte
}

type idempotencyKey struct{}

// WithIdempotency makes the Change on this context keep the key in its commit: a second request with it
// cannot change anything again. A request that would change twice is refused at its second Change.
func WithIdempotency(ctx context.Context, i Idempotency) context.Context {
	return context.WithValue(ctx, idempotencyKey{}, i)
}

const sqlKeepKey = `insert into idempotency_keys (actor_id, key, request_hash) values ($1, $2, $3)`

// keepKey queues the row of the request's key.
func (t *Tx) keepKey() {
	if i, ok := t.ctx.Value(idempotencyKey{}).(Idempotency); ok {
		t.Queue(sqlKeepKey, i.ActorID, i.Key, i.Hash)
	}
}

// repeated turns the violation of a kept key into a refusal.
func repeated(err error) error {
	if Violates(err, "idempotency_keys_pkey") {
		return fault.New(fault.Conflict, "idempotency_key_used", "a request with this Idempotency-Key was carried out already")
	}
	return err
}

// Answer is what the first request with a key was told.
type Answer struct {
	Hash   []byte
	Status int // 0: carried out, but its answer was not kept
	Body   []byte
}

const sqlReadAnswer = `select request_hash, coalesce(status, 0), response from idempotency_keys where actor_id = $1 and key = $2`

// AnswerTo finds what the first request with this key was told; ok is false where there was none.
func (d *DB) AnswerTo(ctx context.Context, actorID, key string) (a Answer, ok bool, err error) {
	err = d.Bookkeep(ctx, "idempotency", func(tx *Tx) error {
		return tx.QueryRow(sqlReadAnswer, actorID, key).Scan(&a.Hash, &a.Status, &a.Body)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return a, false, nil
	}
	return a, err == nil, err
}

const sqlKeepAnswer = `update idempotency_keys set status = $3, response = $4 where actor_id = $1 and key = $2`

// KeepAnswer remembers what the request was told, so that a repetition is told the same.
func (d *DB) KeepAnswer(ctx context.Context, i Idempotency, status int, body []byte) error {
	return d.Bookkeep(ctx, "idempotency", func(tx *Tx) error {
		tx.Queue(sqlKeepAnswer, i.ActorID, i.Key, status, body)
		return nil
	})
}

const sqlForgetKeys = `
delete from idempotency_keys where (actor_id, key) in (
    select actor_id, key from idempotency_keys where created_at < now() - $1::interval order by created_at limit $2)`

// ForgetKeys drops up to most keys older than that; a day is what callers may rely on.
func (d *DB) ForgetKeys(ctx context.Context, age time.Duration, most int) (rows int64, err error) {
	err = d.Bookkeep(ctx, "idempotency", func(tx *Tx) error {
		tag, err := tx.Exec(sqlForgetKeys, age, most)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}
