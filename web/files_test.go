package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/postern-desk/postern/web"
)

// TestRow116_WebPageNamedAsPictureIsDownloaded attaches what a browser would run under a harmless name.
func TestRow116_WebPageNamedAsPictureIsDownloaded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	path := d.openTicket(nil).header.Get("Location")
	const script = `<html><script>alert(document.cookie)</script>`
	const png = "\x89PNG\r\n\x1a\n0000"
	for name, c := range map[string]struct{ content, served string }{
		"shot.png":   {script, "application/octet-stream"},
		"page.html":  {script, "application/octet-stream"},
		"draw.svg":   {`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "text/plain; charset=utf-8"},
		"late.txt":   {strings.Repeat(" ", 600) + script, "text/plain; charset=utf-8"},
		"real.png":   {png, "image/png"},
		"empty.bin":  {"", "text/plain; charset=utf-8"},
		"prog.exe":   {"MZ\x00\x01", "application/octet-stream"},
		"xml.xml":    {`<?xml version="1.0"?><x/>`, "application/octet-stream"},
		"ünïcode.md": {"hello", "text/plain; charset=utf-8"},
	} {
		m := d.post(path+"/messages", map[string]any{"visibility": "everyone", "body": "See attached.",
			"attachments": []any{map[string]any{"name": name, "type": "image/png", "content_base64": base64.StdEncoding.EncodeToString([]byte(c.content))}}}).want(201)
		file := m.object()["attachments"].([]any)[0].(map[string]any)
		a := d.get(file["url"].(string)).want(200)
		if string(a.body) != c.content || a.header.Get("Content-Type") != c.served {
			t.Errorf("%s: %d bytes as %s", name, len(a.body), a.header.Get("Content-Type"))
		}
		disposition := a.header.Get("Content-Disposition")
		if !strings.HasPrefix(disposition, "attachment; filename=") || a.header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s is not a mere download: %v", name, a.header)
		}
	}
	d.get("/v1/attachments/"+anyID()).refused(404, "attachment_not_found")
}

// TestLargeFilesComeBackWhole posts files of several chunks, one of them twice.
func TestLargeFilesComeBackWhole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	content := make([]byte, 3<<20+17)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(content)
	encoded := base64.StdEncoding.EncodeToString(content)
	path := d.openTicket(nil).header.Get("Location")
	m := d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "Dumps", "attachments": []any{
		map[string]any{"name": "one.bin", "content_base64": encoded}, map[string]any{"name": "two.bin", "content_base64": encoded}}}).want(201)
	files := m.object()["attachments"].([]any)
	if len(files) != 2 {
		t.Fatalf("%d files: %s", len(files), m.body)
	}
	for _, f := range files {
		file := f.(map[string]any)
		sum := sha256.Sum256(content)
		if file["sha256"] != hex.EncodeToString(sum[:]) || file["size"] != float64(len(content)) {
			t.Errorf("it is listed as %v", file)
		}
		if a := d.get(file["url"].(string)).want(200); !bytes.Equal(a.body, content) {
			t.Errorf("%d bytes came back of %d", len(a.body), len(content))
		}
	}
	before := d.state()
	half := base64.StdEncoding.EncodeToString(make([]byte, 14<<20))
	d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "x", "attachments": []any{
		map[string]any{"name": "a", "content_base64": half}, map[string]any{"name": "b", "content_base64": half}}}).refused(413, "body_too_large")
	quarter := base64.StdEncoding.EncodeToString(make([]byte, 12<<20))
	d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "x", "attachments": []any{
		map[string]any{"name": "a", "content_base64": quarter}, map[string]any{"name": "b", "content_base64": quarter},
		map[string]any{"name": "c", "content_base64": base64.StdEncoding.EncodeToString(make([]byte, 1<<20+1))}}}).refused(413, "attachments_too_large")
	for _, bad := range []string{"!!!", "aGVsbG8", "aGVs bG8=", "aGVsbG8=x"} {
		d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "x",
			"attachments": []any{map[string]any{"name": "a", "content_base64": bad}}}).refused(422, "invalid_attachment")
	}
	if after := d.state(); after != before {
		t.Errorf("refused files changed something: %s, then %s", before, after)
	}
}

func TestNamesOfFilesAreHarmless(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a/b/c.txt": "c.txt", `C:\x\y.txt`: "y.txt", "../../etc/passwd": "passwd", "": "attachment", "...": "attachment",
		"a\r\nb.txt": "a b.txt", "\x00": "attachment", ".bashrc": "bashrc", strings.Repeat("ä", 150): strings.Repeat("ä", 100)} {
		if got := web.FileName(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"image/png": "image/png", "": "application/octet-stream", "x": "application/octet-stream",
		"message/rfc822": "application/octet-stream", "multipart/mixed; boundary=x": "application/octet-stream", "TEXT/Plain; charset=utf-8": "text/plain"} {
		if got := web.SafeMediaType(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := web.Disposition(`wei"rd ü.txt`); got != `attachment; filename="wei_rd _.txt"; filename*=UTF-8''wei%22rd%20%C3%BC.txt` {
		t.Errorf("disposition is %s", got)
	}
}
