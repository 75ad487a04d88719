// Package brand checks what a desk shows of its own: a logo and a colour.
package brand

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
)

// CheckLogo refuses what is no https URL of a picture; empty is none.
func CheckLogo(logo string) error {
	u, err := url.Parse(logo)
	if logo == "" || err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(logo) <= 500 {
		return nil
	}
	return errors.New("must be an https URL of a picture, e.g. https://desk.example/logo.png")
}

// CheckAccent refuses what is no colour, #rrggbb, and one that cannot be read on white; empty is none.
func CheckAccent(colour string) error {
	contrast, ok := contrastWithWhite(colour)
	switch {
	case colour == "":
		return nil
	case !ok:
		return errors.New("must be a colour such as #0b6e4f")
	case contrast < readable:
		return fmt.Errorf("has a contrast of %.1f to white; text needs 4.5 to be readable: take a darker one", contrast)
	}
	return nil
}

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
