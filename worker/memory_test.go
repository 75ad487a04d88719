package worker

import (
	"runtime/debug"
	"testing"
)

func TestEaseCollectorLeavesWhatTheOperatorSet(t *testing.T) {
	before := debug.SetGCPercent(goDefault)
	defer debug.SetGCPercent(before)
	for was, want := range map[int]int{goDefault: collectAfter, 50: 50, -1: -1} {
		debug.SetGCPercent(was)
		EaseCollector()
		if got := debug.SetGCPercent(goDefault); got != want {
			t.Errorf("GOGC %d became %d, want %d", was, got, want)
		}
	}
}
