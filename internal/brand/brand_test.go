package brand

import (
	"math"
	"strings"
	"testing"
)

func TestLogoAndColour(t *testing.T) {
	t.Parallel()
	for logo, ok := range map[string]bool{"": true, "https://desk.example/l.png?a=1": true, "http://desk.example/l.png": false, "//desk.example/l.png": false,
		"https://": false, "https://user@desk.example/": false, "data:image/png;base64,AA": false, "https://d.example/" + strings.Repeat("x", 500): false} {
		if err := CheckLogo(logo); (err == nil) != ok {
			t.Errorf("%.60q: %v", logo, err)
		}
	}
	for colour, want := range map[string]string{"": "", "#0b6e4f": "", "#0B6E4F": "", "#ffcc00": "contrast of 1.5 to white", "#777777": "contrast of 4.5 to white; text needs 4.5",
		"#767676": "", "green": "must be a colour", "#0b6e4f;x": "must be a colour", "#0b6e4": "must be a colour", "#+1+1+1": "must be a colour"} {
		err := CheckAccent(colour)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", colour, err, want)
		}
	}
	if black, ok := contrastWithWhite("#000000"); !ok || math.Abs(black-21) > 0.01 {
		t.Errorf("black has a contrast of %f", black)
	}
}
