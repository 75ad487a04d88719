package mailboxes

import (
	"errors"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/vault"
)

// changeSecrets seals what the mailbox is to log in with from now on, and returns which secrets these are, for the
// record; nil: none.
func (s *Service) changeSecrets(tx *db.Tx, m Mailbox, f Fields) (detail any, err error) {
	if err := f.checkSecrets(m); err != nil {
		return nil, err
	}
	var changed []string
	for _, p := range []struct {
		name, sql string
		value     *string
	}{{"imap_password", sqlSetIMAPSecret, f.IMAPPassword}, {"smtp_password", sqlSetSMTPSecret, f.SMTPPassword}} {
		if p.value != nil {
			changed = append(changed, p.name)
			tx.Queue(p.sql, m.ID, s.seal(*p.value))
		}
	}
	if f.LostKey && m.OAuth != nil { // its passwords are empty, and sealed all the same
		tx.Queue(sqlSetIMAPSecret, m.ID, s.seal(""))
		tx.Queue(sqlSetSMTPSecret, m.ID, s.seal(""))
	}
	if f.ClientSecret != nil || f.RefreshToken != nil || f.LostKey && m.OAuth != nil {
		if err := s.changeGrant(tx, m, f); err != nil {
			return nil, err
		}
		if f.ClientSecret != nil {
			changed = append(changed, "oauth_client_secret")
		}
		if f.RefreshToken != nil {
			changed = append(changed, "oauth_refresh_token")
		}
	}
	if changed == nil {
		return nil, nil
	}
	return map[string]any{"secrets": changed}, nil
}

// checkSecrets refuses a secret that the mailbox would never use: whoever sends it believes something else.
func (f Fields) checkSecrets(m Mailbox) error {
	other := func(field string) error {
		return fault.New(fault.Conflict, "other_sign_in", "%s logs in another way: this secret would never be used", m.Address).In(field)
	}
	oauth, person := m.OAuth != nil, m.OAuth != nil && !m.OAuth.Application
	switch {
	case oauth && f.IMAPPassword != nil:
		return other("imap_password")
	case oauth && f.SMTPPassword != nil:
		return other("smtp_password")
	case !oauth && f.ClientSecret != nil:
		return other("oauth_client_secret")
	case !person && f.RefreshToken != nil:
		return other("oauth_refresh_token")
	case f.RefreshToken != nil && *f.RefreshToken == "":
		return fault.New(fault.Invalid, "invalid_oauth", "a refresh token is not empty").In("oauth_refresh_token")
	case f.ClientSecret != nil:
		return m.OAuth.check(f.ClientSecret)
	}
	return nil
}

func (s *Service) changeGrant(tx *db.Tx, m Mailbox, f Fields) error {
	var sealed []byte
	if err := tx.QueryRow(sqlLockGrant, m.ID).Scan(&sealed); err != nil {
		return err
	}
	g, err := s.openGrant(sealed)
	if err != nil && !errors.Is(err, vault.ErrSealed) { // that it cannot be opened is why it is given anew
		return err
	}
	set(&g.ClientSecret, f.ClientSecret)
	set(&g.Refresh, f.RefreshToken)
	tx.Queue(sqlSetGrant, m.ID, s.sealGrant(g))
	return nil
}
