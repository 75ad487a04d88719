package tickets

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// The few values that the random tickets and filters take.
var (
	someIDs    = []uuid.UUID{uuid.Nil, {1}, {2}, {3}}
	someWords  = []string{"printer", "jam", "invoice", "überfällig"}
	someTags   = []string{"red", "blue", "vip"}
	someCustom = []any{"3", 3.0, true, "blue", 2.5}
	epoch      = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// randomTicket makes the n-th ticket of a random desk; its id is of the minute that it was opened.
func randomTicket(t *rapid.T, n int) Ticket {
	at := epoch.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "minute")) * time.Minute)
	id := firstIDAt(at)
	id[15], id[14] = byte(n), byte(n>>8)
	o := Ticket{ID: id, Number: int64(5000 + n), Status: rapid.SampledFrom(Statuses).Draw(t, "status"), Priority: Priority(rapid.IntRange(1, 3).Draw(t, "priority")),
		Subject: strings.Join(rapid.SliceOfN(rapid.SampledFrom(someWords), 1, 3).Draw(t, "subject"), " "), CreatedAt: at,
		Tags: rapid.SliceOfNDistinct(rapid.SampledFrom(someTags), 0, 3, rapid.ID).Draw(t, "tags"), Custom: map[string]any{}}
	for _, ref := range []*uuid.NullUUID{&o.ClientID, &o.ContactID, &o.MailboxID} {
		ref.UUID = rapid.SampledFrom(someIDs).Draw(t, "id")
		ref.Valid = ref.UUID != uuid.Nil
	}
	if rapid.IntRange(0, 4).Draw(t, "merged") == 0 {
		o.MergedInto = uuid.NullUUID{UUID: uuid.UUID{9}, Valid: true}
	}
	for _, name := range []string{"floor", "Ö 1"} {
		if v := rapid.SampledFrom(append([]any{nil}, someCustom...)).Draw(t, "custom"); v != nil {
			o.Custom[name] = v
		}
	}
	return o
}

// matches is Filter in plain words.
func (f Filter) matches(o Ticket) bool {
	for _, word := range strings.Fields(f.Words) {
		bare, not := strings.CutPrefix(word, "-")
		if (slices.Contains(strings.Fields(o.Subject), strings.ToLower(bare)) || bare == strconv.FormatInt(o.Number, 10)) == not {
			return false
		}
	}
	for name, want := range f.Custom {
		if got, ok := o.Custom[name]; !ok || fmt.Sprint(got) != want {
			return false
		}
	}
	return f.Merged == o.MergedInto.Valid && (f.Status == "" || f.Status == o.Status) && (f.Priority == 0 || f.Priority == o.Priority) && (f.ClientID == uuid.Nil || f.ClientID == o.ClientID.UUID) &&
		(f.ContactID == uuid.Nil || f.ContactID == o.ContactID.UUID) && (f.MailboxID == uuid.Nil || f.MailboxID == o.MailboxID.UUID) &&
		(f.Tag == "" || slices.Contains(o.Tags, f.Tag)) && (f.From.IsZero() || !o.CreatedAt.Before(f.From)) && (f.To.IsZero() || o.CreatedAt.Before(f.To))
}

func randomFilter(t *rapid.T) Filter {
	maybe := func(of func()) {
		if rapid.IntRange(0, 3).Draw(t, "used") == 0 {
			of()
		}
	}
	var f Filter
	maybe(func() { f.Status = rapid.SampledFrom(Statuses).Draw(t, "status") })
	maybe(func() { f.Priority = Priority(rapid.IntRange(1, 3).Draw(t, "priority")) })
	maybe(func() { f.ClientID = rapid.SampledFrom(someIDs).Draw(t, "client") })
	maybe(func() { f.ContactID = rapid.SampledFrom(someIDs).Draw(t, "contact") })
	maybe(func() { f.MailboxID = rapid.SampledFrom(someIDs).Draw(t, "mailbox") })
	maybe(func() { f.Merged = true })
	maybe(func() { f.Tag = rapid.SampledFrom(append(someTags, "none")).Draw(t, "tag") })
	maybe(func() {
		f.Words = strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"printer", "JAM", "-invoice", "überfällig", "5007", "jam"}), 1, 2).Draw(t, "words"), " ")
	})
	maybe(func() { f.From = epoch.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "from")) * time.Minute) })
	maybe(func() { f.To = epoch.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "to")) * time.Minute) })
	maybe(func() {
		f.Custom = map[string]string{rapid.SampledFrom([]string{"floor", "Ö 1", "none"}).Draw(t, "name"): fmt.Sprint(rapid.SampledFrom(someCustom).Draw(t, "value"))}
	})
	return f
}

