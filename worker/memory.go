package worker

import "runtime/debug"

// Garbage is collected when the heap has grown by so many percent of what lives. Parsing makes much that is
// short-lived and little that stays: Go's default costs a tenth of the processor time.
const (
	goDefault    = 100
	collectAfter = 200
)

// EaseCollector is for processes that read emails. A GOGC in the environment wins.
func EaseCollector() {
	if was := debug.SetGCPercent(collectAfter); was != goDefault {
		debug.SetGCPercent(was)
	}
}
