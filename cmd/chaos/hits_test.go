package main

import (
	"bytes"
	"testing"
)

func TestHitsAreCounted(t *testing.T) {
	t.Parallel()
	var h hits
	var out bytes.Buffer
	h.report(&out)
	if out.Len() > 0 {
		t.Errorf("nobody was killed: %s", out.String())
	}
	h.add([]string{"send_letter", "poll_mailbox", "send_letter"})
	h.add(nil)
	h.examined, h.unnoted, h.untaken = true, 2, 1
	h.report(&out)
	want := "kills: 2, 1 of them of a process without a job; jobs that they cut off: poll_mailbox 1 send_letter 2\n" +
		"letters in the hands of a killed process: 2 that a server had taken, 1 that it had not\n"
	if out.String() != want {
		t.Errorf("it says\n%swant\n%s", out.String(), want)
	}
}
