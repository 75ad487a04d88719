package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func collect(d *doctor) *[]finding {
	var found []finding
	d.tell = func(f finding) { found = append(found, f) }
	return &found
}

func TestDoctorToleratesTwoSecondsOfDrift(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	after := before.Add(time.Second)
	for _, c := range []struct {
		theirs time.Duration
		status string
		seen   string
	}{
		{500 * time.Millisecond, statusOK, ""}, {-2 * time.Second, statusOK, ""}, {3 * time.Second, statusOK, ""},
		{-2100 * time.Millisecond, statusWarn, "-2.1s"}, {3100 * time.Millisecond, statusWarn, "2.1s"}, {-time.Hour, statusWarn, "-1h"},
	} {
		d := &doctor{}
		found := collect(d)
		d.checkClock("clock", before.Add(c.theirs), before, after)
		if got := (*found)[0]; got.Status != c.status || !strings.Contains(got.Seen, c.seen) {
			t.Errorf("%s off: %v", c.theirs, got)
		}
	}
}

func TestDoctorWantsRoomOnTheDisk(t *testing.T) {
	t.Parallel()
	for free, want := range map[int64]string{leastSpace: statusOK, leastSpace - 1: statusWarn, 0: statusWarn} {
		d := &doctor{}
		found := collect(d)
		d.checkSpace("/data", free)
		if got := (*found)[0]; got.Status != want || want == statusWarn && !strings.Contains(got.Remedy, "POSTERN_DATA_DIR") {
			t.Errorf("%d bytes free: %v", free, got)
		}
	}
}

// Mailboxes are looked at beside each other: lines come in their order, a failure counts, and a secret that one of
// them brings is hidden in its lines.
func TestDoctorLooksAtManyBesideEachOther(t *testing.T) {
	t.Parallel()
	d := &doctor{}
	found := collect(d)
	var meet sync.WaitGroup
	meet.Add(atOnce)
	d.beside(3*atOnce, func(d *doctor, i int) {
		if i < atOnce { // each waits for the others
			meet.Done()
			meet.Wait()
		}
		d.hide("hunter2")
		d.note(finding{map[bool]string{true: statusFail, false: statusOK}[i == 5], fmt.Sprint(i), "hunter2", "x"})
	})
	for i, f := range *found {
		if f.Name != fmt.Sprint(i) || f.Seen != "[secret]" {
			t.Errorf("line %d is %v", i, f)
		}
	}
	if len(*found) != 3*atOnce || !d.failed {
		t.Errorf("%d lines, failed %v", len(*found), d.failed)
	}
}

func TestDoctorHidesSecretsAndKeepsToALine(t *testing.T) {
	t.Parallel()
	d := &doctor{}
	found := collect(d)
	d.hide("hunter2")
	d.hide("a") // would tear words apart
	d.fail("name", "a login with hunter2\nfailed", "remedy")
	if got := (*found)[0].String(); got != "fail  name: a login with [secret]; failed -> remedy" || !d.failed {
		t.Errorf("got %q, failed %v", got, d.failed)
	}
}

func TestSignatureOfAHeader(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]signature{
		"": {seen: true},
		"From: a@b.example\r\nSubject: DKIM-Signature: d=x; s=y\r\n\r\n":           {seen: true},
		"Dkim-Signature: v=1; D=no; d = Desk.Example ;\r\n\ts=one;\r\n b=AA;d\r\n": {seen: true, domain: "desk.example", selector: "one"},
		"DKIM-Signature: d=a.example; s=1\r\nDKIM-Signature: d=b.example; s=2\r\n": {seen: true, domain: "a.example", selector: "1"},
		"DKIM-Signature\r\nDKIM-Signature:\r\n":                                    {seen: true},
	} {
		if got := signatureOf(head); got != want {
			t.Errorf("%q: %+v, want %+v", head, got, want)
		}
	}
}

// FuzzSignatureOf reads headers that any server may have written.
func FuzzSignatureOf(f *testing.F) {
	f.Add("DKIM-Signature: d=a; s=b\r\n")
	f.Add("dkim-signature:;=;d;\r\n\t;s==\r\n")
	f.Fuzz(func(t *testing.T, head string) {
		if got := signatureOf(head); !got.seen || strings.ContainsAny(got.domain+got.selector, ";\n") {
			t.Errorf("%q: %+v", head, got)
		}
	})
}
