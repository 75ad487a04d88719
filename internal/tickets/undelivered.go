package tickets

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// undelivered finds the letters l of answers that came to nothing: refused for good, or handed over twice
// without a word. Only a ticket's newest answer counts: staff who wrote again know. The index letters_undelivered
// holds the few that there are.
const undelivered = `l.kind = 'answer' and (l.state = 'failed' or l.state = 'unknown' and l.unknowns > 1) and ` + newestAnswer

// newestAnswer: no other answer came after. What another thread had before both were merged is no answer to this one.
const newestAnswer = `not exists (select from letters later where later.ticket_id = l.ticket_id
    and later.id > coalesce(l.newest_until, l.id) and later.kind = 'answer' and later.message_ref is distinct from l.message_ref)`

// allowed refuses a filter that would tell a client's people of letters.
func (f Filter) allowed(by event.Actor) error {
	if f.Undelivered && by.Realm == event.Client {
		return fault.New(fault.Forbidden, "forbidden", "only staff see which letters were delivered").In("undelivered")
	}
	return nil
}

// Undelivered counts, by ticket, the letters of the newest answer that came to nothing. Tickets without any
// are left out. Letters are the staff's business: a client's people are told of none.
func (s *Service) Undelivered(ctx context.Context, by event.Actor, tickets []uuid.UUID) (map[uuid.UUID]int, error) {
	counts := map[uuid.UUID]int{}
	if by.Realm == event.Client || len(tickets) == 0 {
		return counts, nil
	}
	err := s.db.View(ctx, by, func(v *db.View) error {
		rows, err := v.Query(sqlUndelivered, tickets)
		if err != nil {
			return fmt.Errorf("count undelivered letters: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var id uuid.UUID
			var n int
			if err := rows.Scan(&id, &n); err != nil {
				return err
			}
			counts[id] = n
		}
		return rows.Err()
	})
	return counts, err
}
