package webhooks

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// What is not known is left out, so that a subscriber never takes "" for an id; lists are lists even
// where they are empty.
func TestUnknownFieldsAreLeftOut(t *testing.T) {
	t.Parallel()
	for want, payload := range map[string]any{
		`{"id":"c","kind":"person","name":"","tags":[],"sequence":1}`: Contact{ID: "c", Kind: "person", Tags: []string{}, Sequence: 1},
		`{"id":"t","number":7,"channel":"form","subject":"","status":"open","priority":"low","priority_reasons":["x"],"tags":[],"authenticity":"none","created_at":"0001-01-01T00:00:00Z","sequence":1}`: Ticket{
			ID: "t", Number: 7, Channel: "form", Status: "open", Priority: "low", PriorityReasons: []string{"x"}, Tags: []string{}, Authenticity: "none", Sequence: 1},
		`{"id":"s","number":6,"sequence":4,"into":{"id":"t","number":7,"channel":"","subject":"","status":"","priority":"","priority_reasons":[],"tags":[],"authenticity":"","created_at":"0001-01-01T00:00:00Z","sequence":2}}`: MergedTicket{
			ID: "s", Number: 6, Sequence: 4, Into: Ticket{ID: "t", Number: 7, PriorityReasons: []string{}, Tags: []string{}, Sequence: 2}},
		`{"id":"b","email":"a@desk.example","side":"imap","since":"0001-01-01T00:00:00Z","reason":"timeout","summary":"s","remedy":"r","sequence":2}`: MailboxOutage{
			ID: "b", Email: "a@desk.example", Side: "imap", Reason: "timeout", Summary: "s", Remedy: "r", Sequence: 2},
		`{"id":"m","origin":"staff","attachments":0}`: Message{ID: "m", Origin: "staff"},
	} {
		got, err := json.Marshal(payload)
		if err != nil || string(got) != want {
			t.Errorf("got  %s\nwant %s: %v", got, want, err)
		}
		back := reflect.New(reflect.TypeOf(payload))
		if err := json.Unmarshal(got, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), payload) {
			t.Errorf("%s is read as %+v: %v", got, back.Elem(), err)
		}
	}
}

// A message's text and who wrote it are read through the API, by who may.
func TestPayloadsHaveNoRoomForTexts(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)*(,omitempty)?$`)
	for _, payload := range []any{Contact{}, Ticket{}, MergedTicket{}, MailboxOutage{}, Message{}} {
		kind := reflect.TypeOf(payload)
		for i := range kind.NumField() {
			tag := kind.Field(i).Tag.Get("json")
			if !form.MatchString(tag) {
				t.Errorf("%s.%s is told as %q", kind.Name(), kind.Field(i).Name, tag)
			}
			for _, private := range []string{"body", "text", "html", "address", "secret", "token", "password"} {
				if strings.Contains(tag, private) {
					t.Errorf("%s tells %s", kind.Name(), tag)
				}
			}
		}
	}
}
