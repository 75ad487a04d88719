package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/tickets"
)

// TestRow022_StatusesMoveOnlyAsDrawn tries every pair of statuses over the API.
func TestRow022_StatusesMoveOnlyAsDrawn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	legal := map[string][]string{"open": {"in_progress", "waiting", "closed"}, "in_progress": {"open", "waiting", "closed"},
		"waiting": {"open", "in_progress", "closed"}, "closed": {"open"}}
	for from := range legal {
		for to := range legal {
			a := d.openTicket(nil)
			path, tag := a.header.Get("Location"), a.header.Get("ETag")
			if from != "open" {
				tag = d.patch(path, tag, map[string]any{"status": from}).want(200).header.Get("ETag")
			}
			before := d.audits()
			b := d.patch(path, tag, map[string]any{"status": to})
			switch {
			case from == to:
				b.want(200)
			case slices.Contains(legal[from], to):
				if b.want(200).text("status") != to || d.audits() != before+1 {
					t.Errorf("%s to %s: %s, %d audit entries", from, to, b.body, d.audits()-before)
				}
			default:
				b.refused(http.StatusConflict, "illegal_transition")
				if d.audits() != before || d.get(path).text("status") != from {
					t.Errorf("%s to %s was refused and changed something", from, to)
				}
			}
		}
	}
	d.patch(d.openTicket(nil).header.Get("Location"), `"1"`, map[string]any{"status": "solved"}).refused(422, "validation_failed")
}

func TestRow025_PriorityOrdersTheQueue(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var opened []string
	for i, priority := range []string{"low", "high", "medium", "high", "low", "medium"} {
		a := d.openTicket(map[string]any{"priority": priority, "subject": fmt.Sprint(i)})
		if a.text("priority") != priority {
			t.Fatalf("opened as %s: %s", priority, a.body)
		}
		opened = append(opened, a.text("id"))
	}
	closed := d.openTicket(map[string]any{"priority": "high"})
	d.patch(closed.header.Get("Location"), `"1"`, map[string]any{"status": "closed"}).want(200)
	want := []string{opened[1], opened[3], opened[2], opened[5], opened[0], opened[4]}
	for _, limit := range []int{1, 2, 3, 50} {
		if got := ids(d.all("/v1/tickets?sort=queue&limit=" + strconv.Itoa(limit))); !slices.Equal(got, want) {
			t.Errorf("queue by pages of %d: %v, want %v", limit, got, want)
		}
	}
	a := d.patch("/v1/tickets/"+opened[4], `"1"`, map[string]any{"priority": "high"}).want(200)
	if reasons := a.object()["priority_reasons"].([]any); len(reasons) != 1 || reasons[0] != "set by key of staff" {
		t.Errorf("the reason is %v", reasons)
	}
	if got := ids(d.all("/v1/tickets?sort=queue")); got[2] != opened[4] {
		t.Errorf("a raised ticket stands at %d", slices.Index(got, opened[4]))
	}
	for _, bad := range []any{"urgent", "HIGH", "", 1} {
		d.post("/v1/tickets", map[string]any{"subject": "s", "body": "b", "email": "a@b.example", "priority": bad}).refused(422, "validation_failed")
	}
	d.get("/v1/tickets?priority=urgent").refused(422, "validation_failed")
	d.get("/v1/tickets?sort=oldest").refused(422, "validation_failed")
}

// TestRow027_CountsEqualFilteredLists compares the counts with the lists, under every filter.
func TestRow027_CountsEqualFilteredLists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := d.post("/v1/clients", map[string]any{"name": "Acme"}).want(201).text("id")
	contact := d.post("/v1/contacts", map[string]any{"name": "Bob", "email": "bob@acme.example", "client_id": client}).want(201).text("id")
	start := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for i := range 14 {
		fields := map[string]any{"priority": []string{"high", "medium", "low"}[i%3], "tags": []string{"t" + strconv.Itoa(i%2)},
			"custom": map[string]any{"site": "s" + strconv.Itoa(i%4)}, "subject": "request " + strconv.Itoa(i%5)}
		if i%3 == 0 {
			fields["email"] = "bob@acme.example"
		}
		a := d.openTicket(fields)
		if status := []string{"open", "in_progress", "closed", "waiting"}[i%4]; status != "open" {
			d.patch(a.header.Get("Location"), `"1"`, map[string]any{"status": status}).want(200)
		}
	}
	for filter, some := range map[string]bool{"": true, "priority=high": true, "client=" + client: true, "contact=" + contact: true, "tag=t1": true,
		"custom.site=s2": true, "q=request+3": true, "mailbox=" + d.mailbox.ID.String(): true, "from=" + start: true, "to=" + start: false,
		"client=" + anyID(): false, "q=nonsense": false, "custom.site=s2&custom.other=x": false, "tag=t1&priority=high&client=" + client: true,
		"q=acme.example": false, "q=bob%40acme.example": true} {
		counts := d.get("/v1/tickets/counts?" + filter).want(200).object()
		total := 0
		for _, status := range []string{"open", "in_progress", "waiting", "closed"} {
			list := d.all("/v1/tickets?limit=3&status=" + status + "&" + filter)
			if n := int(counts[status].(float64)); n != len(list) {
				t.Errorf("%q counts %d %s tickets and lists %d", filter, n, status, len(list))
			}
			total += len(list)
		}
		if (total > 0) != some {
			t.Errorf("%q finds %d tickets", filter, total)
		}
	}
}

