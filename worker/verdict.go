package worker

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/postern-desk/postern/internal/fault"
)

type riverJob = rivertype.JobRow

// verdict translates a refusal: what stays wrong is not tried again, what our side could not do is.
func verdict(err error) error {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Unavailable || f.Kind == fault.Limited {
		return err
	}
	return river.JobCancel(err)
}

// quiet lowers the queue's own chatter; its errors stay.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeast{log.Handler(), slog.LevelWarn}) }

type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
