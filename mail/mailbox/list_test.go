package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// folderOf replies like a server whose folder holds these UIDs, and notes how
// many answers each UID FETCH got. Some servers answer from the last email on.
func folderOf(uids []uint32, backwards bool, pages *[]int) map[string]reply {
	return map[string]reply{
		"EXAMINE": say(fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n", len(uids))),
		"FETCH": func(c *talk, tag, args string) {
			number, _, _ := strings.Cut(args, " ")
			seq, err := strconv.Atoi(number)
			if err != nil || seq < 1 || seq > len(uids) {
				c.send("%s BAD no such number\r\n", tag)
				return
			}
			c.send("%s%s OK done\r\n", describe(seq, uids[seq-1], 100), tag)
		},
		"UID FETCH": func(c *talk, tag, args string) {
			set, _, _ := strings.Cut(args, " ")
			first, last, isRange := strings.Cut(set, ":")
			if !isRange {
				last = first
			}
			from, _ := strconv.ParseUint(first, 10, 32)
			to, _ := strconv.ParseUint(last, 10, 32)
			var out []string
			for i, uid := range uids {
				if uint64(uid) >= from && uint64(uid) <= to {
					out = append(out, describe(i+1, uid, 100))
				}
			}
			*pages = append(*pages, len(out))
			if backwards {
				slices.Reverse(out)
			}
			c.send("%s%s OK done\r\n", strings.Join(out, ""), tag)
		},
	}
}

func list(ctx context.Context, s *mailbox.Session, from, to uint32) ([]uint32, error) {
	var uids []uint32
	err := s.List(ctx, from, to, func(m mailbox.Meta) error {
		uids = append(uids, m.UID)
		return nil
	})
	return uids, err
}

func counting(from, to, step uint32) []uint32 {
	var uids []uint32
	for uid := uint64(from); uid <= uint64(to); uid += uint64(step) {
		uids = append(uids, uint32(uid))
	}
	return uids
}

func TestListPages(t *testing.T) {
	t.Parallel()
	const top = 1<<32 - 1
	sparseThenDense := append([]uint32{1, 1_000_000_000}, counting(1_000_000_001, 1_000_025_000, 1)...)
	for name, c := range map[string]struct {
		uids     []uint32
		from, to uint32
		want     []uint32
		maxPages int
	}{
		"empty":              {nil, 1, 0, nil, 0},
		"dense":              {counting(1, 25_000, 1), 1, 0, counting(1, 25_000, 1), 10},
		"sparse":             {[]uint32{1, 2_000_000_000, top}, 1, 0, []uint32{1, 2_000_000_000, top}, 20},
		"sparse, then dense": {sparseThenDense, 1, 0, sparseThenDense, 45},
		"from the cursor":    {counting(1, 25_000, 1), 24_999, 0, []uint32{24_999, 25_000}, 1},
		"from beyond":        {counting(1, 5, 1), 6, 0, nil, 0},
		"from the last":      {[]uint32{top}, top, 0, []uint32{top}, 1},
		"up to":              {counting(10, 100, 10), 20, 40, []uint32{20, 30, 40}, 1},
		"up to beyond":       {counting(10, 100, 10), 95, top, []uint32{100}, 1},
		"one":                {counting(1, 5, 1), 3, 3, []uint32{3}, 1},
		"the wrong way":      {counting(1, 5, 1), 4, 2, nil, 0},
		"from nothing":       {counting(1, 3, 1), 0, 0, []uint32{1, 2, 3}, 1},
	} {
		for _, backwards := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, backwards %v", name, backwards), func(t *testing.T) {
				t.Parallel()
				var pages []int
				s := openFake(t, dialBox(t, (&fake{replies: folderOf(c.uids, backwards, &pages)}).start(t)))
				got, err := list(within(t), s, c.from, c.to)
				if err != nil || !slices.Equal(got, c.want) {
					t.Fatalf("listed %d emails, %v; want %d in rising order", len(got), err, len(c.want))
				}
				if len(pages) > c.maxPages {
					t.Errorf("took %d pages: %v; want at most %d", len(pages), pages, c.maxPages)
				}
			})
		}
	}
}

