package letter

import "slices"

// maxReferences bounds the whole field in bytes: relays refuse long ones.
const maxReferences = 3000

// references returns the identifiers for the References field: the parent
// last (RFC 5322 section 3.6.4), each once, unusable ones left out. When there
// are too many, the first, which names the thread, and the newest stay.
func references(l Letter) []string {
	var ids []string
	for _, id := range append(slices.Clone(l.References), l.InReplyTo) {
		if !usableID(id) {
			continue
		}
		if i := slices.Index(ids, id); i >= 0 {
			ids = slices.Delete(ids, i, i+1)
		}
		ids = append(ids, id)
	}
	size := 0
	for _, id := range ids {
		size += len(id) + len(" <>")
	}
	for size > maxReferences { // so there are more than three, see maxIDLength
		size -= len(ids[1]) + len(" <>")
		ids = slices.Delete(ids, 1, 2)
	}
	return ids
}

func idWords(ids ...string) []string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = "<" + id + ">"
	}
	return words
}
