package hours

import (
	"strings"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func parse(t *testing.T, week, name string, holidays ...string) *Hours {
	t.Helper()
	h, err := Parse(week, holidays, zone(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestNextOpening(t *testing.T) {
	t.Parallel()
	h := parse(t, "Mon-Fri 09:00-12:00, mon-fri 13:00-17:00,sat 10:00-12:00", "Europe/Paris", "12-25", "2026-04-06")
	for at, want := range map[string]string{
		"2026-03-03T09:00:00+01:00": "2026-03-03T09:00:00+01:00", // Tuesday, open
		"2026-03-03T08:59:59+01:00": "2026-03-03T09:00:00+01:00",
		"2026-03-03T12:00:00+01:00": "2026-03-03T13:00:00+01:00", // lunch
		"2026-03-06T17:00:00+01:00": "2026-03-07T10:00:00+01:00", // Friday
		"2026-03-07T12:00:00+01:00": "2026-03-09T09:00:00+01:00", // Saturday
		"2026-03-28T12:00:00+01:00": "2026-03-30T09:00:00+02:00", // clocks are put forward on the Sunday
		"2026-10-24T20:00:00+02:00": "2026-10-26T09:00:00+01:00", // and back
		"2026-04-05T12:00:00+02:00": "2026-04-07T09:00:00+02:00", // Easter Monday
		"2026-12-24T23:00:00+01:00": "2026-12-26T10:00:00+01:00", // Christmas
		"2030-12-24T23:00:00+01:00": "2030-12-26T09:00:00+01:00",
		"2026-03-03T23:30:00-05:00": "2026-03-04T09:00:00+01:00", // somebody else's Tuesday
	} {
		from, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := h.NextOpening(from)
		if !ok || got.In(h.zone).Format(time.RFC3339) != want && !got.Equal(from) || h.Open(from) != got.Equal(from) {
			t.Errorf("from %s: %s %v, want %s", at, got, ok, want)
		}
	}
}

// Tried: hours that begin, end and lie in what clocks skip or repeat, minute by minute, in zones that change at night, by
// half an hour, at midnight, and by a whole day.
func TestNextOpeningIsTheFirstOpenMinute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, from string }{
		{"Europe/Paris", "2026-03-28"}, {"Europe/Paris", "2026-10-24"}, {"America/New_York", "2026-03-07"}, {"America/New_York", "2026-10-31"},
		{"Australia/Lord_Howe", "2026-04-04"}, {"Australia/Lord_Howe", "2026-10-03"}, {"America/Sao_Paulo", "2018-11-03"},
		{"America/Sao_Paulo", "2018-02-17"}, {"Africa/Cairo", "2026-04-23"}, {"Pacific/Apia", "2011-12-29"}, {"UTC", "2026-03-28"},
	} {
		for _, week := range []string{"sun-sat 02:30-02:45", "sun-sat 02:15-05:00", "sun-sat 00:00-00:20, sun-sat 01:50-02:10", "sun-sat 01:30-03:30",
			"fri-mon 00:30-24:00", "sun-sat 23:00-24:00", "sat 09:00-17:00, sun 03:00-04:00"} {
			h := parse(t, week, c.zone)
			start, err := time.ParseInLocation(time.DateOnly, c.from, h.zone)
			if err != nil {
				t.Fatal(err)
			}
			want, known := time.Time{}, false
			for n := 3 * wholeDay; n >= 0; n-- { // backwards: the next open minute is known at each
				at := start.Add(time.Duration(n) * time.Minute)
				if h.Open(at) {
					want, known = at, true
				}
				got, ok := h.NextOpening(at)
				if known && (!ok || !got.Equal(want)) {
					t.Fatalf("%s in %s: after %s it opens %s, want %s", week, c.zone, at, got, want)
				}
			}
		}
	}
}

func TestHoursAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	for week, want := range map[string]string{
		"daily 09:00-17:00": "is not like mon-fri 09:00-17:00", "mon 9-17": "is not like", "mon 09:00": "is not like", "mon": "is not like",
		"mon 17:00-09:00": "is not like", "mon 09:00-24:01": "is not like", "mon 09:60-10:00": "is not like", "mon 09:00-09:00": "is not like",
		"mon 09:00-17:00,": "is not like", "mon 09:00-12:00, mon-tue 11:00-13:00": "two entries for mon overlap", "mon -1:00-02:00": "is not like",
		strings.Repeat("mon 09:00-17:00,", 200): "at most 100",
	} {
		if _, err := Parse(week, nil, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", week, err, want)
		}
	}
	for _, day := range []string{"25.12.", "2026-02-29", "02-30", "", "2026-12-25T00:00"} {
		if _, err := Parse("mon 09:00-17:00", []string{day}, time.UTC); err == nil || !strings.Contains(err.Error(), "is no day") {
			t.Errorf("%q: %v", day, err)
		}
	}
	if _, err := Parse("", []string{"12-25"}, time.UTC); err == nil {
		t.Error("holidays of no hours are taken")
	}
}

func TestNoHoursAreAlwaysOpen(t *testing.T) {
	t.Parallel()
	h, err := Parse(" ", nil, time.UTC)
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	if next, ok := h.NextOpening(now); err != nil || h != nil || !h.Open(now) || !ok || !next.Equal(now) {
		t.Errorf("%v %v %v", h, next, err)
	}
	never := parse(t, "mon 09:00-10:00", "UTC", "02-29")
	if !never.Open(time.Date(2026, 3, 2, 9, 59, 59, 0, time.UTC)) || never.Open(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)) {
		t.Error("the end of an entry is inside")
	}
	closed := parse(t, "mon 02:30-02:45", "UTC")
	for day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2029; day = day.AddDate(0, 0, 1) {
		closed.holidays[day.Format(time.DateOnly)] = true
	}
	if next, ok := closed.NextOpening(now); ok {
		t.Errorf("a desk that is closed for years opens %s", next)
	}
}

// FuzzParse reads what an administrator may type.
func FuzzParse(f *testing.F) {
	f.Add("mon-fri 09:00-17:00, sat 10:00-12:00", "12-25", int64(1772000000))
	f.Add("sat-mon 00:00-24:00", "2026-02-28", int64(1774746000))
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, week, holiday string, at int64) {
		h, err := Parse(week, strings.Fields(holiday), paris)
		if err != nil {
			return
		}
		from := time.Unix(at%(1<<33), 0)
		if next, ok := h.NextOpening(from); ok && (next.Before(from) || !h.Open(next)) {
			t.Errorf("%q: after %s it opens %s", week, from, next)
		}
	})
}