func TestListMeta(t *testing.T) {
	t.Parallel()
	s := dialFake(t, nil)
	var got []mailbox.Meta
	if err := s.List(within(t), 3, 0, func(m mailbox.Meta) error { got = append(got, m); return nil }); err != nil {
		t.Fatal(err)
	}
	want := mailbox.Meta{UID: 3, Size: int64(len(fakeEmail(3))), Flags: []string{"\\Seen"}}
	when := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if len(got) != 1 || !got[0].InternalDate.Equal(when) {
		t.Fatalf("listed %+v; want one email of %v (the server's answers outside of the range ignored)", got, when)
	}
	got[0].InternalDate = time.Time{}
	if !reflect.DeepEqual(got[0], want) {
		t.Fatalf("listed %+v; want %+v", got[0], want)
	}
}

func TestListOutOfOrder(t *testing.T) {
	t.Parallel()
	s := dialFake(t, map[string]reply{"UID FETCH": say(describe(3, 3, 9) + describe(1, 1, 9) + describe(2, 2, 9) + describe(1, 1, 9))})
	got, err := list(within(t), s, 1, 0)
	if err != nil || !slices.Equal(got, []uint32{1, 2, 3}) {
		t.Fatalf("listed %v, %v; want each once in rising order: a cursor follows it", got, err)
	}
}

func TestListFlagsReportedInstead(t *testing.T) {
	t.Parallel()
	for _, times := range []int{1, 100} {
		s := dialFake(t, map[string]reply{"UID FETCH": func(c *talk, tag, args string) {
			if times--; times >= 0 {
				c.send("* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\n* 3 FETCH (FLAGS ())\r\n")
			}
			defaultReplies()["UID FETCH"](c, tag, args)
		}})
		got, err := list(within(t), s, 1, 0)
		if times < 50 {
			if err != nil || !slices.Equal(got, []uint32{1, 2, 3}) {
				t.Fatalf("listed %v, %v; want all three", got, err)
			}
			continue
		}
		mustBe(t, err, mailbox.ErrIncomplete)
		if len(got) > 0 {
			t.Fatalf("listed %v although uid 2 is not known", got)
		}
	}
}

func TestListFunctionMayFetchAndFail(t *testing.T) {
	t.Parallel()
	s := dialFake(t, nil)
	enough := errors.New("enough")
	var got []string
	err := s.List(within(t), 1, 0, func(m mailbox.Meta) error {
		_, err := s.Fetch(within(t), []mailbox.Meta{m}, func(_ mailbox.Meta, body io.Reader) error {
			raw, err := io.ReadAll(body)
			got = append(got, string(raw))
			return err
		})
		if m.UID == 2 {
			return enough
		}
		return err
	})
	if !errors.Is(err, enough) || !slices.Equal(got, []string{fakeEmail(1), fakeEmail(2)}) {
		t.Fatalf("fetched %q, %v; want two emails and the function's error", got, err)
	}
}

