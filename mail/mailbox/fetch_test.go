package mailbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/postern-desk/postern/mail/mailbox"
)

// fetching replies to the fetching of bodies; metadata is served as ever.
func fetching(bodies reply) map[string]reply {
	return map[string]reply{"UID FETCH": func(c *talk, tag, args string) {
		if strings.Contains(args, "BODY.PEEK[]") {
			bodies(c, tag, args)
			return
		}
		defaultReplies()["UID FETCH"](c, tag, args)
	}}
}

func mustHave(t *testing.T, got map[uint32]string, uids ...uint32) {
	t.Helper()
	want := make(map[uint32]string)
	for _, uid := range uids {
		want[uid] = fakeEmail(uid)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got the emails %v; want those of %v", got, uids)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	var asked string
	s := dialFake(t, fetching(func(c *talk, tag, args string) {
		asked = args
		defaultReplies()["UID FETCH"](c, tag, args)
	}))
	got, missing, err := collect(within(t), s, fakeMetas(3, 1, 2))
	if err != nil || len(missing) > 0 {
		t.Fatalf("missing %v, %v", missing, err)
	}
	mustHave(t, got, 1, 2, 3)
	if asked != "1:3 (UID BODY.PEEK[])" {
		t.Errorf("asked for %q; want one command that sets no flag", asked)
	}
	if missing, err := s.Fetch(within(t), nil, nil); missing != nil || err != nil {
		t.Errorf("fetch of nothing: %v, %v", missing, err)
	}
	if _, _, err := collect(within(t), s, fakeMetas(1, 0)); err == nil {
		t.Error("uid 0 was accepted: on the wire it would be \"*\"")
	}
}

// What the caller's function leaves unread is read all the same.
func TestFetchUnread(t *testing.T) {
	t.Parallel()
	s := dialFake(t, nil)
	var kept io.Reader
	calls := 0
	_, err := s.Fetch(within(t), fakeMetas(1, 2, 3), func(_ mailbox.Meta, body io.Reader) error {
		kept = body
		calls++
		return nil
	})
	if err != nil || calls != 3 {
		t.Fatalf("%d calls, %v; want 3", calls, err)
	}
	if n, err := kept.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Fatalf("a stream read too late gave %d bytes, %v; want an error", n, err)
	}
}

func TestFetchCutShort(t *testing.T) {
	t.Parallel()
	whole := fakeEmail(2)
	for _, sent := range []int{0, 1, len(whole) - 1} {
		for name, end := range map[string]struct {
			do   reply
			kind error
		}{
			"dropped": {func(c *talk, _, _ string) { _ = c.conn.Close() }, mailbox.ErrServerGone},
			"silent":  {stall, mailbox.ErrTimeout},
		} {
			t.Run(fmt.Sprintf("%s after %d bytes", name, sent), func(t *testing.T) {
				t.Parallel()
				s := dialFake(t, fetching(func(c *talk, tag, args string) {
					c.send("%s* 2 FETCH (UID 2 BODY[] {%d}\r\n%s", sendEmail(1, 1, fakeEmail(1)), len(whole), whole[:sent])
					end.do(c, tag, args)
				}))
				var ends []error
				missing, err := s.Fetch(within(t), fakeMetas(1, 2, 3), func(_ mailbox.Meta, body io.Reader) error {
					_, err := io.ReadAll(body)
					ends = append(ends, err)
					return nil // even a caller that ignores the error is told
				})
				mustBe(t, err, mailbox.ErrIncomplete)
				mustBe(t, err, end.kind)
				if len(ends) != 2 || ends[0] != nil || !errors.Is(ends[1], mailbox.ErrIncomplete) || errors.Is(ends[1], io.EOF) {
					t.Errorf("the streams ended with %v; want one whole email and one incomplete", ends)
				}
				if missing != nil {
					t.Errorf("%v are called missing, although nobody knows", missing)
				}
			})
		}
	}
}

// The bytes are all there and then the server is gone: they count, but what
// follows is not missing.
func TestFetchEndsAfterAnEmail(t *testing.T) {
	t.Parallel()
	s := dialFake(t, fetching(func(c *talk, _, _ string) {
		c.send("%s", sendEmail(1, 1, fakeEmail(1)))
		_ = c.conn.Close()
	}))
	got, missing, err := collect(within(t), s, fakeMetas(1, 2, 3))
	mustBe(t, err, mailbox.ErrServerGone)
	mustHave(t, got, 1)
	if missing != nil {
		t.Errorf("%v are called missing, although nobody knows", missing)
	}
}

