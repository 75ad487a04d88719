package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/tickets"
)

// attachments hands out the files of messages.
type attachments struct {
	tickets *tickets.Service
	blobs   *blob.Store
}

// download is a file as it leaves: never shown within our origin, whatever it claims to be.
type download struct {
	name, mediaType string
	size            int64
	content         io.Reader
}

func (a attachments) read(ctx context.Context, in *byID) (*huma.StreamResponse, error) {
	found, err := a.tickets.Attachment(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if len(found.SHA256) != len(blob.Sum{}) {
		return nil, blob.ErrMissing
	}
	b, err := a.blobs.OpenOne(ctx, blob.Sum(found.SHA256))
	if err != nil {
		return nil, err
	}
	content := bufio.NewReaderSize(b.Reader(ctx), 512)
	head, err := content.Peek(512)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read attachment %s: %w", in.ID, err)
	}
	return stream(download{name: found.Name, mediaType: sniffed(head), size: b.Size, content: content}), nil
}

// sniffed is what the bytes are, where that is harmless; the sender's word counts for nothing.
func sniffed(head []byte) string {
	t := http.DetectContentType(head)
	for _, safe := range []string{"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"} {
		if strings.HasPrefix(t, safe) {
			return t
		}
	}
	return "application/octet-stream"
}

// downloadPatience is how long the caller may take for its bytes.
const downloadPatience = 15 * time.Minute

func stream(d download) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humachi.Unwrap(ctx)
		// Test recorders have no deadlines; there nothing can hang.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadPatience))
		h := w.Header()
		h.Set("Content-Type", d.mediaType)
		h.Set("Content-Length", strconv.FormatInt(d.size, 10))
		h.Set("Content-Disposition", disposition(d.name))
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
		w.WriteHeader(http.StatusOK)
		if _, err := io.Copy(w, d.content); err != nil {
			noteFailure(ctx.Context(), fmt.Errorf("send a download: %w", err))
		}
	}}
}

// disposition names the file in ASCII and, for all others, in UTF-8 (RFC 6266 section 4.3, RFC 8187).
func disposition(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	out := mime.FormatMediaType("attachment", map[string]string{"filename": ascii})
	if ascii != name {
		out += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return out
}
