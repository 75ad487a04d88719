package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	gomessage "github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"golang.org/x/sync/errgroup"
)

// The bare pipeline is the least that reading email into PostgreSQL could cost: fetch, parse, and one
// transaction for fifty emails of the raw bytes, a ticket with three indexes, an audit row and a job.
const (
	bareBatch   = 50
	bareWriters = 4
)

const sqlBareTables = `
create table bare_raw (id bigint generated always as identity primary key, uid bigint not null unique, raw bytea not null);
create table bare_tickets (id bigint generated always as identity primary key, sender text not null, subject text not null,
    body text not null, opened_at timestamptz not null default now());
create index on bare_tickets (sender);
create index on bare_tickets (opened_at);
create table bare_audit (id bigint generated always as identity primary key, at timestamptz not null default now(), detail jsonb not null);`

const sqlBareEmail = `
with r as (insert into bare_raw (uid, raw) values ($1, $2)),
     t as (insert into bare_tickets (sender, subject, body) values ($3, $4, $5) returning id)
insert into bare_audit (detail) select jsonb_build_object('ticket', id, 'kind', 'opened', 'sender', $3::text) from t`

type bareEmail struct {
	uid imap.UID
	raw []byte
}

type bareJob struct {
	UID int64 `json:"uid"`
}

// Kind names the job.
func (bareJob) Kind() string { return "bare" }

// bareWays are how PostgreSQL packs what is large: by its own default, as in the pipeline that the gate was set by,
// and by lz4, which is faster.
var bareWays = []struct{ name, packing string }{
	{"bare pipeline", "pglz"},
	{"bare pipeline packed by lz4", "lz4"},
}

const sqlBarePacking = `
alter table bare_raw alter raw set compression %[1]s;
alter table bare_tickets alter body set compression %[1]s`

// bare measures it, as often as the whole road.
func (b *bench) bare(ctx context.Context) error {
	for _, way := range bareWays {
		if err := b.bareWay(ctx, way.name, way.packing); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) bareWay(ctx context.Context, name, packing string) error {
	var m ingested
	for range b.runs {
		if err := b.bareOnce(ctx, packing, &m); err != nil {
			return err
		}
	}
	remark := fmt.Sprintf("fetch, parse, %d emails a transaction, %d writers", bareBatch, bareWriters)
	b.report(name, m.rates.of("emails/s", 0), remark)
	b.reportProcessor(m.ours, m.postgres)
	if b.whole > 0 {
		b.report("  whole road : bare pipeline", fmt.Sprintf("%.2f", b.whole/m.rates.median()), "of the medians")
	}
	return nil
}

func (b *bench) bareOnce(ctx context.Context, packing string, m *ingested) (err error) {
	d, err := b.newDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if _, err := d.pool.Exec(ctx, sqlBareTables+fmt.Sprintf(sqlBarePacking, packing)); err != nil {
		return err
	}
	before, err := d.spent(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.pump(ctx, d.pool); err != nil {
		return err
	}
	m.rates = append(m.rates, float64(b.n)/time.Since(began).Seconds())
	after, err := d.spent(ctx)
	if err != nil {
		return err
	}
	ours, postgres := after.perEmail(before, b.n)
	m.ours, m.postgres = append(m.ours, ours), append(m.postgres, postgres)
	if err := d.verifyBare(ctx, b.n); err != nil {
		return err
	}
	return b.statements(ctx, d, "the bare pipeline")
}

func (d *desk) verifyBare(ctx context.Context, n int) error {
	var rows, queued int
	if err := d.pool.QueryRow(ctx, `select count(*) from bare_tickets`).Scan(&rows); err != nil {
		return err
	}
	if err := d.pool.QueryRow(ctx, `select count(*) from river_job where kind = 'bare'`).Scan(&queued); err != nil {
		return err
	}
	if rows != n || queued != n {
		return fmt.Errorf("the bare pipeline wrote %d tickets and %d jobs for %d emails", rows, queued, n)
	}
	return nil
}

// pump streams the mailbox to the writers.
func (b *bench) pump(ctx context.Context, pool *pgxpool.Pool) error {
	queue, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	batches := make(chan []bareEmail, bareWriters)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(batches)
		return b.stream(ctx, batches)
	})
	for range bareWriters {
		group.Go(func() error {
			for batch := range batches {
				if err := writeBare(ctx, pool, queue, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// stream fetches every email of the full mailbox over one connection.
func (b *bench) stream(ctx context.Context, batches chan<- []bareEmail) error {
	c, err := imapclient.DialInsecure(b.full.address, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Login(b.full.user, b.full.password).Wait(); err != nil {
		return err
	}
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return err
	}
	for from := 1; from <= b.n; from += bareBatch {
		batch, err := fetchBatch(c, imap.UID(from), imap.UID(min(b.n, from+bareBatch-1)))
		if err != nil {
			return err
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func fetchBatch(c *imapclient.Client, from, to imap.UID) ([]bareEmail, error) {
	whole := &imap.FetchItemBodySection{Peek: true}
	cmd := c.Fetch(imap.UIDSet{{Start: from, Stop: to}}, &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{whole}})
	var batch []bareEmail
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		var e bareEmail
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				e.uid = item.UID
			case imapclient.FetchItemDataBodySection:
				e.raw = make([]byte, item.Literal.Size())
				if _, err := io.ReadFull(item.Literal, e.raw); err != nil {
					return nil, errors.Join(err, cmd.Close())
				}
			}
		}
		batch = append(batch, e)
	}
	return batch, cmd.Close()
}

// writeBare is one transaction.
func writeBare(ctx context.Context, pool *pgxpool.Pool, queue *river.Client[pgx.Tx], emails []bareEmail) error {
	batch, jobs := &pgx.Batch{}, make([]river.InsertManyParams, len(emails))
	for i, e := range emails {
		sender, subject, body, err := parseBare(e.raw)
		if err != nil {
			return err
		}
		batch.Queue(sqlBareEmail, int64(e.uid), e.raw, sender, subject, body)
		jobs[i] = river.InsertManyParams{Args: bareJob{UID: int64(e.uid)}}
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		_, err := queue.InsertManyFastTx(ctx, tx, jobs)
		return err
	})
}

// parseBare reads every part, keeps the first text and throws the attachments away.
func parseBare(raw []byte) (sender, subject, body string, err error) {
	e, err := gomessage.Read(bytes.NewReader(raw))
	if err != nil {
		return "", "", "", err
	}
	if subject, err = e.Header.Text("Subject"); err != nil {
		return "", "", "", err
	}
	var text strings.Builder
	err = e.Walk(func(_ []int, part *gomessage.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, _, err := part.Header.ContentType()
		if err != nil || strings.HasPrefix(kind, "multipart/") {
			return err
		}
		to := io.Discard
		if kind == "text/plain" && text.Len() == 0 {
			to = &text
		}
		_, err = io.Copy(to, part.Body)
		return err
	})
	return e.Header.Get("From"), subject, text.String(), err
}
