package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/wording"
)

// supportForm is the public form: no account, no session, no script.
type supportForm struct {
	db      *db.DB
	tickets *tickets.Service
	blobs   *blob.Store
	rate    config.Rate
	acks    config.Rate
	house   house
	letters wording.Desk
	box     formBox
	log     *slog.Logger
	trapped atomic.Int64 // posts of programs that filled in the hidden field
}

func newSupportForm(d Deps) *supportForm {
	return &supportForm{db: d.DB, tickets: d.Tickets, blobs: d.Blobs, rate: d.FormLimit, acks: d.AckLimit, house: d.house(), letters: d.Letters, log: d.Log}
}

// byForm is who acts: whoever filled in the form has proved nothing.
var byForm = event.Actor{Kind: "form", ID: "support", Name: "Support form", Realm: event.Staff}

// supportPage is the form with what was typed and what is wrong with it.
type supportPage struct {
	frame
	supportRequest
	Away    string // when somebody answers next; empty: now
	Problem string
	Wrong   map[string]string // by field
}

func (f *supportForm) show(w http.ResponseWriter, r *http.Request) {
	writePage(w, r, http.StatusOK, "support.html", f.page(w, r, supportRequest{}))
}

func (f *supportForm) page(w http.ResponseWriter, r *http.Request, typed supportRequest) supportPage {
	page := supportPage{frame: f.frame(w, r, "page.ask"), supportRequest: typed}
	page.Away = f.away(r, page.Language)
	return page
}

func (f *supportForm) submit(w http.ResponseWriter, r *http.Request) {
	typed, err := readSupportRequest(w, r)
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll() // temporary files
	}
	if err != nil {
		f.unreadable(w, r, err)
		return
	}
	if typed.trap != "" {
		f.log.InfoContext(r.Context(), "support form: the hidden field was filled in; nothing was opened", "count", f.trapped.Add(1))
		f.sent(w, r, 0)
		return
	}
	from, wrong := typed.check(f.house.frame(r, "page.ask"))
	if len(wrong) > 0 {
		f.again(w, r, typed, wrong)
		return
	}
	wait, err := limit.Allow(r.Context(), f.db, formKey(from.Norm, r), f.rate.Count, f.rate.Per)
	if err == nil && wait == 0 {
		// An office behind one address has several people; somebody who types one address after another has not.
		wait, err = limit.Allow(r.Context(), f.db, networkKey(r), networkShare*f.rate.Count, f.rate.Per)
	}
	if err == nil && wait > 0 {
		f.tooOften(w, r, typed, wait)
		return
	}
	if err != nil {
		f.failed(w, r, typed, err)
		return
	}
	t, err := f.open(r, typed, from)
	if err != nil {
		f.failed(w, r, typed, err)
		return
	}
	f.sent(w, r, t.Number)
}

// networkShare is how many times the limit of one address a whole network may use.
const networkShare = 4

func (f *supportForm) open(r *http.Request, typed supportRequest, from tickets.Person) (tickets.Ticket, error) {
	files := &fileSet{bytes: map[blob.Sum]*blob.Spool{}, left: maxFormFileBytes}
	defer files.close()
	for _, header := range typed.files {
		content, err := header.Open()
		if err != nil {
			return tickets.Ticket{}, err
		}
		err = files.add(header.Filename, header.Header.Get("Content-Type"), content)
		if err = errors.Join(err, content.Close()); err != nil {
			return tickets.Ticket{}, err
		}
	}
	if err := files.store(r.Context(), f.blobs); err != nil {
		return tickets.Ticket{}, err
	}
	// Anybody may type anybody's address: the form must not become a way to flood it.
	wait, err := limit.Allow(r.Context(), f.db, limit.Acknowledgements(from.Norm), f.acks.Count, f.acks.Per)
	if err != nil {
		return tickets.Ticket{}, err
	}
	return f.tickets.Create(r.Context(), byForm, tickets.NewTicket{Channel: tickets.ByForm, From: from, Subject: typed.Subject,
		Body: typed.Message, Files: files.files, Acknowledge: wait == 0,
		Language: visitorsLanguage(r)})
}

