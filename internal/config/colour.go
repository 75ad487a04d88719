package config

import (
	"math"
	"strconv"
)

// readable is the least contrast of text to its ground (WCAG 2.2, success criterion 1.4.3).
const readable = 4.5

// contrastWithWhite is the contrast of a colour, #rrggbb, to white, from 1 to 21 (WCAG 2.2, "contrast ratio"); ok is
// false where the text is no such colour.
func contrastWithWhite(colour string) (ratio float64, ok bool) {
	if len(colour) != 7 || colour[0] != '#' {
		return 0, false
	}
	luminance := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return 0, false
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		luminance += weight * c
	}
	return 1.05 / (luminance + 0.05), true
}