// fill replaces the desk's tickets by these.
func (s *scene) fill(all []Ticket) {
	s.t.Helper()
	raw := make([]map[string]any, len(all))
	for i, o := range all {
		raw[i] = map[string]any{"id": o.ID, "number": o.Number, "status": o.Status, "priority": int(o.Priority), "subject": o.Subject, "tags": o.Tags, "custom": o.Custom,
			"client_id": o.ClientID, "contact_id": o.ContactID, "mailbox_id": o.MailboxID, "created_at": o.CreatedAt, "merged_into": o.MergedInto}
	}
	rows, err := json.Marshal(raw)
	must(s.t, err)
	s.test.Fixture(s.t, `delete from tickets`)
	s.test.Fixture(s.t, `insert into tickets (id, number, status, priority, subject, tags, custom, client_id, contact_id, mailbox_id, created_at, merged_into, channel, priority_reasons)
		select id, number, status, priority, subject, tags, custom, client_id, contact_id, mailbox_id, created_at, merged_into, 'email', '{}' from jsonb_populate_recordset(null::tickets, $1)`, string(rows))
}

// pages reads a list to its end; between runs after each page.
func (s *scene) pages(by event.Actor, f Filter, sort string, limit int, between func()) (got []uuid.UUID) {
	s.t.Helper()
	for p := (Page{Sort: sort, Limit: limit}); ; {
		page, err := s.List(soon(s.t), by, f, p)
		must(s.t, err)
		for _, o := range page {
			got = append(got, o.ID)
		}
		if len(page) < limit {
			return got
		}
		p.After = After(page[len(page)-1])
		if between != nil {
			between()
		}
	}
}

// wanted is the list by brute force.
func wanted(all []Ticket, f Filter, sort string) (ids []uuid.UUID) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Ticket) int {
		if sort == Queue {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), slices.Compare(a.ID[:], b.ID[:]))
		}
		return -slices.Compare(a.ID[:], b.ID[:])
	})
	for _, o := range all {
		if f.matches(o) && (sort != Queue || o.Status != Closed) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// Tried: random desks, random combinations of filters, both orders, any page size, as staff and as a
// member; the counts beside the lists.
func TestRow027_ListsAndCountsEqualBruteForce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	rapid.Check(t, func(t *rapid.T) {
		all := make([]Ticket, rapid.IntRange(0, 60).Draw(t, "tickets"))
		for i := range all {
			all[i] = randomTicket(t, i)
		}
		s.fill(all)
		for range 8 {
			f, sort, limit := randomFilter(t), rapid.SampledFrom([]string{Newest, Queue}).Draw(t, "sort"), rapid.IntRange(1, 20).Draw(t, "limit")
			by, seen := sam, all
			if rapid.Bool().Draw(t, "member") {
				by = event.Actor{Kind: "api_key", ID: "m", Realm: event.Client, ClientID: someIDs[1]}
				seen = slices.DeleteFunc(slices.Clone(all), func(o Ticket) bool { return o.ClientID.UUID != by.ClientID })
			}
			if got, want := s.pages(by, f, sort, limit, nil), wanted(seen, f, sort); !slices.Equal(got, want) {
				t.Fatalf("%s %+v, pages of %d:\n got %v\nwant %v", sort, f, limit, got, want)
			}
			counts, err := s.Counts(soon(s.t), by, f)
			must(s.t, err)
			for _, status := range Statuses {
				narrowed := f
				narrowed.Status = status
				want := len(wanted(seen, narrowed, Newest))
				if f.Status != "" && f.Status != status {
					want = 0
				}
				if counts[status] != int64(want) || len(counts) != len(Statuses) {
					t.Fatalf("%+v: counts %v, the list of %s has %d", f, counts, status, want)
				}
			}
		}
	})
}

