package contacts

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

const sqlContactsByID = `select ` + contactColumns + ` from contacts where id = any($1)`

// Many reads contacts by id in one query, for lists that name them. One that there is not, or that `by`
// may not see, is missing from the result.
func (s *Service) Many(ctx context.Context, by event.Actor, ids []uuid.UUID) (map[uuid.UUID]Contact, error) {
	found := make(map[uuid.UUID]Contact, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := s.db.View(ctx, by, func(v *db.View) error {
		all, err := db.All[Contact](v, sqlContactsByID, ids)
		for _, c := range all {
			found[c.ID] = c
		}
		return err
	})
	return found, err
}
