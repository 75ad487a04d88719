// Package hours is when a desk answers: hours of the week in a time zone, less holidays.
package hours

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hours is when a desk answers. It does not change; nil is always open.
type Hours struct {
	week     [7][]span // by time.Weekday, in order
	holidays map[string]bool
	zone     *time.Location
}

// span is a part of a day, in minutes of what the clock on the wall shows; the end is outside.
type span struct{ from, to int }

const wholeDay = 24 * 60

// most bounds what people may give.
const most = 100

var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Parse reads hours such as "mon-fri 09:00-17:00, sat 10:00-12:00" and holidays, which are days such as 2026-12-25, or
// 12-25 where they are so every year. A day may have several entries; 24:00 is the day's end. Empty hours are none: nil.
func Parse(week string, holidays []string, zone *time.Location) (*Hours, error) {
	if strings.TrimSpace(week) == "" {
		if len(holidays) > 0 {
			return nil, fmt.Errorf("holidays need hours that they are exceptions of")
		}
		return nil, nil
	}
	h := &Hours{holidays: map[string]bool{}, zone: zone}
	entries := strings.Split(week, ",")
	if len(entries) > most || len(holidays) > most {
		return nil, fmt.Errorf("at most %d entries and %d holidays", most, most)
	}
	for _, entry := range entries {
		if err := h.add(strings.ToLower(strings.TrimSpace(entry))); err != nil {
			return nil, err
		}
	}
	for day, spans := range h.week {
		slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
		for i := range spans[min(1, len(spans)):] {
			if spans[i+1].from < spans[i].to {
				return nil, fmt.Errorf("two entries for %s overlap", days[day])
			}
		}
	}
	for _, day := range holidays {
		if err := h.close(strings.TrimSpace(day)); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *Hours) add(entry string) error {
	wrong := fmt.Errorf("%.60q is not like mon-fri 09:00-17:00", entry)
	which, times, found := strings.Cut(entry, " ")
	from, to, dashed := strings.Cut(strings.TrimSpace(times), "-")
	first, last, several := strings.Cut(which, "-")
	if !several {
		last = first
	}
	a, z := slices.Index(days, first), slices.Index(days, last)
	s, ok := readSpan(from, to)
	if !found || !dashed || a < 0 || z < 0 || !ok {
		return wrong
	}
	for day := a; ; day = (day + 1) % 7 {
		h.week[day] = append(h.week[day], s)
		if day == z {
			return nil
		}
	}
}

func readSpan(from, to string) (s span, ok bool) {
	a, ok1 := readClock(from)
	z, ok2 := readClock(to)
	return span{a, z}, ok1 && ok2 && a < z
}

func readClock(text string) (minutes int, ok bool) {
	hour, minute, _ := strings.Cut(text, ":")
	h, err1 := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	minutes = int(h)*60 + int(m)
	return minutes, err1 == nil && err2 == nil && len(minute) == 2 && len(hour) <= 2 && m < 60 && minutes <= wholeDay
}

func (h *Hours) close(day string) error {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		// 2024 was a leap year: 02-29 is a day.
		if _, err := time.Parse(time.DateOnly, "2024-"+day); err != nil {
			return fmt.Errorf("%.60q is no day like 2026-12-25, or 12-25 for every year", day)
		}
	}
	h.holidays[day] = true
	return nil
}

// spansOn is when the day of t is open.
func (h *Hours) spansOn(t time.Time) []span {
	if day := t.Format(time.DateOnly); h.holidays[day] || h.holidays[day[5:]] {
		return nil
	}
	return h.week[t.Weekday()]
}

// Open reports whether the desk answers at that moment.
func (h *Hours) Open(at time.Time) bool {
	if h == nil {
		return true
	}
	t := at.In(h.zone)
	minute := t.Hour()*60 + t.Minute()
	return slices.ContainsFunc(h.spansOn(t), func(s span) bool { return s.from <= minute && minute < s.to })
}

// NextOpening is the first moment from then on at which the desk answers: at itself where it does so then. ok is false
// where there is none within two years.
func (h *Hours) NextOpening(at time.Time) (opening time.Time, ok bool) {
	if h.Open(at) {
		return at, true
	}
	t := at.In(h.zone)
	for n := range 2 * 366 {
		day := time.Date(t.Year(), t.Month(), t.Day()+n, 12, 0, 0, 0, h.zone) // noon is never skipped
		for _, from := range h.begins(day) {
			if from.After(at) {
				return from, true
			}
		}
	}
	return time.Time{}, false
}

// begins are the moments of that day, in order, at which the desk may open: where an entry begins, twice where clocks are
// put back over its beginning; and where clocks are changed, for what is left of an entry that they skip or repeat.
func (h *Hours) begins(day time.Time) []time.Time {
	var at []time.Time
	offsets := h.offsets(day)
	for _, s := range h.spansOn(day) {
		for _, offset := range offsets {
			t := time.Date(day.Year(), day.Month(), day.Day(), 0, s.from, 0, 0, time.FixedZone("", offset)).In(h.zone)
			if _, now := t.Zone(); now == offset {
				at = append(at, t)
			}
		}
	}
	if change, ok := h.change(day); ok && h.Open(change) {
		at = append(at, change)
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// offsets are those of a day, in seconds east of UTC: two where clocks are changed.
func (h *Hours) offsets(day time.Time) []int {
	_, before := day.Add(-14 * time.Hour).Zone()
	_, after := day.Add(14 * time.Hour).Zone()
	if before == after {
		return []int{before}
	}
	return []int{before, after}
}

// change is when clocks are changed on that day, if they are.
func (h *Hours) change(day time.Time) (time.Time, bool) {
	start, end := day.ZoneBounds()
	for _, t := range []time.Time{start, end} {
		if t = t.In(h.zone); t.Format(time.DateOnly) == day.Format(time.DateOnly) {
			return t, true
		}
	}
	return time.Time{}, false
}
