package smtp

import (
	"context"
	"strconv"
	"strings"

	"github.com/postern-desk/postern/mail/letter"
)

// Offer is what a server told of itself when it was tried.
type Offer struct {
	MaxBytes int64 // the largest email that it takes (SIZE, RFC 1870); 0: it does not tell, or has no limit
}

// Try logs in, opens a transaction as far as the recipients, and takes it back: nobody gets an email. Without
// recipients it tries the sender alone. An error is a *Failure, whose stage tells what was refused.
func (p *Pool) Try(ctx context.Context, a Account, e Envelope) (Offer, error) {
	s, f := open(ctx, a, p.timeouts)
	if f != nil {
		return Offer{}, f
	}
	defer s.end()
	stop := s.wire.watch(ctx)
	defer stop()
	offer := Offer{MaxBytes: s.sizeLimit()}
	if f := s.name(StageMail, "MAIL FROM", e.From); f != nil {
		return offer, f
	}
	for _, to := range e.To {
		if f := s.name(StageRcpt, "RCPT TO", to); f != nil {
			return offer, f
		}
	}
	if f := s.command(StageMail, 2, "RSET"); f != nil {
		return offer, f
	}
	return offer, nil
}

// name says one address of an envelope.
func (s *session) name(stage Stage, command, address string) *Failure {
	spelled, err := letter.WireAddress(address)
	if err != nil {
		return failed(stage, err)
	}
	return s.command(stage, 2, "%s:<%s>", command, spelled)
}

func (s *session) sizeLimit() int64 {
	_, words := s.Extension("SIZE")
	n, err := strconv.ParseInt(strings.TrimSpace(words), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
