package metrics_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/metrics"
	"github.com/postern-desk/postern/internal/testdb"
)

func written(t testing.TB, families ...*metrics.Family) string {
	t.Helper()
	var b strings.Builder
	if err := metrics.Write(&b, families...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Tried: every kind, label values with what must be escaped, a histogram's cumulative buckets.
func TestTextForm(t *testing.T) {
	t.Parallel()
	c, g, h := metrics.Counter("a_total", "A.", "x", "y"), metrics.Gauge("b", "B."), metrics.Histogram("c_seconds", "C.", "k")
	c.Add(1, "1", "a\"b\\c\nd")
	c.Add(2.5, "1", "a\"b\\c\nd")
	g.Set(7)
	g.Set(-1)
	for _, s := range []float64{0.001, 0.02, 0.02, 400} {
		h.Observe(s, "v")
	}
	text := written(t, c, g, h)
	for _, want := range []string{
		"# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\",y=\"a\\\"b\\\\c\\nd\"} 3.5\n", "# TYPE b gauge\nb -1\n", "# TYPE c_seconds histogram\n",
		`c_seconds_bucket{k="v",le="0.001"} 1` + "\n", `c_seconds_bucket{k="v",le="0.025"} 3` + "\n", `c_seconds_bucket{k="v",le="300"} 3` + "\n",
		`c_seconds_bucket{k="v",le="+Inf"} 4` + "\n", `c_seconds_sum{k="v"} 400.041` + "\n", `c_seconds_count{k="v"} 4` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Tried: many goroutines, and more label values than any closed set has.
func TestAFamilyStaysBounded(t *testing.T) {
	t.Parallel()
	c := metrics.Counter("a_total", "A.", "x")
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for i := range 5000 {
				c.Add(1, fmt.Sprint(i))
			}
		})
	}
	work.Wait()
	if n := strings.Count(written(t, c), "\na_total{"); n != 2000 {
		t.Errorf("%d series", n)
	}
	if !strings.Contains(written(t, c), `a_total{x="0"} 4`+"\n") {
		t.Error("what was counted is not the sum of all")
	}
}

const scene = `
insert into mailboxes (id, name, address, address_norm, imap, imap_secret, smtp, smtp_secret) values ('00000000-0000-7000-8000-00000000000b', 'S', 'secret@d.example', 'secret@d.example', '{}', '', '{}', '');
insert into mailbox_folders (mailbox_id, name, failing_since) select id, 'INBOX', now() - interval '700 seconds' from mailboxes;
insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, subject, disposition, reason, processed_at, accepted_at)
	select mailbox_id, id, 1, 0, n, 10, now(), 'secret', case when n > 2 then 'opened' end, case when n > 2 then 'x' end, case when n > 2 then now() end, now() - interval '90 seconds' from mailbox_folders, generate_series(1, 5) n;
insert into letters (id, kind, mailbox_id, recipients, subject, rfc_message_id, state, give_up_at) select gen_random_uuid(), 'answer', id, '{secret@acme.example}', 'Re', s || '@d.example', s, now() from mailboxes, unnest('{queued,sent,failed}'::text[]) s;
insert into river_job (kind, args, queue, state, max_attempts, scheduled_at) values ('send_letter', '{}', 'letters', 'available', 3, now() - interval '50 seconds'),
	('poll_mailbox', '{}', 'of-some-process-7f', 'available', 3, now());
insert into processes (id, host_key) values ('a', ''), ('b', '');`

func process(t testing.TB, url string) *metrics.Process {
	t.Helper()
	d, err := db.Open(context.Background(), url, db.Options{AppConns: 2, ClientConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return metrics.NewProcess(d, "1.2.3", []string{"web", "worker"})
}

func page(t testing.TB, p *metrics.Process) string {
	t.Helper()
	var b strings.Builder
	if err := p.Write(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Tried: a desk with emails, letters, jobs and a mailbox that fails; no word of a person is told.
func TestHowTheDeskStands(t *testing.T) {
	t.Parallel()
	test := testdb.New(t)
	test.Fixture(t, scene)
	p := process(t, test.AppURL)
	p.Job("send_letter", "done", 20*time.Millisecond)
	p.Request("/v1/tickets/{id}", "GET", "200", time.Millisecond)
	p.Polled("00000000-0000-7000-8000-00000000000b")
	text := page(t, p)
	for _, want := range []string{
		`postern_inbound_emails\{disposition="opened"\} 3`, `postern_inbound_emails\{disposition="pending"\} 2`, `postern_letters\{state="failed"\} 1`,
		`postern_queue_jobs\{queue="letters",state="available"\} 1`, `postern_queue_jobs\{queue="watch",state="available"\} 1`,
		`postern_queue_oldest_seconds\{queue="letters"\} 5\d`, `postern_queue_oldest_seconds\{queue="inbound"\} 0`, `postern_processes 2`, `postern_database_up 1`,
		`postern_mailbox_failing_seconds\{mailbox="00000000-0000-7000-8000-00000000000b"\} 70\d`, `postern_inbound_oldest_pending_seconds 9\d`,
		`postern_jobs_total\{kind="send_letter",outcome="done"\} 1`, `postern_job_duration_seconds_bucket\{kind="send_letter",le="0.025"\} 1`,
		`postern_http_requests_total\{route="/v1/tickets/\{id\}",method="GET",status="200"\} 1`, `postern_role\{role="worker"\} 1`,
		`postern_build_info\{version="1.2.3",go="go1.`, `postern_mailbox_polled_timestamp_seconds\{mailbox="[0-9a-f-]+"\} 1\.\d+e\+09`, `postern_database_connections\{state="most"\} 2`, `go_goroutines \d+`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "7f") {
		t.Errorf("a person's word or a process's name is told:\n%s", text)
	}
	test.Fixture(t, `update letters set state = 'sent'`)
	if again := page(t, p); !strings.Contains(again, `postern_letters{state="failed"} 1`) {
		t.Error("a second scrape asked the database again")
	}
}

// Tried: a database that went away.
func TestADatabaseThatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 2, ClientConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := metrics.NewProcess(d, "1", nil)
	d.Close()
	text := page(t, p)
	if !strings.Contains(text, "postern_database_up 0\n") || !strings.Contains(text, "go_goroutines") || strings.Contains(text, "postern_letters") {
		t.Errorf("it says\n%s", text)
	}
	if u, _ := url.Parse(test.AppURL); strings.Contains(text, u.Query().Get("host")) {
		t.Error("it says where the database is")
	}
}
