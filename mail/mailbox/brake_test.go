package mailbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// Tried: how real servers put the brake on, at the login and at a command.
func TestBrakesOfRealServers(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		kind  error
		after time.Duration
	}{
		"NO [ALERT] Too many simultaneous connections. (Failure)":                                               {mailbox.ErrLimit, 0}, // Gmail
		"NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)": {mailbox.ErrLimit, 0}, // Dovecot
		"NO [LIMIT] Go away": {mailbox.ErrLimit, 0},
		"NO [THROTTLED] Account exceeded command or bandwidth limits. (Failure)":  {mailbox.ErrThrottled, 0},
		"BAD Request is throttled. Suggested Backoff Time: 98765 milliseconds":    {mailbox.ErrThrottled, 98765 * time.Millisecond}, // Exchange Online
		"NO Request is throttled. Suggested Backoff Time: 999999999 milliseconds": {mailbox.ErrThrottled, time.Hour},
		"NO [OVERQUOTA] Quota exceeded":                                           {mailbox.ErrQuota, 0},
		"NO [EXPIRED] Your password has expired":                                  {mailbox.ErrAuth, 0},
		"NO [UNAVAILABLE] Temporary authentication failure.":                      {mailbox.ErrUnavailable, 0},
		"NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)":                 {mailbox.ErrAuth, 0},
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			answer := func(c *talk, tag, _ string) { c.send("%s %s\r\n", tag, said) }
			_, err := mailbox.Dial(within(t), (&fake{replies: map[string]reply{"LOGIN": answer}}).start(t), quick)
			mustBe(t, err, want.kind)
			if got := mailbox.RetryAfter(err); got != want.after {
				t.Errorf("at the login: again after %v, want %v (%v)", got, want.after, err)
			}
			s := dialFake(t, map[string]reply{"NOOP": answer})
			if err = s.Noop(within(t)); !errors.Is(err, want.kind) || mailbox.RetryAfter(err) != want.after {
				t.Errorf("at a command: %v", err)
			}
		})
	}
	if mailbox.RetryAfter(nil) != 0 || mailbox.RetryAfter(errors.New("backoff time: 99999999999999999999 milliseconds")) != 0 {
		t.Error("a pause out of nothing")
	}
}

// Tried: a farewell with its reason, in the place of the greeting and of an answer.
func TestFarewellTellsItsReason(t *testing.T) {
	t.Parallel()
	for bye, want := range map[string]error{
		"[UNAVAILABLE] Maximum number of connections from user+IP exceeded":       mailbox.ErrLimit,
		"Too many connections from your address":                                  mailbox.ErrLimit,
		"[ALERT] Request is throttled. Suggested Backoff Time: 1000 milliseconds": mailbox.ErrThrottled,
		"[CLIENTBUG something":              mailbox.ErrServerGone,
		"Server shutting down [reason]":     mailbox.ErrServerGone,
		"[AUTHENTICATIONFAILED] Signed out": mailbox.ErrAuth,
	} {
		leave := func(c *talk, _, _ string) {
			c.send("* BYE %s\r\n", bye)
			_ = c.conn.Close()
		}
		_, err := mailbox.Dial(within(t), (&fake{replies: map[string]reply{"GREETING": leave}}).start(t), quick)
		mustBe(t, err, want)
		err = dialFake(t, map[string]reply{"NOOP": leave}).Noop(within(t))
		mustBe(t, err, want)
		if !strings.Contains(err.Error(), "it said: ") {
			t.Errorf("%v does not repeat the farewell", err)
		}
	}
}

// RFC 9051 7.1: an alert must be shown to people. Tried: before a refusal, in a greeting, endless and hostile.
func TestAlertIsToldBesideTheRefusal(t *testing.T) {
	t.Parallel()
	for _, alert := range []string{
		"* NO [ALERT] Please log in via your web browser: https://mail.example/help",
		"* OK [alert] Please log in via your web browser \x07\x1b[31m" + strings.Repeat("x", 5000),
		"* NO [WEBALERT https://accounts.example/x] Please log in via your web browser",
	} {
		a := (&fake{replies: map[string]reply{"LOGIN": func(c *talk, tag, _ string) { c.send("%s\r\n%s NO no\r\n", alert, tag) }}}).start(t)
		_, err := mailbox.Dial(within(t), a, quick)
		mustBe(t, err, mailbox.ErrAuth)
		if text := fmt.Sprint(err); !strings.Contains(text, "in via your web browser") || len(text) > 700 || strings.Contains(text, "\x1b") {
			t.Errorf("the alert is told as %q", text)
		}
	}
}
