package dkim

import (
	"slices"
	"strings"
)

// RecordName is where the public half of a key stands in DNS, as a TXT record.
func RecordName(selector, domain string) string { return selector + "._domainkey." + domain }

// Record is what stands there.
func Record(public string) string { return "v=DKIM1; k=rsa; p=" + public }

// longestString is what one character-string of a TXT record holds (RFC 1035 section 3.3.14).
const longestString = 255

// ZoneStrings is a record as a zone file spells it: in quoted strings, which readers join without anything between
// (RFC 6376 section 3.6.2.2).
func ZoneStrings(record string) string {
	var parts []string
	for len(record) > longestString {
		parts, record = append(parts, `"`+record[:longestString]+`"`), record[longestString:]
	}
	return strings.Join(append(parts, `"`+record+`"`), " ")
}

// Finding is what DNS says of a key. Seen tells it in words; Remedy is empty where verifiers accept the key.
type Finding struct {
	Published bool // verifiers find the key
	Testing   bool // they are asked not to judge by it
	Seen      string
	Remedy    string
}

// Compare holds the TXT records found at a key's name against its public half.
func Compare(found []string, public string) Finding {
	publish := "publish the record that `postern mailbox dkim` prints"
	switch {
	case len(found) == 0:
		return Finding{Seen: "there is no record", Remedy: publish + "; a new one may take an hour to be seen everywhere"}
	case len(found) > 1: // RFC 6376 section 3.6.2.2: verifiers may take any of them
		return Finding{Seen: "there are several records, and verifiers may take any of them", Remedy: "keep only the one that `postern mailbox dkim` prints"}
	}
	tags, ok := parseTags(found[0])
	if !ok {
		return Finding{Seen: "the record cannot be read", Remedy: publish + ", without line breaks or backslashes of a console's making"}
	}
	if version, given := tags["v"]; given && version != "DKIM1" {
		return Finding{Seen: "the record is of another version: v=" + clip(version), Remedy: publish}
	}
	// RFC 6376 section 3.6.1: an empty key is a revoked one. White space within base64 is ignored.
	switch key, given := tags["p"]; {
	case !given:
		return Finding{Seen: "the record has no key (p=)", Remedy: publish}
	case key == "":
		return Finding{Seen: "the record says that the key is revoked (an empty p=)", Remedy: publish + ", or make another key: postern mailbox dkim --rotate"}
	case key != public && strings.HasPrefix(public, key):
		return Finding{Seen: "the record has only the beginning of the key", Remedy: "publish the whole record; split it into several quoted strings where the console takes no more than 255 characters"}
	case key != public:
		return Finding{Seen: "the record has another key", Remedy: publish + " in its place, or make a key with a selector of its own: postern mailbox dkim --rotate"}
	}
	return restrictions(tags)
}

// restrictions are what a record may forbid although its key is ours (RFC 6376 section 3.6.1).
func restrictions(tags map[string]string) Finding {
	for _, tag := range []struct{ name, ours, what string }{{"k", "rsa", "a key of another kind"}, {"h", "sha256", "other hashes only"}, {"s", "email", "other services only"}} {
		allowed := strings.Split(tags[tag.name], ":")
		if tags[tag.name] != "" && !slices.Contains(allowed, tag.ours) && (tag.name != "s" || !slices.Contains(allowed, "*")) {
			return Finding{Seen: "the record allows " + tag.what + ": " + tag.name + "=" + clip(tags[tag.name]), Remedy: "leave " + tag.name + "= out of the record"}
		}
	}
	if slices.Contains(strings.Split(tags["t"], ":"), "y") {
		return Finding{Published: true, Testing: true, Seen: "the key is there, in test mode (t=y): verifiers treat letters as unsigned ones", Remedy: "take t=y out of the record once letters verify"}
	}
	return Finding{Published: true, Seen: "the key is there"}
}

// parseTags reads a tag list (RFC 6376 section 3.2). A name that comes twice makes the whole list void. White space
// goes: no value that is looked at here has any.
func parseTags(record string) (tags map[string]string, ok bool) {
	tags = map[string]string{}
	parts := strings.Split(record, ";")
	for i, part := range parts {
		name, value, found := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !found && name == "" && i == len(parts)-1 {
			break // a semicolon may end the list
		}
		if _, twice := tags[name]; !found || name == "" || twice {
			return nil, false
		}
		tags[name] = strings.Join(strings.Fields(value), "")
	}
	return tags, true
}

// clip bounds what is repeated of somebody else's record.
func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