// all reads a list to its end, from a cursor on where the path ends with one.
func (d *desk) all(path string) []map[string]any {
	d.t.Helper()
	var out []map[string]any
	next := path
	for range 100 {
		a := d.get(next).want(200)
		out = append(out, a.items()...)
		cursor, more := a.object()["next_cursor"].(string)
		if !more {
			return out
		}
		base, _, _ := strings.Cut(path, "&cursor=")
		next = base + "&cursor=" + cursor
	}
	d.t.Fatal("the list does not end")
	return nil
}

func ids(items []map[string]any) []string {
	out := []string{}
	for _, i := range items {
		out = append(out, fmt.Sprint(i["id"]))
	}
	return out
}

func TestListsPageByKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 7 {
		d.openTicket(nil)
		d.post("/v1/clients", map[string]any{"name": "Client"}).want(201)
		d.post("/v1/contacts", map[string]any{"name": "Contact"}).want(201)
	}
	for i := range 6 {
		d.addMailbox(fmt.Sprintf("box%d@desk.example", i))
	}
	for _, list := range []string{"/v1/tickets?", "/v1/clients?", "/v1/contacts?", "/v1/mailboxes?"} {
		whole := ids(d.all(list))
		order := map[bool]int{true: 1, false: -1}[list == "/v1/mailboxes?"] // oldest first, the others newest first
		if len(whole) < 7 || !slices.IsSortedFunc(whole, func(a, b string) int { return order * strings.Compare(a, b) }) {
			t.Errorf("%s: %d items in order: %v", list, len(whole), whole)
		}
		if got := ids(d.all(list + "limit=2")); !slices.Equal(got, whole) {
			t.Errorf("%s by two: %v, want %v", list, got, whole)
		}
		cursor := d.get(list + "limit=2").text("next_cursor")
		for _, bad := range []string{cursor[1:], cursor + "A", "A" + cursor[1:], strings.ToUpper(cursor), "x", "AAAAAAAAAAAA"} {
			d.get(list+"cursor="+bad).refused(422, "invalid_cursor")
		}
		other := map[string]string{"/v1/tickets?": "/v1/tickets?sort=queue&", "/v1/clients?": "/v1/contacts?", "/v1/contacts?": "/v1/clients?", "/v1/mailboxes?": "/v1/contacts?"}[list]
		d.get(other+"cursor="+cursor).refused(422, "invalid_cursor")
		if n := len(d.get(list + "limit=7").items()); n != 7 {
			t.Errorf("%s with limit 7 gives %d", list, n)
		}
	}
}

func TestPatchNeedsTheVersionThatWasRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.openTicket(nil)
	path := a.header.Get("Location")
	body := map[string]any{"subject": "New subject"}
	d.do(request{method: "PATCH", path: path, body: body}).refused(428, "precondition_required")
	for _, tag := range []string{`"2"`, "W/*", `"*"`, `"0"`, "1", `"one"`, `"1`, `"01"`, `"-1"`, `"1", "2"`} {
		d.patch(path, tag, body).refused(412, "stale_version")
	}
	b := d.patch(path, `W/"1"`, body).want(200)
	if b.header.Get("ETag") != `"2"` || b.text("subject") != "New subject" {
		t.Errorf("ETag %s: %s", b.header.Get("ETag"), b.body)
	}
	d.patch(path, `"1"`, body).refused(412, "stale_version")
	if got := d.get(path).header.Get("ETag"); got != `"2"` {
		t.Errorf("ETag read is %s", got)
	}
	client, contact := d.post("/v1/clients", map[string]any{"name": "Acme"}).header.Get("Location"), d.post("/v1/contacts", map[string]any{"name": "Bob"}).header.Get("Location")
	for thing, body := range map[string]any{path: body, client: map[string]any{"name": "Acme Ltd"}, contact: map[string]any{"name": "Rob"}, "/v1/mailboxes/" + d.mailbox.ID.String(): map[string]any{"name": "Help"}} {
		whatever := request{method: "PATCH", path: thing, body: body, key: d.admin, header: map[string]string{"If-Match": "*"}}
		if c := d.do(whatever).want(200); c.header.Get("ETag") != `"2"` {
			t.Errorf("%s whatever its version: ETag %s", thing, c.header.Get("ETag"))
		}
	}
	d.patch("/v1/tickets/"+anyID(), "*", body).refused(404, "ticket_not_found")
	before := d.audits()
	if c := d.patch(path, `"2"`, body).want(200); c.header.Get("ETag") != `"2"` || d.audits() != before {
		t.Errorf("a change to what it is already made version %s and %d audit entries", c.header.Get("ETag"), d.audits()-before)
	}
}

// TestRow023_TicketCarriesWhatIsKnownOfItsClient reads one ticket after an answer whose letter failed.
func TestRow023_TicketCarriesWhatIsKnownOfItsClient(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := d.post("/v1/clients", map[string]any{"name": "Acme", "crm_ref": "C-1"}).want(201).text("id")
	d.post("/v1/contacts", map[string]any{"name": "Bob", "email": "Bob@Acme.example", "client_id": client, "crm_ref": "P-7", "tags": []string{"vip"}}).want(201)
	a := d.openTicket(map[string]any{"email": "bob@acme.example", "acknowledge": true, "cc": []string{"Eve <eve@acme.example>"}})
	path := a.header.Get("Location")
	d.post(path+"/messages", map[string]any{"visibility": "everyone", "body": "Try turning it off.", "cc": []string{"carl@acme.example"}}).want(201)
	d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "They always say that."}).want(201)
	d.ownerExec("update letters set state = 'failed', last_error = 'mailbox full' where kind = 'acknowledgement'")

	got := d.get(path).want(200).object()
	contact := got["contact"].(map[string]any)
	if contact["crm_ref"] != "P-7" || contact["name"] != "Bob" || got["client_id"] != client || got["priority"] != "high" {
		t.Errorf("contact %v, client %v, priority %v", contact, got["client_id"], got["priority"])
	}
	var seen []string
	for _, m := range got["messages"].([]any) {
		seen = append(seen, m.(map[string]any)["visibility"].(string)+" "+m.(map[string]any)["origin"].(string))
	}
	if want := []string{"everyone client", "everyone staff", "internal staff"}; !slices.Equal(seen, want) {
		t.Errorf("messages %v, want %v", seen, want)
	}
	if n := len(got["participants"].([]any)); n != 3 {
		t.Errorf("%d participants, want bob, eve and carl", n)
	}
	states := map[string]int{}
	for _, l := range got["letters"].([]any) {
		states[fmt.Sprint(l.(map[string]any)["kind"], " ", l.(map[string]any)["state"])]++
	}
	if want := map[string]int{"acknowledgement failed": 1, "answer queued": 3}; !maps.Equal(states, want) {
		t.Errorf("letters %v, want %v", states, want)
	}
	if got["status"] != "waiting" || got["messages_count"] != 3.0 {
		t.Errorf("status %v with %v messages", got["status"], got["messages_count"])
	}

	who := d.get(path + "/context").want(200).object()
	if who["client"].(map[string]any)["crm_ref"] != "C-1" || who["contact"].(map[string]any)["crm_ref"] != "P-7" {
		t.Errorf("context is %v", who)
	}
	stranger := d.openTicket(map[string]any{"email": "x@unknown.example"})
	if who = d.get(stranger.header.Get("Location") + "/context").want(200).object(); who["client"] != nil {
		t.Errorf("a stranger has the client %v", who["client"])
	}
}

