package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// result is one line of the table.
type result struct{ what, value, remark string }

// samples are repeated measures of one thing.
type samples []float64

// percentile is the nearest-rank percentile, p from 0 to 100; 0 without samples.
func (s samples) percentile(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func (s samples) median() float64 { return s.percentile(50) }

// of is the median with its unit, and the range where there are several.
func (s samples) of(unit string, digits int) string {
	if len(s) < 2 {
		return fmt.Sprintf("%.*f %s", digits, s.median(), unit)
	}
	return fmt.Sprintf("%.*f %s (%.*f-%.*f)", digits, s.median(), unit, digits, s.percentile(0), digits, s.percentile(100))
}

// printTable is for a terminal.
func printTable(w io.Writer, results []result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.what, r.value, r.remark)
	}
	return t.Flush()
}
