package web

import (
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/token"
)

// The operator's pages.
const (
	loginPath  = "/admin/login"
	logoutPath = "/admin/logout"
	jobsPath   = "/admin/jobs"
)

// A network may try so many keys in that time, right ones too.
const (
	loginTries  = 10
	loginWindow = 10 * time.Minute
	maxLogin    = 4 << 10 // bytes of the form
)

// adminRoom is what an operator opens in a browser.
type adminRoom struct{ Deps }

// adminPages adds the login and what is behind it.
func (d Deps) adminPages(mux chi.Router) {
	a := adminRoom{d}
	own := sameSite(d.PublicURL, d.Log)
	mux.Get(loginPath, a.show)
	mux.With(own).Post(loginPath, a.logIn)
	mux.With(own).Post(logoutPath, a.logOut)
	behind := mux.With(own)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch} {
		behind.Method(method, jobsPath+"/*", http.HandlerFunc(a.queue))
	}
	behind.Get(jobsPath, a.queue)
}

// loginPage asks for a key, or tells whose session it is.
type loginPage struct {
	frame
	Problem string
	As      string // name of the key; empty: nobody is logged in
	Plain   bool   // no browser would keep the cookie
}

func (a adminRoom) page(r *http.Request) loginPage {
	return loginPage{frame: a.house().english("Operator's pages"), Plain: a.secure(r) && !a.overTLS(r)}
}

func (a adminRoom) show(w http.ResponseWriter, r *http.Request) {
	page := a.page(r)
	by, err := a.session(r)
	if err != nil && !errors.Is(err, identity.ErrNoSession) {
		a.failed(w, r, err)
		return
	}
	page.As = by.Name
	writePage(w, r, http.StatusOK, "login.html", page)
}

// logIn gives one answer to whatever is no administrator's key in force.
func (a adminRoom) logIn(w http.ResponseWriter, r *http.Request) {
	wait, err := limit.Allow(r.Context(), a.DB, "admin:"+hex.EncodeToString(token.Hash("admin login", networkOf(r.RemoteAddr))), loginTries, loginWindow)
	if err != nil {
		a.failed(w, r, err)
		return
	}
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		a.again(w, r, http.StatusTooManyRequests, "Too many logins from your network. Try again in "+strconv.Itoa(int((wait+time.Minute-1)/time.Minute))+" minutes.")
		return
	}
	wire := http.NewResponseController(w)
	_ = wire.SetReadDeadline(time.Now().Add(bodyPatience(maxLogin))) // test recorders have no deadlines
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		a.again(w, r, http.StatusBadRequest, "The form did not come whole. Try again.")
		return
	}
	_ = wire.SetReadDeadline(time.Time{})
	key := strings.TrimSpace(r.PostFormValue("key"))
	if key == "" {
		a.again(w, r, http.StatusUnprocessableEntity, "Type or paste an API key.")
		return
	}
	secret, err := a.Identity.LogIn(r.Context(), key)
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		a.again(w, r, http.StatusForbidden, "This is no administrator's key in force.")
	case err != nil:
		a.failed(w, r, err)
	default:
		a.setCookie(w, r, secret, 0)
		http.Redirect(w, r, jobsPath+"/", http.StatusSeeOther)
	}
}

func (a adminRoom) logOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(a.cookieName(r)); err == nil {
		if err := a.Identity.LogOut(r.Context(), cookie.Value); err != nil {
			a.failed(w, r, err)
			return
		}
	}
	a.setCookie(w, r, "", -1)
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

// again shows the form with what is wrong; a key is never shown again.
func (a adminRoom) again(w http.ResponseWriter, r *http.Request, status int, problem string) {
	page := a.page(r)
	page.Problem = problem
	writePage(w, r, status, "login.html", page)
}

func (a adminRoom) failed(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	noteFailure(r.Context(), p.cause)
	if !wantsPage(r) {
		writeProblem(w, p)
		return
	}
	w.Header().Set("Retry-After", "5")
	a.again(w, r, p.Status, p.Detail)
}

// session is who is logged in: ErrNoSession where nobody is.
func (a adminRoom) session(r *http.Request) (event.Actor, error) {
	cookie, err := r.Cookie(a.cookieName(r))
	if err != nil {
		return event.Actor{}, identity.ErrNoSession
	}
	return a.Identity.Session(r.Context(), cookie.Value)
}

// cookieName has the prefix by which a browser refuses a cookie that another host or a plain page sets
// (RFC 6265bis section 4.1.3.2).
func (a adminRoom) cookieName(r *http.Request) string {
	if a.secure(r) {
		return "__Host-admin"
	}
	return "admin"
}

func (a adminRoom) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: a.cookieName(r), Value: value, Path: "/", MaxAge: maxAge, Secure: a.secure(r), HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// secure reports whether the cookie is for https alone: everywhere but on a desk that is tried out on its own machine.
func (a adminRoom) secure(r *http.Request) bool {
	return strings.HasPrefix(a.PublicURL, "https://") || !isLoopback(r.Host)
}

func (a adminRoom) overTLS(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(a.PublicURL, "https://") || r.Header.Get(forwardedProto) == "https"
}

func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}