func TestTicketIsOpenedOnlyWithARequester(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.state()
	for name, c := range map[string]struct {
		fields map[string]any
		code   string
	}{
		"nobody":         {map[string]any{}, "requester_missing"},
		"no address":     {map[string]any{"email": "nonsense"}, "invalid_email"},
		"two addresses":  {map[string]any{"email": "a@b.example, c@d.example"}, "invalid_email"},
		"header in it":   {map[string]any{"email": "a@b.example\r\nBcc: x@y.example"}, "invalid_email"},
		"command in it":  {map[string]any{"email": "z@z.example\r\nRCPT TO:<a@b>"}, "invalid_email"},
		"line in it":     {map[string]any{"email": "a@b.example\n"}, "invalid_email"},
		"two in one":     {map[string]any{"email": `"a@b.example" <c@d.example>`}, "invalid_email"},
		"angles in it":   {map[string]any{"email": `"Ann <a@b.example>" <c@d.example>`}, "invalid_email"},
		"bad cc":         {map[string]any{"email": "a@b.example", "cc": []string{"x"}}, "invalid_email"},
		"no contact":     {map[string]any{"contact_id": anyID()}, "contact_not_found"},
		"no mailbox":     {map[string]any{"email": "a@b.example", "mailbox_id": anyID()}, "mailbox_not_found"},
		"nested custom":  {map[string]any{"email": "a@b.example", "custom": map[string]any{"a": []int{1}}}, "invalid_custom"},
		"nameless field": {map[string]any{"email": "a@b.example", "custom": map[string]any{" ": "x"}}, "invalid_custom"},
		"long field":     {map[string]any{"email": "a@b.example", "custom": map[string]any{"a": strings.Repeat("x", 10001)}}, "invalid_custom"},
		"many tags":      {map[string]any{"email": "a@b.example", "tags": make([]string, 51)}, "validation_failed"},
	} {
		body := map[string]any{"subject": "s", "body": "b"}
		maps.Copy(body, c.fields)
		t.Log(name)
		d.post("/v1/tickets", body).refused(422, c.code)
	}
	if after := d.state(); after != before {
		t.Errorf("refused tickets changed something: %s, then %s", before, after)
	}
	contact := d.post("/v1/contacts", map[string]any{"name": "Bob", "email": "bob@acme.example"}).want(201).text("id")
	a := d.post("/v1/tickets", map[string]any{"subject": "s", "body": "b", "contact_id": contact}).want(201).object()
	if a["requester"].(map[string]any)["address"] != "bob@acme.example" || a["channel"] != tickets.ByAPI {
		t.Errorf("the requester is not the contact: %v", a)
	}
}

// TestRow115_CustomFieldsFilterLists sets, changes and filters by fields of the desk's own.
func TestRow115_CustomFieldsFilterLists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	north := d.openTicket(map[string]any{"custom": map[string]any{"site": "north", "floor": 3, "vacant": true}})
	d.openTicket(map[string]any{"custom": map[string]any{"site": "south"}})
	d.openTicket(nil)
	for query, want := range map[string]int{"custom.site=north": 1, "custom.site=south": 1, "custom.site=": 0, "custom.site=north&custom.room=7": 0, "custom.other=north": 0, "": 3} {
		if got := d.get("/v1/tickets?" + query).items(); len(got) != want {
			t.Errorf("%q finds %d tickets, want %d", query, len(got), want)
		}
	}
	a := d.patch(north.header.Get("Location"), `"1"`, map[string]any{"custom": map[string]any{"site": "south", "room": "7"}}).want(200)
	if custom := a.object()["custom"].(map[string]any); len(custom) != 2 || custom["room"] != "7" {
		t.Errorf("custom fields are replaced by %v", custom)
	}
	if got := d.get("/v1/tickets?custom.site=south&custom.room=7").items(); len(got) != 1 || got[0]["id"] != north.text("id") {
		t.Errorf("after the change: %v", got)
	}
	d.patch(north.header.Get("Location"), `"2"`, map[string]any{"custom": map[string]any{"a": map[string]any{}}}).refused(422, "invalid_custom")
}

// TestTicketsMoveWithTheirContact links a stranger's ticket to a contact of a client.
func TestTicketsMoveWithTheirContact(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := d.post("/v1/clients", map[string]any{"name": "Acme", "domains": []string{"acme.example"}}).want(201).text("id")
	contact := d.post("/v1/contacts", map[string]any{"name": "Bob", "client_id": client}).want(201).text("id")
	a := d.openTicket(map[string]any{"email": "new@acme.example", "tags": []string{"a", "b"}})
	o := a.object()
	if o["client_id"] != nil || len(o["suggested_clients"].([]any)) != 1 || o["suggested_clients"].([]any)[0] != client {
		t.Errorf("a stranger of a known domain: %s", a.body)
	}
	b := d.patch(a.header.Get("Location"), `"1"`, map[string]any{"contact_id": contact, "tags": []string{" c ", ""}}).want(200).object()
	if b["client_id"] != client || b["contact"].(map[string]any)["id"] != contact || len(b["tags"].([]any)) != 1 || b["tags"].([]any)[0] != "c" {
		t.Errorf("after linking: %v", b)
	}
	if got := d.get("/v1/tickets?client=" + client).items(); len(got) != 1 {
		t.Errorf("tickets of the client: %v", got)
	}
	d.patch(a.header.Get("Location"), `"2"`, map[string]any{"contact_id": anyID()}).refused(422, "contact_not_found")
}

