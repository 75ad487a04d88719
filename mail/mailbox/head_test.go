package mailbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-desk/postern/mail/mailbox"
)

// heads replies to the fetching of a beginning; the rest is served as ever.
func heads(then reply) map[string]reply {
	return map[string]reply{"UID FETCH": func(c *talk, tag, args string) {
		if strings.Contains(args, "BODY.PEEK[]<0.") {
			then(c, tag, args)
			return
		}
		defaultReplies()["UID FETCH"](c, tag, args)
	}}
}

func sendHead(uid int, head string) string {
	return fmt.Sprintf("* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n", uid, uid, len(head), head)
}

func TestFetchHead(t *testing.T) {
	t.Parallel()
	flagsFirst := 0
	for name, c := range map[string]struct {
		then reply
		want string
	}{
		"a part":              {say(sendHead(2, "Subject: n")), "Subject: n"},
		"a shorter email":     {say(sendHead(2, "Sub")), "Sub"},
		"an empty one":        {say(sendHead(2, "")), ""},
		"the range ignored":   {say(sendEmail(2, 2, fakeEmail(2))), fakeEmail(2)[:10]},
		"another part before": {say("* 2 FETCH (UID 2 BODY[HEADER] {1}\r\nx BODY[]<5> {1}\r\ny BODY[]<0> {1}\r\nz)\r\n"), "z"},
		"flags reported before": {func(c *talk, tag, _ string) {
			if flagsFirst++; flagsFirst == 1 {
				c.send("* 2 FETCH (UID 2 FLAGS ())\r\n")
			}
			c.send("%s%s OK done\r\n", sendHead(2, "abc"), tag)
		}, "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, heads(c.then))
			got, ok, err := s.FetchHead(within(t), 2, 10)
			if err != nil || !ok || string(got) != c.want {
				t.Fatalf("got %q, %v, %v; want %q", got, ok, err, c.want)
			}
			if err := s.Noop(within(t)); err != nil {
				t.Errorf("noop afterwards: %v", err)
			}
		})
	}
}

// Gone is only what the server no longer lists: an email that is taken for gone
// is not asked for again.
func TestFetchHeadGoneOrNot(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]string{
		"nothing":            "",
		"NIL":                "* 2 FETCH (UID 2 BODY[]<0> NIL)\r\n",
		"UID after the body": "* 2 FETCH (BODY[]<0> {3}\r\nabc UID 2)\r\n",
	} {
		s := dialFake(t, heads(say(instead)))
		_, ok, err := s.FetchHead(within(t), 2, 10)
		mustBe(t, err, mailbox.ErrIncomplete)
		if ok {
			t.Errorf("%s: nothing came and it is ok", name)
		}
	}
	s := dialFake(t, map[string]reply{"UID FETCH": say("* 2 EXPUNGE\r\n")})
	if _, ok, err := s.FetchHead(within(t), 2, 10); ok || err != nil {
		t.Errorf("of an email that is gone: %v, %v; want neither bytes nor an error", ok, err)
	}
}

func TestFetchHeadFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then reply
		kind error
	}{
		"cut short": {func(c *talk, _, _ string) {
			c.send("* 2 FETCH (UID 2 BODY[]<0> {10}\r\nhalf")
			_ = c.conn.Close()
		}, mailbox.ErrServerGone},
		"silent": {func(c *talk, _, _ string) {
			c.send("* 2 FETCH (UID 2 BODY[]<0> {10}\r\nhalf")
			c.stall()
		}, mailbox.ErrTimeout},
		"huge":    {say("* 2 FETCH (UID 2 BODY[]<0> {99999999999}\r\n"), mailbox.ErrIncomplete},
		"refused": {func(c *talk, tag, _ string) { c.send("%s NO no\r\n", tag) }, mailbox.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, heads(c.then))
			_, ok, err := s.FetchHead(within(t), 2, 10)
			mustBe(t, err, c.kind)
			if ok {
				t.Error("it is ok all the same")
			}
		})
	}
}