// Tried: after each page a ticket is opened and one that was shown already is closed.
func TestPagesStayWhileTicketsCome(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, sort := range []string{Newest, Queue} {
		var ids []uuid.UUID
		for range 9 {
			ids = append(ids, s.open(func(o *Opening) { o.Priority, o.Tags = Medium, []string{sort} }).ID)
		}
		want := slices.Clone(ids)
		if sort == Newest {
			slices.Reverse(want)
		}
		shown := 0
		got := s.pages(sam, Filter{Tag: sort}, sort, 2, func() {
			s.open(func(o *Opening) { o.Priority, o.Tags = High, []string{sort} })
			_, err := s.set(want[shown], Patch{Status: ptr(Closed)})
			must(t, err)
			shown += 2
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want each once: %v", sort, got, want)
		}
	}
	_, err := s.List(soon(t), sam, Filter{}, Page{Sort: "oldest", Limit: 1})
	wantFault(t, "an order that there is not", err, fault.Invalid, "invalid_sort", "sort")
}

// Tried: words that search engines, tsquery and LIKE give a meaning to.
func TestAnyWordsMayBeSearched(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	id := s.open(func(o *Opening) { o.Subject = "Printer & Scanner (2nd floor): 100% jammed" }).ID
	for words, found := range map[string]bool{"printer": true, "SCANNER": true, "scanner printer": true, "scanner -printer": false, `"printer scanner"`: true, `"scanner printer"`: false,
		"ann@client.example": true, "Ann": true, "print": false, "printer or nothing": true, "' ; drop table tickets --": false, "printer &": true, "(((": false, "100%": true, "!!": false, "<->": false, `\`: false, "🖨": false} {
		list, err := s.List(soon(t), sam, Filter{Words: words}, Page{Sort: Newest, Limit: 2})
		if err != nil || (len(list) == 1 && list[0].ID == id) != found {
			t.Errorf("%q finds %d: %v", words, len(list), err)
		}
	}
}

func TestFirstIDOfAMoment(t *testing.T) {
	t.Parallel()
	at := time.Now().Truncate(time.Millisecond)
	first, before := firstIDAt(at), firstIDAt(at.Add(-time.Millisecond))
	if id := db.NewID(); slices.Compare(first[:], id[:]) > 0 || slices.Compare(before[:], first[:]) >= 0 || first.Version() != 7 || first.Variant() != uuid.RFC4122 {
		t.Errorf("%s, then %s, then %s", before, first, id)
	}
	sec, nsec := first.Time().UnixTime()
	if got := time.Unix(sec, nsec); !got.Equal(at) {
		t.Errorf("the id of %v is of %v", at, got)
	}
}

// Tried: each list on a desk of 20,000 tickets. None may read the whole table. What the server guesses of
// custom fields is crude, so it may also go from the newest on until a page is full.
func TestListsUseTheirIndexes(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.test.Fixture(t, `create function pg_temp.id(n bigint) returns uuid language sql immutable as $$ select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
		insert into tickets (id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons, tags, custom)
		select pg_temp.id(n), n, pg_temp.id(n % 1000), pg_temp.id(n % 2000), pg_temp.id(n % 50), 'email', 'Help w' || n % 500, case when n % 100 = 0 then 'open' else 'closed' end, n % 3 + 1, '{}',
			array['t' || n % 300], jsonb_build_object('floor', n % 400) from generate_series(1, 20000) n;
		insert into letters (id, kind, mailbox_id, ticket_id, message_ref, recipients, subject, rfc_message_id, state, give_up_at)
		select pg_temp.id(n), 'answer', pg_temp.id(1), pg_temp.id(n), pg_temp.id(n), '{a@x.example}', 'Re', n::text, case when n % 500 = 0 then 'failed' else 'sent' end, now() from generate_series(1, 20000) n;
		analyze tickets, letters`)
	one := uuid.MustParse("01900000-0000-7000-8000-000000000005")
	scan := regexp.MustCompile(`Seq Scan on (tickets|letters)`)
	for what, c := range map[string]struct {
		f     Filter
		tail  string
		index string
	}{
		"newest":         {Filter{}, " order by id desc", "tickets_pkey"},
		"queue":          {Filter{}, " and status <> 'closed' order by priority, id", "tickets_queue"},
		"status":         {Filter{Status: Open}, " order by id desc", "tickets_by_status|tickets_counted"},
		"client":         {Filter{ClientID: one}, " order by id desc", "tickets_of_client"},
		"contact":        {Filter{ContactID: one}, " order by id desc", "tickets_of_contact"},
		"mailbox":        {Filter{MailboxID: one}, " order by id desc", "tickets_of_mailbox"},
		"tag":            {Filter{Tag: "t7"}, " order by id desc", "tickets_tags"},
		"words":          {Filter{Words: "w7"}, " order by id desc", "tickets_words"},
		"number":         {Filter{Words: "777"}, " order by id desc", "tickets_words"},
		"custom":         {Filter{Custom: map[string]string{"floor": "7"}}, " order by id desc", "tickets_custom|tickets_pkey"},
		"custom text":    {Filter{Custom: map[string]string{"floor": "seven"}}, " order by id desc", "tickets_custom|tickets_pkey"},
		"undelivered":    {Filter{Undelivered: true}, " order by id desc", "letters_undelivered"},
		"client's queue": {Filter{ClientID: one}, " and status <> 'closed' order by priority, id", "tickets_of_client|tickets_queue"},
	} {
		q := c.f.query()
		q.where("true")
		sql, args := q.build("explain select "+ticketColumns+" from tickets", c.tail, 50)
		var plan []string
		must(t, s.db.View(soon(t), sam, func(v *db.View) (err error) {
			plan, err = db.Column[string](v, sql, args...)
			return err
		}))
		text := strings.Join(plan, "\n")
		if scan.MatchString(text) || !regexp.MustCompile(`(using|Scan on) (`+c.index+`)\b`).MatchString(text) {
			t.Errorf("%s does not use %s:\n%s", what, c.index, text)
		}
	}
}
