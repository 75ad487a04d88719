package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// largeEmailBytes is the size of the one large email, of which the most is its attachment.
const largeEmailBytes = 45 << 20

// large measures the memory that the whole road takes when a large email is among the measured ones.
func (b *bench) large(ctx context.Context) (err error) {
	user, password := b.dovecot.NewUser("large")
	for _, step := range []func() error{
		func() error { return b.fill(user, 0, b.n/2) },
		func() error { return b.dovecot.AppendMany(user, "INBOX", [][]byte{largeEmail()}, time.Now()) },
		func() error { return b.fill(user, b.n/2, b.n) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	debug.FreeOSMemory() // the making of the emails is not measured
	d, err := b.newDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	var m ingested
	if _, err := b.ingestOnce(ctx, d, login{address: b.dovecot.Addr(), user: user, password: password}, b.n+1, &m); err != nil {
		return err
	}
	b.report(fmt.Sprintf("one email of %d MiB among them: memory at its peak", largeEmailBytes>>20), m.memory.of("MiB", 0),
		fmt.Sprintf("%d emails, %.0f emails/s; resident, without PostgreSQL", b.n+1, m.rates.median()))
	return nil
}

func largeEmail() []byte {
	w := &writer{rng: seeded(-1)}
	w.header(-1)
	w.withAttachment(largeEmailBytes)
	return bytes.ReplaceAll(w.Bytes(), []byte("\n"), []byte("\r\n"))
}
