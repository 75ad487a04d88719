package worker

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
)

// Compare is the nightly job's work, now.
func Compare(ctx context.Context, d Deps, s Settings, id uuid.UUID) ([]inbox.Report, error) {
	return newPostRoom(d, s).compare(ctx, id)
}

// OfEmail lets tests give the errors of a real server to the question whose fault they are.
var OfEmail = ofEmail