func (f *supportForm) thanks(w http.ResponseWriter, r *http.Request) {
	page := struct {
		frame
		Number int64
	}{frame: f.frame(w, r, "form.thank_you")}
	if n, err := strconv.ParseInt(r.URL.Query().Get("number"), 10, 64); err == nil && n > 0 {
		page.Number = n
	}
	writePage(w, r, http.StatusOK, "thanks.html", page)
}

// sent answers a post that was taken; number 0 is one that only seems so.
func (f *supportForm) sent(w http.ResponseWriter, r *http.Request, number int64) {
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"number":` + strconv.FormatInt(number, 10) + "}\n"))
		return
	}
	asked := url.Values{}
	if number > 0 {
		asked.Set("number", strconv.FormatInt(number, 10))
	}
	if lang := f.house.frame(r, "page.ask").Lang; lang != "" {
		asked.Set("lang", lang)
	}
	http.Redirect(w, r, strings.TrimSuffix("/support/thanks?"+asked.Encode(), "?"), http.StatusSeeOther)
}

// again shows the form as it was filled in, with what is wrong.
func (f *supportForm) again(w http.ResponseWriter, r *http.Request, typed supportRequest, wrong map[string]string) {
	if wantsJSON(r) {
		p := newProblem(http.StatusUnprocessableEntity, codeValidation, "Something is missing or wrong.")
		for _, field := range formFields {
			if text, ok := wrong[field]; ok {
				p.Errors = append(p.Errors, FieldError{Field: field, Message: text})
			}
		}
		writeProblem(w, p)
		return
	}
	page := f.page(w, r, typed)
	page.Problem, page.Wrong = page.T("form.wrong"), wrong
	writePage(w, r, http.StatusUnprocessableEntity, "support.html", page)
}

// failed keeps what was typed: nobody writes it twice because of us.
func (f *supportForm) failed(w http.ResponseWriter, r *http.Request, typed supportRequest, err error) {
	p := problemOf(refusedFile(err, "attachments"))
	noteFailure(r.Context(), p.cause)
	if wantsJSON(r) {
		writeProblem(w, p)
		return
	}
	page := f.page(w, r, typed)
	page.Problem = page.T("form.failed")
	switch {
	case p.Code == "own_address":
		page.Problem, page.Wrong = page.T("form.wrong"), map[string]string{"email": page.T("form.own_address")}
	case p.Status < 500:
		page.Problem = p.Detail
	}
	writePage(w, r, p.Status, "support.html", page)
}

// seconds is a time to wait as headers have it.
func seconds(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

// tooOften keeps what was typed, and names the way that has no such limit.
func (f *supportForm) tooOften(w http.ResponseWriter, r *http.Request, typed supportRequest, wait time.Duration) {
	if wantsJSON(r) {
		writeProblem(w, newProblem(http.StatusTooManyRequests, codeTooManyRequests, "Too many requests from this address.").with("Retry-After", seconds(wait)))
		return
	}
	w.Header().Set("Retry-After", seconds(wait))
	minutes := strconv.Itoa(int((wait + time.Minute - 1) / time.Minute))
	page := f.page(w, r, typed)
	page.Problem = page.T("form.often_text", "minutes", minutes)
	if address := f.mailbox(r.Context()).Address; address != "" {
		page.Problem += " " + page.T("form.often_address", "address", address)
	}
	writePage(w, r, http.StatusTooManyRequests, "support.html", page)
}

// unreadable answers a post that did not come whole or is too large.
func (f *supportForm) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	status, code := http.StatusBadRequest, codeValidation
	what := "form.not_whole"
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, errFilesTooLarge) {
		status, code, what = http.StatusRequestEntityTooLarge, codeAttachmentsTooLarge, "form.too_large"
	}
	page := f.frame(w, r, what)
	text := page.T(what + "_text")
	if wantsJSON(r) {
		writeProblem(w, newProblem(status, code, text))
		return
	}
	writePage(w, r, status, "message.html", messagePage{frame: page, Text: text,
		Link: page.To("/support"), LinkText: page.T("form.back")})
}

func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}
