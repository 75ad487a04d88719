package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Tried: a desk that takes the request, and one that refuses it.
func TestOperatorAsksForALetterOnce(t *testing.T) {
	t.Parallel()
	var asked []string
	status := http.StatusAccepted
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.WriteHeader(status)
	}))
	defer desk.Close()
	d := demo{API: desk.URL, APIKey: "key"}
	if err := resend(t.Context(), d, "l1"); err != nil {
		t.Error(err)
	}
	if len(asked) != 1 || asked[0] != "POST /v1/outbound-emails/l1/resend Bearer key" {
		t.Errorf("asked %q", asked)
	}
	status = http.StatusConflict
	if err := resend(t.Context(), d, "l1"); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("a refusal is %v", err)
	}
}