func TestListNeedsAFolder(t *testing.T) {
	t.Parallel()
	s := dialAccount(t, (&fake{}).start(t))
	if _, err := list(within(t), s, 1, 0); err == nil || !strings.Contains(err.Error(), "open one first") {
		t.Fatalf("error is %v; want one that says what to do", err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s := dialAccount(t, f.start(t))
	got, err := s.Open(within(t), "INBOX")
	if want := (mailbox.Folder{Name: "INBOX", UIDValidity: 7, UIDNext: 4, Messages: 3}); err != nil || got != want {
		t.Fatalf("opened %+v, %v; want %+v", got, err, want)
	}
	if slices.Contains(f.commands(), "SELECT") {
		t.Error("the folder was opened for writing")
	}
}

func TestOpenWithoutUIDNext(t *testing.T) {
	t.Parallel()
	for _, uids := range [][]uint32{nil, {3, 9}, {1<<32 - 1}} {
		var pages []int
		s := dialAccount(t, (&fake{replies: folderOf(uids, false, &pages)}).start(t)) // it tells none
		got, err := s.Open(within(t), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		want := uint32(1)
		if len(uids) > 0 {
			last := uids[len(uids)-1]
			want = max(last, last+1)
		}
		if got.UIDNext != want || !got.Guessed || int(got.Messages) != len(uids) {
			t.Errorf("opened %+v; want UIDNEXT %d, guessed", got, want)
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	for answer, kind := range map[string]error{
		"NO [NONEXISTENT] Mailbox doesn't exist": mailbox.ErrNoFolder,
		"NO no":                                  mailbox.ErrNoFolder,
		"NO [NOPERM] no":                         mailbox.ErrNoFolder,
		"NO [INUSE] try later":                   mailbox.ErrUnavailable,
		"OK no UIDVALIDITY":                      mailbox.ErrProtocol,
	} {
		s := dialAccount(t, (&fake{replies: map[string]reply{
			"EXAMINE": func(c *talk, tag, _ string) { c.send("* 3 EXISTS\r\n%s %s\r\n", tag, answer) },
		}}).start(t))
		_, err := s.Open(within(t), "Support")
		mustBe(t, err, kind)
		if err := s.Noop(within(t)); err != nil {
			t.Errorf("%s: noop afterwards: %v", answer, err)
		}
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	s := dialAccount(t, (&fake{replies: map[string]reply{"LIST": say(
		"* LIST (\\HasNoChildren) \"/\" Support\r\n" +
			"* LIST (\\Noselect \\HasChildren) \"/\" Archive\r\n" +
			"* LIST (\\NonExistent) \"/\" Gone\r\n" +
			"* LIST () \"/\" {4}\r\na\"b{\r\n" +
			"* LIST () NIL inbox\r\n" +
			"* LIST () \"/\" \"Entw&APw-rfe\"\r\n")}}).start(t))
	got, err := s.Folders(within(t))
	if want := []string{"Entwürfe", "INBOX", "Support", "a\"b{"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("folders %q, %v; want %q", got, err, want)
	}
}

func TestListKeepsFewFlags(t *testing.T) {
	t.Parallel()
	flags := "\\Seen " + strings.Repeat("x", 101) + strings.Repeat(" label", 500)
	s := dialFake(t, map[string]reply{"UID FETCH": say(strings.Replace(describe(3, 3, 9), "\\Seen", flags, 1))})
	err := s.List(within(t), 3, 0, func(m mailbox.Meta) error {
		if len(m.Flags) != 100 || m.Flags[0] != "\\Seen" || m.Flags[1] != "label" {
			t.Errorf("kept %d flags: %.20q; want the first 100 short ones", len(m.Flags), m.Flags)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFoldersTooLarge(t *testing.T) {
	t.Parallel()
	line := "* LIST () \"/\" " + strings.Repeat("x", 1<<19) + "\r\n"
	s := dialBox(t, (&fake{replies: map[string]reply{"LIST": say(strings.Repeat(line, 40))}}).start(t))
	_, err := s.Folders(within(t))
	mustBe(t, err, mailbox.ErrProtocol)
}

func TestFoldersWithoutEnd(t *testing.T) {
	t.Parallel()
	s := dialBox(t, (&fake{replies: map[string]reply{"LIST": func(c *talk, _, _ string) {
		line := strings.Repeat("* LIST () \"/\" x\r\n", 1000)
		for range 1000 {
			if _, err := io.WriteString(c.conn, line); err != nil {
				return
			}
		}
	}}}).start(t))
	_, err := s.Folders(within(t))
	mustBe(t, err, mailbox.ErrProtocol)
}
