package contacts

import (
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/words"
)

// Languages are the tags that a letter to the contact goes by, the first first: the contact's own, then its
// client's. Empty ones are none.
func (c Contact) Languages() []string { return []string{c.Language, c.ClientLanguage} }

const sqlSetLanguage = `update contacts set language = nullif($2, '') where id = $1`

// keepLanguage writes the contact's own language, where it is to change.
func (f Fields) keepLanguage(tx *db.Tx, c Contact) error {
	if f.Language == nil {
		return nil
	}
	_, err := tx.Exec(sqlSetLanguage, c.ID, c.Language)
	return err
}

// applyLanguage sets the tag; empty is none.
func applyLanguage(to *string, tag *string) error {
	if tag == nil {
		return nil
	}
	if _, ok := words.Speaks(*tag); *tag != "" && (!ok || !words.Valid(*tag)) {
		return fault.New(fault.Invalid, "invalid_language", "the desk does not speak %.35q; it speaks %s, and their kinds such as de-CH", *tag, words.Known()).In("language")
	}
	*to = *tag
	return nil
}

// applyZone sets the time zone; empty is none.
func applyZone(to *string, name *string) error {
	if name == nil {
		return nil
	}
	// Local is the zone of the machine, and no machine's business.
	if _, err := time.LoadLocation(*name); err != nil || *name == "Local" {
		return fault.New(fault.Invalid, "invalid_time_zone", "the time zone must be an IANA name such as Europe/Paris").In("time_zone")
	}
	*to = *name
	return nil
}
