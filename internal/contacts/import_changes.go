package contacts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func labelOf(row ImportContact) string {
	label := "contact " + cmp.Or(text(row.Fields.Name), text(row.Fields.Email), text(row.Fields.CRMRef))
	if row.Client != (ClientKey{}) {
		label += " of " + row.Client.String()
	}
	return label
}

func changesOfClient(was, is Client) []string {
	return changed(
		field{"client", was.Name, is.Name}, field{"client_ref", text(was.CRMRef), text(is.CRMRef)},
		field{"domains", strings.Join(was.Domains, " "), strings.Join(is.Domains, " ")},
		field{"language", was.Language, is.Language}, field{"time_zone", was.TimeZone, is.TimeZone})
}

func changesOfContact(was, is Contact) []string {
	return changed(
		field{"name", was.Name, is.Name}, field{"email", text(was.Email), text(is.Email)}, field{"phone", text(was.Phone), text(is.Phone)},
		field{"relationship", text(was.Relationship), text(is.Relationship)}, field{"crm_ref", text(was.CRMRef), text(is.CRMRef)},
		field{"tags", strings.Join(was.Tags, " "), strings.Join(is.Tags, " ")})
}

type field struct{ name, from, to string }

func changed(fields ...field) (out []string) {
	for _, f := range fields {
		if f.from != f.to {
			out = append(out, fmt.Sprintf("%s: %q -> %q", f.name, f.from, f.to))
		}
	}
	return out
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func compacted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.DeleteFunc(slices.Compact(s), func(x string) bool { return x == "" })
}
