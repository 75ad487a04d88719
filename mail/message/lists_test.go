package message

import (
	"slices"
	"strings"
	"testing"
)

// Tried: both fields, a phrase before the id, options behind the address, a list that takes no posts, none.
func TestLists(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header string
		want         []string
	}{
		{"id with a phrase", "List-Id: The \"<desk>\" <Support.Desk.Example>\r\n", []string{"support.desk.example"}},
		{"post address", "List-Post: <mailto:Support@Desk.example?subject=x>\r\n", []string{"support@desk.example"}},
		{"both", "List-Post: <mailto:a@b.example>\r\nList-Id: <a.b.example>\r\n", []string{"a@b.example", "a.b.example"}},
		{"no posts", "List-Post: NO\r\n", nil},
		{"bare id", "List-Id: a.b.example\r\n", []string{"a.b.example"}},
		{"none", "Subject: x\r\n", nil},
	} {
		e, err := Parse(strings.NewReader(tc.header+"From: a@b.example\r\n\r\nhello\r\n"), DefaultLimits(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.Lists, tc.want) {
			t.Errorf("%s: lists %q, want %q", tc.name, e.Lists, tc.want)
		}
	}
}