// TestTimesAtTheEdgesAreTaken filters by the first and last moments that can be written.
func TestTimesAtTheEdgesAreTaken(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.openTicket(nil)
	for _, list := range []string{"/v1/tickets", "/v1/tickets/counts", "/v1/inbound-emails"} {
		for _, moment := range []string{"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "2026-11-22T10:00:00.123456789%2B05:30"} {
			d.get(list + "?from=" + moment).want(200)
			d.get(list + "?to=" + moment).want(200)
		}
		d.get(list+"?from=2026-11-22").refused(422, "validation_failed")
	}
}

// TestTicketsAreMerged merges over the API: by number, twice under one key, and across clients.
func TestTicketsAreMerged(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := d.post("/v1/clients", map[string]any{"name": "Acme"}).want(201).text("id")
	d.post("/v1/contacts", map[string]any{"name": "Bob", "email": "bob@acme.example", "client_id": client}).want(201)
	source, target := d.openTicket(map[string]any{"subject": "Still jams", "tags": []string{"x"}}), d.openTicket(nil)
	path, into := source.header.Get("Location"), fmt.Sprintf("#%.0f", target.object()["number"])
	first := d.postOnce(path+"/merge", "m-1", map[string]any{"into": into}).want(200)
	again := d.postOnce(path+"/merge", "m-1", map[string]any{"into": into}).want(200)
	if first.text("id") != target.text("id") || first.header.Get("ETag") != `"2"` || string(first.body) != string(again.body) {
		t.Errorf("merged: %s, again: %s", first.body, again.body)
	}
	full := d.get(target.header.Get("Location")).want(200).object()
	if len(full["messages"].([]any)) != 3 || full["tags"].([]any)[0] != "x" || full["merged_into"] != nil {
		t.Errorf("the target is %v", full)
	}
	shell := d.get(path).want(200)
	where, _ := shell.object()["merged_into"].(map[string]any)
	if shell.text("status") != "closed" || where["id"] != target.text("id") || where["number"] != target.object()["number"] || len(shell.object()["messages"].([]any)) != 0 {
		t.Errorf("the source is %s", shell.body)
	}
	for _, refusal := range []answer{d.patch(path, shell.header.Get("ETag"), map[string]any{"status": "open"}), d.patch(path, `"1"`, map[string]any{"status": "open"}),
		d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "x"}), d.post(path+"/merge", map[string]any{"into": into})} {
		if !strings.Contains(refusal.refused(409, "merged").text("detail"), target.text("id")) {
			t.Errorf("the target is not named: %s", refusal.body)
		}
	}
	for query, want := range map[string]int{"": 1, "status=closed": 0, "merged=false": 1, "merged=true": 1, "merged=true&q=" + fmt.Sprint(source.object()["number"]): 1} {
		list := d.get("/v1/tickets?" + query).items()
		counts := d.get("/v1/tickets/counts?" + query).want(200).object()
		if len(list) != want || counts["open"].(float64)+counts["closed"].(float64) != float64(want) {
			t.Errorf("%q lists %d tickets and counts %v, want %d", query, len(list), counts, want)
		}
	}
	before := d.state()
	other := d.openTicket(map[string]any{"email": "bob@acme.example"})
	if before == d.state() {
		t.Fatal("the state does not show a ticket")
	}
	before = d.state()
	d.post(other.header.Get("Location")+"/merge", map[string]any{"into": target.text("id")}).refused(409, "merge_across_clients")
	d.post(other.header.Get("Location")+"/merge", map[string]any{"into": other.text("id")}).refused(422, "merge_into_itself")
	d.post(other.header.Get("Location")+"/merge", map[string]any{"into": "the printer"}).refused(422, "invalid_ticket")
	d.post(other.header.Get("Location")+"/merge", map[string]any{"into": anyID()}).refused(422, "ticket_not_found")
	d.post("/v1/tickets/"+anyID()+"/merge", map[string]any{"into": target.text("id")}).refused(404, "ticket_not_found")
	if after := d.state(); after != before {
		t.Errorf("refused merges changed something: %s, then %s", before, after)
	}
}

