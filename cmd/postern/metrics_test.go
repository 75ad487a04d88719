package main_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// metricName is one of ours in an expression or on the page.
var metricName = regexp.MustCompile(`\bpostern_[a-z_]+\b`)

// A process without the API tells its metrics at an address of its own; every metric that the example of alerts
// asks for is there.
func TestMetricsAreToldByEveryRoleAndKnownToTheAlerts(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	address := freePort(t)
	start(t, nil, append(s.settings, "POSTERN_METRICS_LISTEN="+address), "serve", "--roles", "worker,watch")
	s.serve(t, "--roles", "web")
	s.send(t, "ann@client.example", s.SupportAddress, "Printer on fire", "", "x")
	s.ticket(t, "Printer on fire")
	var text string
	waitFor(t, patience, "the letters' jobs are counted", func() bool {
		response, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		all, err := io.ReadAll(response.Body)
		text = string(all)
		return err == nil && strings.Contains(text, `postern_jobs_total{kind="send_letter",outcome="done"}`) && strings.Contains(text, `postern_inbound_emails{disposition="opened"} 1`)
	})
	for _, word := range []string{"ann@", "support@", "Printer"} {
		if strings.Contains(text, word) {
			t.Errorf("%q is in the metrics:\n%s", word, text)
		}
	}
	alerts, err := os.ReadFile(filepath.Join("..", "..", "examples", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	asked := metricName.FindAllString(string(alerts), -1)
	for _, name := range asked {
		if !strings.Contains(text, "\n# TYPE "+name+" ") && !strings.HasPrefix(text, "# TYPE "+name+" ") {
			t.Errorf("examples/alerts.yaml asks for %s, which there is not", name)
		}
	}
	if len(asked) < 10 {
		t.Errorf("only %d metrics are asked for", len(asked))
	}
}
