package mailboxes

import (
	"time"

	"github.com/postern-desk/postern/internal/brand"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/hours"
)

// Hours is when a mailbox is answered, as hours.Parse reads it.
type Hours struct {
	Week     string   `json:"week"`
	Holidays []string `json:"holidays"`
	TimeZone string   `json:"time_zone"` // IANA name; empty: the desk's
}

// Compile reads the hours. The desk's zone is for those that name none.
func (h Hours) Compile(desk *time.Location) (*hours.Hours, error) {
	if h.TimeZone == "" {
		return hours.Parse(h.Week, h.Holidays, desk)
	}
	zone, err := time.LoadLocation(h.TimeZone)
	if err != nil {
		return nil, err
	}
	return hours.Parse(h.Week, h.Holidays, zone)
}

// checkLook refuses what nobody could see or read.
func (m *Mailbox) checkLook() error {
	if err := brand.CheckLogo(m.Logo); err != nil {
		return fault.New(fault.Invalid, "invalid_logo", "logo_url %s", err).In("logo_url")
	}
	if err := brand.CheckAccent(m.Accent); err != nil {
		return fault.New(fault.Invalid, "invalid_accent_color", "accent_color %s", err).In("accent_color")
	}
	if m.Hours == nil {
		return nil
	}
	// Local is the zone of the machine, and no machine's business.
	if _, err := time.LoadLocation(m.Hours.TimeZone); err != nil || m.Hours.TimeZone == "Local" {
		return fault.New(fault.Invalid, "invalid_time_zone", "the time zone must be an IANA name such as Europe/Paris").In("business_hours.time_zone")
	}
	compiled, err := m.Hours.Compile(time.UTC)
	if err != nil {
		return fault.New(fault.Invalid, "invalid_business_hours", "%s", err).In("business_hours")
	}
	if compiled == nil {
		m.Hours = nil
	}
	return nil
}

func (m *Mailbox) keepLook(tx *db.Tx) { tx.Queue(sqlSetLook, m.ID, m.Logo, m.Accent, m.Hours) }
