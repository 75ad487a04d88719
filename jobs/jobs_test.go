package jobs

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/riverqueue/river"
)

var update = flag.Bool("update", false, "write the golden files anew")

// filled are the args as they are stored. A new kind must be added here and gets a golden file.
var filled = []river.JobArgs{
	PollMailbox{MailboxID: "0197a000-0000-7000-8000-000000000001"},
	IngestEmails{EmailIDs: []int64{1, 9007199254740993}},
	SendLetter{LetterID: "0197a000-0000-7000-8000-000000000002"},
	SweepInbox{},
	SweepLetters{},
	Purge{},
	TidyMailbox{MailboxID: "0197a000-0000-7000-8000-000000000001"},
	CompareMailboxes{},
	CompareMailbox{MailboxID: "0197a000-0000-7000-8000-000000000001"},
}

// queues is where each kind is worked, and whether a second one may wait beside the first.
var queues = map[string]struct {
	queue  string
	unique bool
}{
	"poll_mailbox":      {Inbound, true},
	"ingest_emails":     {Inbound, false},
	"send_letter":       {Letters, false},
	"sweep_inbox":       {Upkeep, true},
	"sweep_letters":     {Upkeep, true},
	"purge":             {Upkeep, true},
	"tidy_mailbox":      {Upkeep, true},
	"compare_mailboxes": {Upkeep, true},
	"compare_mailbox":   {Upkeep, true},
}

type hasOpts interface{ InsertOpts() river.InsertOpts }

func TestEveryKindIsListedWithItsQueue(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, args := range All() {
		kind := args.Kind()
		listed = append(listed, kind)
		want, known := queues[kind]
		if !known {
			t.Errorf("%s is new: say here where it is worked", kind)
			continue
		}
		opts := args.(hasOpts).InsertOpts()
		if opts.Queue != want.queue || opts.UniqueOpts.ByArgs != want.unique || opts.MaxAttempts < 1 {
			t.Errorf("%s: queue %s, unique %v, at most %d attempts", kind, opts.Queue, opts.UniqueOpts.ByArgs, opts.MaxAttempts)
		}
	}
	var golden []string
	for _, args := range filled {
		golden = append(golden, args.Kind())
	}
	if diff := cmp.Diff(golden, listed); diff != "" || len(listed) != len(queues) {
		t.Errorf("All and the golden files differ (-golden +listed):\n%s", diff)
	}
}

// A waiting job outlives a release: its args must be read by the next one.
func TestArgsKeepTheirShape(t *testing.T) {
	t.Parallel()
	for _, args := range filled {
		got, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", args.Kind()+".json")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s has no golden file; run with -update: %v", args.Kind(), err)
			continue
		}
		if !bytes.Equal(bytes.TrimSpace(want), got) {
			t.Errorf("%s is stored as %s, was %s", args.Kind(), got, want)
		}
		back := reflect.New(reflect.TypeOf(args))
		if err := json.Unmarshal(want, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), args) {
			t.Errorf("%s is read back as %+v: %v", args.Kind(), back.Elem(), err)
		}
	}
}

// Job args lie in a table that many tools show: nothing in them may be about a person or open a door.
func TestArgsHoldIDsOnly(t *testing.T) {
	t.Parallel()
	for _, args := range All() {
		kind := reflect.TypeOf(args)
		for i := range kind.NumField() {
			field := kind.Field(i)
			if field.Tag.Get("json") == "-" {
				continue // it is not stored
			}
			name, id := field.Tag.Get("json"), field.Type.Kind() == reflect.String || field.Type == reflect.TypeFor[[]int64]()
			if !id || !strings.HasSuffix(name, "_id") && !strings.HasSuffix(name, "_ids") {
				t.Errorf("%s.%s (%s, json %q) is no id", kind.Name(), field.Name, field.Type, name)
			}
		}
	}
}
