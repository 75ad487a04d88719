package web

import (
	"encoding/hex"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/token"
	"github.com/postern-desk/postern/mail/message"
)

// The bounds of the form.
const (
	maxFormFiles     = 5
	maxFormFileBytes = 20 << 20 // of all together
	maxFormBody      = maxFormFileBytes + 1<<20
	maxFormMessage   = 200_000 // bytes
	maxFormLine      = 1000    // bytes
)

// formFields is the fields in the order of the form.
var formFields = []string{"name", "email", "subject", "message", "attachments"}

// supportRequest is what was typed into the form.
type supportRequest struct {
	Name, Email, Subject, Message string

	address string // Email as it came: line ends in it are refused, not cleaned
	files   []*multipart.FileHeader
	trap    string // a field that people do not see
}

// readSupportRequest reads the form, files into temporary ones beyond 1 MiB.
func readSupportRequest(w http.ResponseWriter, r *http.Request) (supportRequest, error) {
	wire := http.NewResponseController(w)
	// Test recorders have no deadlines; there nothing can hang.
	_ = wire.SetReadDeadline(time.Now().Add(bodyPatience(maxFormBody)))
	whole := r.Body
	r.Body = http.MaxBytesReader(w, whole, maxFormBody)
	if err := parseForm(r); err != nil {
		giveUp(w, whole)
		return supportRequest{}, err
	}
	_ = wire.SetReadDeadline(time.Time{})
	out := supportRequest{Name: line(r.PostFormValue("name")), Email: line(r.PostFormValue("email")), address: strings.TrimSpace(r.PostFormValue("email")), Subject: line(r.PostFormValue("subject")),
		Message: strings.TrimSpace(message.CleanText(r.PostFormValue("message"))), trap: r.PostFormValue("fax_number")}
	if r.MultipartForm != nil {
		for _, f := range r.MultipartForm.File["attachments"] {
			// A browser sends a part without a name where no file was chosen.
			if f.Filename != "" || f.Size > 0 {
				out.files = append(out.files, f)
			}
		}
	}
	return out, nil
}

func parseForm(r *http.Request) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		return r.ParseMultipartForm(1 << 20)
	}
	return r.ParseForm()
}

// check finds the requester, and what is wrong by field, in the page's language.
func (s supportRequest) check(page frame) (tickets.Person, map[string]string) {
	wrong := map[string]string{}
	need := func(field, value, missing string, most int) {
		switch {
		case value == "":
			wrong[field] = page.T(missing)
		case len(value) > most:
			wrong[field] = page.T("form.too_long")
		}
	}
	need("name", s.Name, "form.need_name", 200)
	need("subject", s.Subject, "form.need_subject", maxFormLine)
	need("message", s.Message, "form.need_message", maxFormMessage)
	from, err := readPerson(s.address, "email")
	// A name beside the address is for email headers; people have typed theirs above.
	if err != nil || from.Name != "" || len(s.Email) > maxFormLine {
		wrong["email"] = page.T("form.bad_email")
	}
	from.Name = s.Name
	total := int64(0)
	for _, f := range s.files {
		total += f.Size
	}
	switch {
	case len(s.files) > maxFormFiles:
		wrong["attachments"] = page.T("form.many_files")
	case total > maxFormFileBytes:
		wrong["attachments"] = page.T("form.large_files")
	}
	return from, wrong
}

// formKey names the counter of one address at one network; neither stands in it in the clear.
func formKey(norm string, r *http.Request) string {
	return "form:" + hex.EncodeToString(token.Hash("form limit", norm+" "+networkOf(r.RemoteAddr)))
}

// networkKey names the counter of one network, whatever addresses are typed there.
func networkKey(r *http.Request) string {
	return "form:" + hex.EncodeToString(token.Hash("form network limit", networkOf(r.RemoteAddr)))
}

// networkOf is what one caller has: an IPv4 address, or a /64 of IPv6 (RFC 6177).
func networkOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return prefix.String()
}