func TestFetchHugeLiteral(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"99999999999", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "2000000"} {
		s := dialFake(t, fetching(func(c *talk, _, _ string) {
			c.send("* 1 FETCH (UID 1 BODY[] {%s}\r\n%s", size, fakeEmail(1))
			c.stall()
		}))
		got, missing, err := collect(within(t), s, fakeMetas(1))
		mustBe(t, err, mailbox.ErrIncomplete)
		var wrong *mailbox.SizeError
		if !errors.As(err, &wrong) || len(got) > 0 || missing != nil {
			t.Errorf("{%s}: got %v, missing %v, %v; want a SizeError alone", size, got, missing, err)
		}
	}
}

// A server that lists other sizes than it sends must not stop the other
// emails, and its own can be taken by whoever decides to.
func TestFetchOtherSizeThanListed(t *testing.T) {
	t.Parallel()
	for _, by := range []int64{-1, 1, 100_000, -int64(len(fakeEmail(2)))} {
		s := dialFake(t, nil)
		metas := fakeMetas(1, 2, 3)
		metas[1].Size += by
		got, missing, err := collect(within(t), s, metas)
		var wrong *mailbox.SizeError
		if !errors.As(err, &wrong) || !errors.Is(err, mailbox.ErrIncomplete) || missing != nil {
			t.Fatalf("listed with %+d: missing %v, %v; want a SizeError", by, missing, err)
		}
		if want := (mailbox.SizeError{UID: 2, Want: metas[1].Size, Got: int64(len(fakeEmail(2)))}); *wrong != want {
			t.Errorf("the error is %+v; want %+v", *wrong, want)
		}
		mustHave(t, got, 1, 3)

		metas[1].Size = wrong.Got
		if got, _, err = collect(within(t), s, metas[1:2]); err != nil {
			t.Fatalf("fetch with the size the server sends: %v", err)
		}
		mustHave(t, got, 2)
	}
}

func TestFetchMissing(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]string{
		"OK":                "OK done",
		"NO, some are gone": "NO [EXPUNGEISSUED] Some messages no longer exist.",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, map[string]reply{"UID FETCH": func(c *talk, tag, args string) {
				// EXPUNGE may come at any moment of a UID command (RFC 9051 7.5.1).
				c.send("* 2 EXPUNGE\r\n* 2 EXISTS\r\n")
				if strings.Contains(args, "BODY.PEEK[]") {
					c.send("%s* 2 EXPUNGE\r\n", sendEmail(1, 1, fakeEmail(1)))
				}
				c.send("%s %s\r\n", tag, last)
			}})
			got, missing, err := collect(within(t), s, fakeMetas(1, 2))
			if err != nil || !reflect.DeepEqual(missing, []uint32{2}) {
				t.Fatalf("missing %v, %v; want uid 2", missing, err)
			}
			mustHave(t, got, 1)
		})
	}
}

// An email that the server lists is never missing, whatever way its bytes fail
// to come.
func TestFetchListedButNotSent(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]string{
		"nothing":            "",
		"NIL":                "* 2 FETCH (UID 2 BODY[] NIL)\r\n",
		"UID after the body": fmt.Sprintf("* 2 FETCH (BODY[] {%d}\r\n%s UID 2)\r\n", len(fakeEmail(2)), fakeEmail(2)),
		"part of the body":   fmt.Sprintf("* 2 FETCH (UID 2 BODY[]<0> {%d}\r\n%s)\r\n", len(fakeEmail(2)), fakeEmail(2)),
		"header only":        fmt.Sprintf("* 2 FETCH (UID 2 BODY[HEADER] {%d}\r\n%s)\r\n", len(fakeEmail(2)), fakeEmail(2)),
		"another email":      sendEmail(9, 9, fakeEmail(2)),
		"flags alone":        "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, fetching(func(c *talk, tag, args string) {
				c.send("%s", sendEmail(1, 1, fakeEmail(1)))
				c.send("%s", instead)
				c.send("%s", sendEmail(3, 3, fakeEmail(3)))
				ok(c, tag, args)
			}))
			got, missing, err := collect(within(t), s, fakeMetas(1, 2, 3))
			mustBe(t, err, mailbox.ErrIncomplete)
			mustHave(t, got, 1, 3)
			if missing != nil {
				t.Errorf("%v are called missing", missing)
			}
			if err := s.Noop(within(t)); err != nil {
				t.Errorf("noop afterwards: %v", err)
			}
		})
	}
}

