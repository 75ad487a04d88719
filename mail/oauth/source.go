package oauth

import (
	"context"
	"errors"
	"time"
)

// Ahead is how long before its end an access token is replaced.
const Ahead = 5 * time.Minute

// Grant is where the refresh token of a mailbox is kept. Another process may have changed it.
type Grant struct {
	Load func(ctx context.Context) (refresh string, err error)
	Save func(ctx context.Context, refresh string) error
}

// Source hands out access tokens of one mailbox. However many ask at once, one of them refreshes.
type Source struct {
	client  Client
	grant   Grant
	turn    chan struct{} // holds one: who takes it may look and refresh
	token   Token
	replace time.Time // when the token is replaced
	refused error     // why the last try got none
	again   time.Time // no try before that
	unsaved string    // a rotated refresh token that is not stored yet
}

// NewSource makes the source of one mailbox.
func NewSource(c Client, g Grant) *Source {
	s := &Source{client: c, grant: g, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// Access returns an access token that is good for some minutes. Its errors are ErrSignIn, ErrUnavailable, those of
// Grant and those of ctx.
func (s *Source) Access(ctx context.Context) (string, error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if s.unsaved != "" {
		s.save(ctx)
	}
	if time.Now().Before(s.replace) {
		return s.token.Access, nil
	}
	err := s.refused
	if !time.Now().Before(s.again) {
		if err = s.refresh(ctx); ctx.Err() == nil {
			s.refused, s.again = err, time.Now().Add(pauseAfter(err))
		}
	}
	// A provider that is away for a moment costs nothing: this is why tokens are replaced ahead of time.
	if err != nil && (errors.Is(err, ErrSignIn) || time.Now().After(s.token.Expires)) {
		return "", err
	}
	return s.token.Access, nil
}

// Forget makes the next Access get a new token, since a mail server did not take this one.
func (s *Source) Forget(access string) {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.token.Access == access {
		s.token, s.replace = Token{}, time.Time{}
	}
}

// pauseAfter spares the provider: each poll and each letter asks.
func pauseAfter(err error) time.Duration {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrSignIn):
		return time.Minute
	}
	return 5 * time.Second
}

func (s *Source) refresh(ctx context.Context) error {
	kept, err := s.load(ctx)
	if err != nil {
		return err
	}
	got, err := s.client.Fetch(ctx, kept)
	if errors.Is(err, ErrSignIn) && !s.client.Application {
		// Another process may have rotated it between our look and the provider's.
		again, failed := s.load(ctx)
		if failed != nil || again == kept {
			return err
		}
		got, err = s.client.Fetch(ctx, again)
	}
	if err != nil {
		return err
	}
	s.token = got
	s.replace = got.Expires.Add(-min(Ahead, time.Until(got.Expires)/2))
	if got.Refresh != "" && !s.client.Application {
		// The old one may be void from now on: it is stored even if the caller is about to leave.
		s.unsaved = got.Refresh
		s.save(context.WithoutCancel(ctx))
	}
	return nil
}

// load prefers what could not be stored yet.
func (s *Source) load(ctx context.Context) (string, error) {
	if s.client.Application || s.unsaved != "" {
		return s.unsaved, nil
	}
	return s.grant.Load(ctx)
}

// save tries to store a rotated token; what could not be stored is kept and tried again.
func (s *Source) save(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if s.grant.Save(ctx, s.unsaved) == nil {
		s.unsaved = ""
	}
}
