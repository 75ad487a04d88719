package inbox

import (
	"io"

	"github.com/postern-desk/postern/mail/message"
)

// ReadWith lets a test put a fault into the reading of emails: parsing has no known way to panic.
func (s *Service) ReadWith(read func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error)) {
	s.parser = read
}