// The library takes a report of changed flags for the answer and drops the
// true one; the email must come all the same, and once.
func TestFetchFlagsReportedBeforeTheBody(t *testing.T) {
	t.Parallel()
	first := true
	s := dialFake(t, fetching(func(c *talk, tag, args string) {
		if first {
			first = false
			c.send("* 2 FETCH (UID 2 FLAGS (\\Deleted))\r\n")
		}
		defaultReplies()["UID FETCH"](c, tag, args)
	}))
	calls := make(map[uint32]int)
	missing, err := s.Fetch(within(t), fakeMetas(1, 2, 3), func(m mailbox.Meta, _ io.Reader) error {
		calls[m.UID]++
		return nil
	})
	if err != nil || missing != nil || !reflect.DeepEqual(calls, map[uint32]int{1: 1, 2: 1, 3: 1}) {
		t.Fatalf("calls %v, missing %v, %v; want each email once", calls, missing, err)
	}
}

func TestFetchSentTwice(t *testing.T) {
	t.Parallel()
	s := dialFake(t, fetching(func(c *talk, tag, args string) {
		c.send("%s", sendEmail(1, 1, fakeEmail(1)))
		c.send("%s", sendEmail(1, 1, "Subject: another\r\n\r\n"))
		ok(c, tag, args)
	}))
	got, _, err := collect(within(t), s, fakeMetas(1))
	if err != nil {
		t.Fatal(err)
	}
	mustHave(t, got, 1)
}

func TestFetchRefused(t *testing.T) {
	t.Parallel()
	s := dialFake(t, fetching(func(c *talk, tag, _ string) {
		c.send("%s%s NO [SERVERBUG] Internal error of a@b.example\r\n", sendEmail(1, 1, fakeEmail(1)), tag)
	}))
	got, missing, err := collect(within(t), s, fakeMetas(1, 2))
	mustBe(t, err, mailbox.ErrUnavailable)
	mustHave(t, got, 1)
	if missing != nil {
		t.Errorf("%v are called missing, although nobody knows", missing)
	}
}

func TestFetchFunctionFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	s := dialFake(t, nil)
	calls := 0
	_, err := s.Fetch(within(t), fakeMetas(1, 2, 3), func(mailbox.Meta, io.Reader) error {
		calls++
		return full
	})
	if !errors.Is(err, full) || calls != 1 {
		t.Fatalf("%d calls, %v; want the function's error after one", calls, err)
	}
	if got, _, err := collect(within(t), s, fakeMetas(1, 2, 3)); err != nil || len(got) != 3 {
		t.Fatalf("the session is not usable afterwards: %d emails, %v", len(got), err)
	}
}

// A panic in the caller's function must not leave the library waiting for a
// reader that will not come.
func TestFetchFunctionPanics(t *testing.T) {
	t.Parallel()
	s := dialFake(t, nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not come through")
			}
		}()
		_, _ = s.Fetch(within(t), fakeMetas(1, 2, 3), func(mailbox.Meta, io.Reader) error { panic("oops") })
	}()
	mustBe(t, s.Noop(within(t)), mailbox.ErrClosed)
}

func TestFetchKeepsEveryByte(t *testing.T) {
	t.Parallel()
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, raw := range map[string]string{
		"empty":               "",
		"every byte":          string(every),
		"looks like IMAP":     "T1 OK done\r\n* BYE\r\n)\r\n{99999999999}\r\n",
		"bare line feeds":     "a\nb\rc\n\n",
		"larger than buffers": string(bytes.Repeat(every, 1<<13)),
		"one long line":       strings.Repeat("x", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, fetching(func(c *talk, tag, args string) {
				c.send("%s", sendEmail(1, 1, raw))
				ok(c, tag, args)
			}))
			got, _, err := collect(within(t), s, []mailbox.Meta{{UID: 1, Size: int64(len(raw))}})
			if err != nil || got[1] != raw {
				t.Fatalf("got %d bytes, %v; want the same %d", len(got[1]), err, len(raw))
			}
		})
	}
}

func TestFetchQuotedBody(t *testing.T) {
	t.Parallel()
	s := dialFake(t, fetching(say("* 1 FETCH (UID 1 BODY[] \"a \\\"b\\\" {5}\")\r\n")))
	got, _, err := collect(within(t), s, []mailbox.Meta{{UID: 1, Size: 9}})
	if err != nil || got[1] != `a "b" {5}` {
		t.Fatalf("got %q, %v", got[1], err)
	}
}
