package web

import "net/http"

// Line is a line of the route table.
type Line struct {
	Method, Path string
	Needs        Permission
}

// Table is the route table.
func Table() []Line {
	var out []Line
	for _, r := range (Deps{}).routes() {
		out = append(out, Line{r.method, r.path, r.needs})
	}
	return out
}

// The parts that tests from outside look at.
var (
	PublicRoutes = publicRoutes
	GuardedPages = guardedPages
	Granted      = granted
)

// CodeNames is the closed list of codes.
func CodeNames() []string {
	var out []string
	for _, c := range codes {
		out = append(out, c.Name)
	}
	return out
}

// What fuzz targets feed.
var (
	NewCursor       = newCursor
	ReadCursor      = readCursor
	ReadCustom      = readCustom
	FileName        = fileName
	Disposition     = disposition
	SafeMediaType   = safeMediaType
	Sniffed         = sniffed
	NetworkOf       = networkOf
	CallerBehind    = callerBehind
	ReadTicketAfter = readTicketCursor
)

// Version reads an If-Match header.
func Version(tag string) (int, error) { return IfMatch{IfMatch: tag}.version() }

// ReadForm reads a posted form as the support form does.
func ReadForm(w http.ResponseWriter, r *http.Request) (fields map[string]string, err error) {
	s, err := readSupportRequest(w, r)
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	return map[string]string{"name": s.Name, "email": s.Email, "subject": s.Subject, "message": s.Message}, err
}
