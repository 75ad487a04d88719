package words

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// Time is a moment as people write it, in the zone, which it names; a nil zone is UTC.
func (l Language) Time(t time.Time, zone *time.Location) string {
	t = inZone(t, zone)
	return l.T("date.time", "date", l.date(t), "clock", t.Format("15:04"), "zone", zoneName(t))
}

// Day is the weekday and the date of a moment in the zone.
func (l Language) Day(t time.Time, zone *time.Location) string {
	t = inZone(t, zone)
	return l.T("date.day", "weekday", l.T("date.weekday_"+strconv.Itoa(int(t.Weekday()))), "date", l.date(t))
}

// Clock is the time of day in the zone, which it names.
func (l Language) Clock(t time.Time, zone *time.Location) string {
	t = inZone(t, zone)
	return l.T("date.clock", "clock", t.Format("15:04"), "zone", zoneName(t))
}

func (l Language) date(t time.Time) string {
	return l.T("date.date", "day", strconv.Itoa(t.Day()), "month", l.T("date.month_"+strconv.Itoa(int(t.Month()))), "year", strconv.Itoa(t.Year()))
}

func inZone(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		return t.UTC()
	}
	return t.In(zone)
}

// zoneName is the usual abbreviation, or the offset where the zone has none.
func zoneName(t time.Time) string {
	name, _ := t.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}

// zones are those that were read before; there are a few hundred.
var zones sync.Map

// Zone is the first of the IANA names that there is; UTC where none is.
func Zone(names ...string) *time.Location {
	for _, name := range names {
		if name == "" {
			continue
		}
		if zone, ok := zones.Load(name); ok {
			return zone.(*time.Location)
		}
		if zone, err := time.LoadLocation(name); err == nil {
			zones.Store(name, zone)
			return zone
		}
	}
	return time.UTC
}
