package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/web"
)

func serve(t *testing.T, h http.Handler, drain time.Duration) (url string, stop context.CancelFunc, ended chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- web.NewServer(h, drain).Serve(ctx, l) }()
	return "http://" + l.Addr().String(), stop, ended
}

// TestServerLetsRequestsFinish stops the server while it works on a request.
func TestServerLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	working, finish := make(chan struct{}), make(chan struct{})
	url, stop, ended := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(working)
		<-finish
		_, _ = io.WriteString(w, "done")
	}), 10*time.Second)
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get(url)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-working
	stop()
	select {
	case err := <-ended:
		t.Fatalf("the server ended under a request: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("the caller got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("it answers after its end")
	}
}

func TestServerCutsOffWhatOutlastsTheDrain(t *testing.T) {
	t.Parallel()
	working := make(chan struct{})
	url, stop, ended := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(working)
		<-r.Context().Done()
	}), 50*time.Millisecond)
	go func() {
		if res, err := http.Get(url); err == nil {
			res.Body.Close()
		}
	}()
	<-working
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
}

func TestServerTellsThatItCannotServe(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	if err := web.NewServer(http.NotFoundHandler(), time.Second).Serve(t.Context(), l); err == nil {
		t.Error("it serves on a closed listener")
	}
}

// TestSlowBodiesAreGivenUpAndSlowWorkIsNot begins bodies and does not go on, beside a check that takes
// longer than a body may: 13 s and 15 s, at the same time.
func TestSlowBodiesAreGivenUpAndSlowWorkIsNot(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	d := newDesk(t, func(deps *web.Deps) {
		deps.Check = func(ctx context.Context, _ uuid.UUID) (web.CheckReport, error) {
			select {
			case <-ctx.Done():
				ended <- ctx.Err()
			case <-time.After(15 * time.Second):
				ended <- nil
			}
			return web.CheckReport{OK: true}, nil
		}
	})
	slow := make(chan string, 1)
	go func() { slow <- d.beginBody() }()
	d.do(request{method: "POST", path: "/v1/mailboxes/" + d.mailbox.ID.String() + "/check", key: d.admin, body: "{}"}).want(200)
	if err := <-ended; err != nil {
		t.Errorf("a check of 15 s was ended: %v", err)
	}
	if got := <-slow; got != "HTTP/1.1 408" {
		t.Errorf("the slow body got %q", got)
	}
}

// beginBody sends the first byte of a hundred and returns how the answer begins.
func (d *desk) beginBody() string {
	conn, err := net.Dial("tcp", d.url[len("http://"):])
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/clients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+d.staff+"\r\nContent-Length: 100\r\n\r\n{")
	if err != nil {
		return err.Error()
	}
	if err := conn.SetReadDeadline(time.Now().Add(40 * time.Second)); err != nil {
		return err.Error()
	}
	head := make([]byte, 12)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err.Error()
	}
	return string(head)
}
