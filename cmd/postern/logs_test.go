package main_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Tried, at the most talkative level: emails that open tickets, answers, a form, requests that fail, a mailbox with
// a wrong password, a mail server that goes away, an email that no parser likes. Every line is JSON, and none
// holds an address, a name, a subject or a word of a text.
func TestNoLogLineHoldsAPersonsWords(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.settings = append(s.settings, "POSTERN_LOG_LEVEL=debug", "POSTERN_LOG_FORMAT=json")
	wrong := append(slices.Clone(s.settings), "POSTERN_MAILBOX_PASSWORD=not the Zanzibar password")
	succeed(t, wrong, "mailbox", "add", "quagmire@desk.example", "--imap", s.IMAP, "--imap-security=none", "--smtp", s.SMTP, "--smtp-security=none", "--from=all")
	s.serve(t)
	s.send(t, "persephone@underworld.example", s.SupportAddress, "Pomegranate trouble", "", "The narcissus was a trap.")
	s.send(t, "persephone@underworld.example", s.SupportAddress, "=?utf-8?Q?Pomegranate=ZZ?=", "Content-Type: multipart/mixed; boundary=\r\nContent-Transfer-Encoding: narcissus\r\n", "--\r\nnarcissus\x00\xff")
	ticket := s.ticket(t, "Pomegranate trouble")
	s.ask(t, http.MethodPost, "/v1/tickets/"+ticket.text("id")+"/messages", object{"visibility": "everyone", "body": "Eat no narcissus."})
	s.letter(t, "persephone@underworld.example", "Eat no narcissus.")
	for _, path := range []string{"/v1/tickets/persephone@underworld.example", "/persephone?x=Pomegranate", "/v1/contacts?email=persephone@underworld.example&nonsense=Pomegranate"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.API+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+s.APIKey)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}
	if response, err := http.PostForm(s.API+"/support", url.Values{"name": {"Persephone"}, "email": {"persephone@underworld.example"}, "subject": {"Pomegranate"}, "message": {"narcissus"}}); err == nil {
		response.Body.Close()
	}
	s.imap.Refuse(true)
	s.imap.Reset()
	waitFor(t, patience, "the outage shows", func() bool { return strings.Contains(succeed(t, s.settings, "mailbox", "list"), "failing since") })
	s.child.interrupt(t)
	said := s.child.said.String()
	for _, word := range []string{"persephone", "underworld", "pomegranate", "narcissus", "quagmire", "support@", "zanzibar", password, s.APIKey} {
		for line := range strings.Lines(said) {
			if strings.Contains(strings.ToLower(line), strings.ToLower(word)) {
				t.Errorf("%q is in the log: %s", word, line)
			}
		}
	}
	for line := range strings.Lines(said) {
		if !json.Valid([]byte(line)) {
			t.Errorf("this line is no JSON: %s", line)
		}
	}
	if n := strings.Count(said, "\n"); n < 10 {
		t.Errorf("only %d lines were looked at:\n%s", n, said)
	}
}
