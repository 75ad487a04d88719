// Package metrics counts what a process does and says how the desk stands, in the text form that Prometheus
// reads. No label holds a word of a person: ids, kinds and states alone.
package metrics

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Buckets are the upper bounds, in seconds, of every histogram.
var Buckets = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

// maxSeries bounds what one family may grow to; what comes after is left out. Closed sets of labels stay far
// below it.
const maxSeries = 2000

// Family is one metric with its series, one for each combination of label values.
type Family struct {
	name, help, kind string
	labels           []string

	mu     sync.Mutex
	series map[string]*series
}

type series struct {
	values  []string
	value   float64
	buckets []uint64 // of a histogram
	count   uint64
}

func newFamily(kind, name, help string, labels []string) *Family {
	return &Family{name: name, help: help, kind: kind, labels: labels, series: map[string]*series{}}
}

// Counter makes a metric that only rises; its name ends in _total.
func Counter(name, help string, labels ...string) *Family {
	return newFamily("counter", name, help, labels)
}

// Gauge makes a metric that goes up and down.
func Gauge(name, help string, labels ...string) *Family {
	return newFamily("gauge", name, help, labels)
}

// Histogram makes a metric of durations; its name ends in _seconds.
func Histogram(name, help string, labels ...string) *Family {
	return newFamily("histogram", name, help, labels)
}

// of finds the series of the label values, in the order of the labels; nil where there are too many already.
// The lock is held.
func (f *Family) of(values []string) *series {
	key := strings.Join(values, "\xff")
	s := f.series[key]
	if s == nil && len(f.series) < maxSeries {
		s = &series{values: slices.Clone(values)}
		if f.kind == "histogram" {
			s.buckets = make([]uint64, len(Buckets))
		}
		f.series[key] = s
	}
	return s
}

// Add raises a counter.
func (f *Family) Add(n float64, values ...string) { f.change(values, func(s *series) { s.value += n }) }

// Set sets a gauge.
func (f *Family) Set(n float64, values ...string) { f.change(values, func(s *series) { s.value = n }) }

// Observe notes a duration in seconds.
func (f *Family) Observe(seconds float64, values ...string) {
	f.change(values, func(s *series) {
		s.value += seconds
		s.count++
		if i, _ := slices.BinarySearch(Buckets, seconds); i < len(Buckets) {
			s.buckets[i]++
		}
	})
}

func (f *Family) change(values []string, fn func(*series)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.of(values); s != nil {
		fn(s)
	}
}

// write is the family in version 0.0.4 of the text form. A family without series writes nothing but its head.
func (f *Family) write(w *bufio.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.WriteString("# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name + " " + f.kind + "\n")
	keys := make([]string, 0, len(f.series))
	for key := range f.series {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		s := f.series[key]
		if f.kind != "histogram" {
			f.line(w, "", s.values, "", s.value)
			continue
		}
		var below uint64
		for i, n := range s.buckets {
			below += n
			f.line(w, "_bucket", s.values, number(Buckets[i]), float64(below))
		}
		f.line(w, "_bucket", s.values, "+Inf", float64(s.count))
		f.line(w, "_sum", s.values, "", s.value)
		f.line(w, "_count", s.values, "", float64(s.count))
	}
}

var escaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (f *Family) line(w *bufio.Writer, suffix string, values []string, le string, value float64) {
	w.WriteString(f.name + suffix)
	separator := "{"
	label := func(name, value string) {
		w.WriteString(separator + name + `="` + escaper.Replace(value) + `"`)
		separator = ","
	}
	for i, name := range f.labels {
		label(name, values[i])
	}
	if le != "" {
		label("le", le)
	}
	if separator == "," {
		w.WriteByte('}')
	}
	w.WriteString(" " + number(value) + "\n")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Write writes families one after the other.
func Write(out io.Writer, families ...*Family) error {
	w := bufio.NewWriter(out)
	for _, f := range families {
		f.write(w)
	}
	return w.Flush()
}
