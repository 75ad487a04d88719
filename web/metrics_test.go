package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/metrics"
	"github.com/postern-desk/postern/web"
)

// Tried: no key, a wrong one, a staff key, the token; what was asked before is counted by its route.
func TestMetricsAskForATokenOrAKey(t *testing.T) {
	t.Parallel()
	const token = "a token of the operator"
	d := newDesk(t, func(deps *web.Deps) {
		deps.Metrics, deps.MetricsToken = metrics.NewProcess(deps.DB, "test", []string{"web"}), token
	})
	ask := func(path, key string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+path, nil)
		must(t, err)
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(text)
	}
	ask("/v1/tickets/"+anyID(), d.staff)
	ask("/v1/no/such/way/ann@client.example", "")
	for key, want := range map[string]int{"": 401, "pst_wrong": 401, token + "x": 401, d.staff: 200, token: 200} {
		status, text := ask("/metrics", key)
		if status != want || strings.Contains(text, "postern_database_up 1") != (want == 200) {
			t.Errorf("with %q: %d\n%s", key, status, text)
		}
	}
	_, text := ask("/metrics", token)
	for _, want := range []string{`postern_http_requests_total{route="/v1/tickets/{id}",method="GET",status="404"} 1`, `postern_http_requests_total{route="none",method="GET",status="404"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "client.example") {
		t.Error("a path is a label")
	}
	if status, _ := ask("/v1/tickets", token); status != 401 {
		t.Errorf("the token opens the API: %d", status)
	}
}
