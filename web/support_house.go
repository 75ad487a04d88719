package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/words"
)

// What is known of the mailbox is believed for so long, and asked for no longer than that: the form is shown whether
// or not the database answers.
const (
	boxKnown    = 5 * time.Second
	boxPatience = time.Second
)

// formBox is the mailbox which requests by the form belong to.
type formBox struct {
	mu     sync.Mutex
	found  mailboxes.Mailbox // the zero one where the desk has none
	readAt time.Time
}

// mailbox is what was found last where it cannot be asked for now.
func (f *supportForm) mailbox(ctx context.Context) mailboxes.Mailbox {
	f.box.mu.Lock()
	defer f.box.mu.Unlock()
	if time.Since(f.box.readAt) < boxKnown {
		return f.box.found
	}
	// A visitor who leaves takes nothing from the next one.
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), boxPatience)
	defer cancel()
	err := f.db.View(soon, byForm, func(v *db.View) error {
		boxes, err := mailboxes.All(v)
		if err == nil {
			f.box.found = mailboxes.Mailbox{}
		}
		if len(boxes) > 0 {
			f.box.found = boxes[0]
		}
		return err
	})
	noteFailure(ctx, err)
	f.box.readAt = time.Now()
	return f.box.found
}

// frame is that of the form's pages: they show themselves as the mailbox's letters do.
func (f *supportForm) frame(w http.ResponseWriter, r *http.Request, title string) frame {
	m, h := f.mailbox(r.Context()), f.house
	h.name = cmp.Or(m.FromName, h.name)
	if m.Logo != "" {
		h.logo = m.Logo
		allowPicture(w.Header(), m.Logo)
	}
	page := h.frame(r, title)
	page.Accent = m.Accent
	return page
}

// allowPicture adds the picture's host to those that the page may load pictures from.
func allowPicture(h http.Header, picture string) {
	const policy = "Content-Security-Policy"
	if u, err := url.Parse(picture); err == nil && u.Scheme == "https" {
		h.Set(policy, strings.Replace(h.Get(policy), "img-src 'self'", "img-src 'self' https://"+u.Host, 1))
	}
}

// away says when the mailbox is answered next, in the desk's time zone or its own: the visitor's is not known. Empty:
// now, or nothing is said of it.
func (f *supportForm) away(r *http.Request, l words.Language) string {
	m := f.mailbox(r.Context())
	back := f.letters.Back(&m, time.Now())
	if back.IsZero() {
		return ""
	}
	zone := words.Zone(f.letters.TimeZone)
	if m.Hours != nil {
		zone = words.Zone(m.Hours.TimeZone, f.letters.TimeZone)
	}
	return l.T("form.away", "day", l.Day(back, zone), "clock", l.Clock(back, zone))
}
