//go:build race

package message

// slowness is what the race detector costs.
const slowness = 20
