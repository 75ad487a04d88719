package web_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "folder that pictures of the pages are kept in")

// page is a tab of a Chromium with a profile of its own.
type page struct {
	t   *testing.T
	ctx context.Context
	dir string // of pictures
}

// browse starts a browser; scripts run only where wanted. A test that cannot start one fails.
func browse(t *testing.T, scripts bool) page {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no Chromium is installed; the pages are tried in a real browser (Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.WindowSize(1100, 900), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	p := page{t: t, ctx: ctx, dir: dir}
	p.do(chromedp.Navigate("about:blank"))
	if !scripts {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		must(t, err)
	}
	return p
}

func (p page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	must(p.t, chromedp.Do(p.ctx, steps...))
}

func (p page) text(selector string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Text(selector))
	must(p.t, err)
	return text
}

func (p page) value(selector string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Value(selector))
	must(p.t, err)
	return text
}

// eval is what an expression gives in the page.
func eval[T any](p page, expression string) T {
	p.t.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	must(p.t, err)
	return out
}

// picture saves what the browser shows, for people to look at: in the folder of -pictures, else in one
// that goes away.
func (p page) picture(name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	must(p.t, err)
	if len(png) < 1000 {
		p.t.Errorf("%s is a picture of %d bytes", name, len(png))
	}
	must(p.t, os.WriteFile(filepath.Join(p.dir, name+".png"), png, 0o600))
}

// fill types into fields, by id.
func (p page) fill(fields ...string) {
	p.t.Helper()
	for i := 0; i+1 < len(fields); i += 2 {
		p.do(chromedp.SendKeys("#"+fields[i], fields[i+1]))
	}
}

// TestFormInABrowser fills in the form as people do: with scripts and without.
func TestFormInABrowser(t *testing.T) {
	t.Parallel()
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, p := newDesk(t), browse(t, scripts)
			file := filepath.Join(t.TempDir(), "screenshot.png")
			must(t, os.WriteFile(file, []byte("\x89PNG\r\n\x1a\nnot really"), 0o600))
			p.do(chromedp.Navigate(d.url+"/"), chromedp.WaitVisible("a.button"))
			p.picture("landing")
			p.do(chromedp.Click("a.button"), chromedp.WaitVisible("#message"))
			p.picture("form")
			p.fill("name", "Ann Example", "email", "ann@client.example", "subject", "Cannot <b>log in</b>", "message", "It says no.\nTwice.")
			p.do(chromedp.SetUploadFiles("#attachments", []string{file}), chromedp.Click("button[type=submit]"), chromedp.WaitVisible("#number"))
			p.picture("thanks")
			number := p.text("#number")
			found := d.get("/v1/tickets?q=" + number).items()
			if len(found) != 1 || found[0]["subject"] != "Cannot <b>log in</b>" {
				t.Fatalf("ticket %q is %v", number, found)
			}
			message := d.get("/v1/tickets/" + found[0]["id"].(string)).object()["messages"].([]any)[0].(map[string]any)
			if message["body"] != "It says no.\nTwice." || len(message["attachments"].([]any)) != 1 {
				t.Errorf("the message is %v", message)
			}
		})
	}
}

// TestFormErrorsInABrowser gets round the browser's own checks to see ours.
func TestFormErrorsInABrowser(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), browse(t, true)
	p.do(chromedp.Navigate(d.url+"/support"), chromedp.WaitVisible("#message"))
	p.fill("name", "Ann", "email", "ann at example", "message", "First line")
	eval[bool](p, `document.forms[0].noValidate = true`)
	p.do(chromedp.Click("button[type=submit]"), chromedp.WaitVisible("#problem"))
	p.picture("form-errors")
	if kept := p.value("#message"); kept != "First line" {
		t.Errorf("the message is now %q", kept)
	}
	if n := eval[int](p, `document.querySelectorAll("[aria-invalid=true]").length`); n != 2 {
		t.Errorf("%d fields are marked", n)
	}
	if text := eval[string](p, `document.getElementById(document.getElementById("email").getAttribute("aria-describedby")).textContent`); !strings.Contains(text, "email address") {
		t.Errorf("the address is described by %q", text)
	}
	if bare := eval[string](p, `[...document.querySelectorAll("input, textarea")].filter(e => e.labels.length === 0).map(e => e.id).join()`); bare != "" {
		t.Errorf("fields without a label: %s", bare)
	}
	for range 5 {
		d.submit(typed()).want(303)
	}
	p.do(chromedp.Navigate(d.url+"/support"), chromedp.WaitVisible("#message"))
	p.fill("name", "Ann", "email", "ann@client.example", "subject", "s", "message", "m")
	p.do(chromedp.Click("button[type=submit]"), chromedp.WaitVisible(`//*[@id="problem"][contains(., "several requests")]`))
	p.picture("too-often")
	if kept := eval[string](p, `document.querySelector("#message").value`); kept != "m" {
		t.Errorf("the sixth post keeps %q", kept)
	}
}

// TestLargeFileInABrowser sends more than the form takes: the browser must show our page, not a broken
// connection.
func TestLargeFileInABrowser(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), browse(t, true)
	file := filepath.Join(t.TempDir(), "video.mp4")
	must(t, os.WriteFile(file, make([]byte, 30<<20), 0o600))
	p.do(chromedp.Navigate(d.url+"/support"), chromedp.WaitVisible("#message"))
	p.fill("name", "Ann", "email", "ann@client.example", "subject", "s", "message", "m")
	p.do(chromedp.SetUploadFiles("#attachments", []string{file}), chromedp.Click("button[type=submit]"), chromedp.WaitVisible("main .card h1"))
	p.picture("too-large")
	if title := p.text("h1"); title != "Those files are too large" {
		t.Errorf("the page says %q", title)
	}
}

// TestReferenceInABrowser opens an operation of the reference, and reads the pages on a telephone.
func TestReferenceInABrowser(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), browse(t, true)
	p.do(chromedp.Navigate(d.url+"/docs"), chromedp.WaitVisible("#change-a-ticket summary"),
		chromedp.Click("#change-a-ticket summary"), chromedp.WaitVisible("#change-a-ticket table"))
	p.picture("reference")
	if text := p.text("#change-a-ticket"); !strings.Contains(text, "If-Match") || !strings.Contains(text, "tickets.write") {
		t.Errorf("the operation reads: %s", text)
	}
	for _, name := range eval[[]string](p, `performance.getEntriesByType("resource").map(e => e.name)`) {
		if !strings.HasPrefix(name, d.url) {
			t.Errorf("the page loads %s", name)
		}
	}
	for path, name := range map[string]string{"/docs": "reference-narrow", "/support": "form-narrow", "/": "landing-narrow"} {
		p.do(chromedp.EmulateViewport(390, 800), chromedp.Navigate(d.url+path), chromedp.WaitVisible("h1"))
		p.picture(name)
		if eval[bool](p, `document.documentElement.scrollWidth > window.innerWidth`) {
			t.Errorf("%s is wider than a telephone", path)
		}
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	must(t, err)
	p.do(chromedp.Navigate(d.url+"/support"), chromedp.WaitVisible("h1"))
	p.picture("form-dark")
}