// TestTagsAreKeptOnce gives tags that differ in white space alone, and too long ones.
func TestTagsAreKeptOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	longest := strings.Repeat("ä", 100)
	a := d.openTicket(map[string]any{"tags": []string{" b", "a ", "b", "", " ", "a\nc", "a c", "B", longest}})
	if got := fmt.Sprint(a.object()["tags"]); got != "[b a a c B "+longest+"]" {
		t.Errorf("opened with %s", got)
	}
	path := a.header.Get("Location")
	if got := d.patch(path, `"1"`, map[string]any{"tags": []string{"x", "x ", "y"}}).want(200).object()["tags"]; fmt.Sprint(got) != "[x y]" {
		t.Errorf("changed to %v", got)
	}
	d.patch(path, `"2"`, map[string]any{"tags": []string{longest + "ä"}}).refused(422, "invalid_tag")
	if n := len(d.get("/v1/tickets?tag=x").items()); n != 1 {
		t.Errorf("%d tickets of the tag", n)
	}
}

// TestUndeliveredAnswersShow lets the letters of an answer fail, and writes again.
func TestUndeliveredAnswersShow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	path := d.openTicket(map[string]any{"cc": []string{"eve@client.example"}}).header.Get("Location")
	d.openTicket(nil)
	answer := map[string]any{"visibility": "everyone", "body": "Try again."}
	for _, want := range []float64{2, 0} {
		d.post(path+"/messages", answer).want(201)
		if want > 0 {
			d.ownerExec("update letters set state = 'failed'")
		}
		listed := d.get("/v1/tickets").items()[1]
		if alone := d.get(path).object(); listed["undelivered"] != want || alone["undelivered"] != want {
			t.Errorf("undelivered: %v in the list, %v alone, want %v", listed["undelivered"], alone["undelivered"], want)
		}
		if got := d.get("/v1/tickets?undelivered=true").items(); len(got) != int(min(want, 1)) {
			t.Errorf("filtered: %v", got)
		}
		if got := d.get("/v1/tickets/counts?undelivered=true").object()["waiting"]; got != min(want, 1) {
			t.Errorf("counted: %v", got)
		}
		if want > 0 {
			if got := d.patch(path, "*", map[string]any{"priority": "low"}).want(200).object()["undelivered"]; got != want {
				t.Errorf("after a change: %v", got)
			}
		}
	}
}

// TestLongThreadsSayWhereTheRestIs reads a ticket of 5,000 messages and then all that it left out.
func TestLongThreadsSayWhereTheRestIs(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.openTicket(nil)
	path := a.header.Get("Location")
	if a := d.get(path); a.object()["messages_cursor"] != nil {
		t.Errorf("a short thread goes on: %s", a.body)
	}
	d.ownerExec("set session_replication_role = replica; insert into messages (id, ticket_id, visibility, origin, body) select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, id, 'everyone', 'client', repeat('x', 2000) || n from tickets, generate_series(1, 4999) n")
	began := time.Now()
	long := d.get(path).want(200).object()
	t.Logf("read in %v", time.Since(began))
	messages := long["messages"].([]any)
	if len(messages) != 200 || messages[199].(map[string]any)["body"] != "It jams since Monday." {
		t.Fatalf("%d messages", len(messages))
	}
	seen := map[string]bool{}
	for _, m := range messages {
		seen[m.(map[string]any)["id"].(string)] = true
	}
	rest := d.all(path + "/messages?limit=200&cursor=" + long["messages_cursor"].(string))
	for _, id := range ids(rest) {
		if seen[id] {
			t.Fatalf("message %s twice", id)
		}
		seen[id] = true
	}
	if len(seen) != 5000 || !strings.HasSuffix(rest[0]["body"].(string), "x4800") {
		t.Errorf("%d of 5000 messages; the rest begins with %.20q", len(seen), rest[0]["body"])
	}
	if whole := d.all(path + "/messages?limit=200"); len(whole) != 5000 || whole[0]["body"] != "It jams since Monday." {
		t.Errorf("%d messages from the end", len(whole))
	}
	other := d.openTicket(nil).header.Get("Location")
	d.get(other+"/messages?cursor="+long["messages_cursor"].(string)).refused(422, "invalid_cursor")
	d.get("/v1/tickets/"+anyID()+"/messages").refused(404, "ticket_not_found")
}
