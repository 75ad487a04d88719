package tickets

import "github.com/postern-desk/postern/internal/db"

const sqlForgetAwaited = `
delete from awaited_parents where (rfc_message_id, ticket_id) in (
    select rfc_message_id, ticket_id from awaited_parents
    where created_at < now() - make_interval(days => $1) order by created_at limit $2)`

// ForgetAwaited gives up waiting for parents that replies named that many days ago: one that comes after all
// opens a ticket of its own. It returns how many went, at most most.
func ForgetAwaited(tx *db.Tx, days, most int) (int64, error) {
	tag, err := tx.Exec(sqlForgetAwaited, days, most)
	return tag.RowsAffected(), err
}
