package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is how long one statement may take; a transaction, which is made of short ones, has hardly more.
const patience = time.Minute

// upkeepPatience is what a purge or a sweep may take: as long as the longest job.
const upkeepPatience = 10 * time.Minute

// ErrSilent says that a transaction was given up because the database did not answer in time. Whether a
// commit went through is not known.
var ErrSilent = errors.New("the database did not answer in time")

type unhurried struct{}

// Unhurried marks transactions that may take as long as the longest job: a purge or a sweep goes through
// large tables.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, unhurried{}, true)
}

func isUnhurried(ctx context.Context) bool { return ctx.Value(unhurried{}) != nil }

// hurry bounds a transaction on our side: a peer that acknowledges packets and says nothing would hold the
// caller for ever. judge names that in the transaction's error.
func (d *DB) hurry(ctx context.Context) (bounded context.Context, judge func(error) error, cancel context.CancelFunc) {
	limit := d.patience
	if isUnhurried(ctx) {
		limit = upkeepPatience
	}
	bounded, cancel = context.WithTimeout(ctx, limit+limit/10) // the server's own word comes first
	return bounded, func(err error) error {
		if err != nil && ctx.Err() == nil && bounded.Err() != nil {
			return fmt.Errorf("%w (%s): %w", ErrSilent, limit, err)
		}
		return err
	}, cancel
}
