package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Tried: emails that wait to be accepted, then to be routed, then a look that failed.
func TestStandingStillIsNoticed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var p pace
	for i, c := range []struct {
		accepted, routed, got int
		blind                 bool
		want                  time.Duration
	}{
		{accepted: 5, routed: 5, got: 5},
		{accepted: 5, routed: 5, got: 9},
		{accepted: 5, routed: 5, got: 9, want: 10 * time.Second},
		{accepted: 6, routed: 5, got: 9},
		{accepted: 7, routed: 5, got: 9, want: 10 * time.Second}, // routing stands
		{accepted: 9, routed: 5, got: 9, want: 20 * time.Second},
		{blind: true},
		{accepted: 9, routed: 9, got: 9},
	} {
		got := p.step(now.Add(time.Duration(i)*10*time.Second), [2]int{c.got, c.accepted}, [2]int{c.accepted, c.routed}, !c.blind)
		// The first look after a change begins to count.
		if c.want == 0 && got > 10*time.Second || c.want > 0 && got < c.want {
			t.Errorf("look %d: still for %s, want %s", i, got, c.want)
		}
	}
	var out bytes.Buffer
	p.report(&out)
	if !strings.Contains(out.String(), "accepted 20.0 s, routed") && !strings.Contains(out.String(), "accepted 10.0 s, routed") {
		t.Errorf("it says %s", out.String())
	}
}
