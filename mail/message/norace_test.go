//go:build !race

package message

const slowness = 1
