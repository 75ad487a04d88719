package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// checkImports finds arrows that the table does not have, and packages that it does not know.
func checkImports(files []file) []violation {
	var found []violation
	for _, f := range files {
		from := f.room()
		if position(from) < 0 {
			found = append(found, violation{f.path, "package " + from + " is in no row of internal/archtest/table.go"})
			continue
		}
		for _, to := range f.ours() {
			if to != from && !mayImport(f, to) {
				found = append(found, violation{f.path, fmt.Sprintf("%s may not import %s (internal/archtest/table.go)", from, to)})
			}
		}
	}
	return found
}

func mayImport(f file, to string) bool {
	from := f.room()
	r := rooms[position(from)]
	switch {
	case position(to) < 0:
		return false
	case kindOf(to) == testKit:
		return f.test || r.kind == testKit || slices.Contains(measuring, from)
	case r.kind == assembly:
		return kindOf(to) != assembly
	case f.test:
		// A test may set its scene with any earlier room, but not with a later one.
		return position(to) < position(from)
	case r.kind == door:
		return kindOf(to) == domain && !slices.Contains(closedToDoors, to)
	default:
		return slices.Contains(r.imports, to)
	}
}

// checkTable finds arrows in the table itself that do not point to an earlier room.
func checkTable(table []room) []violation {
	var found []violation
	var earlier []string
	for _, r := range table {
		for _, to := range r.imports {
			if !slices.Contains(earlier, to) {
				found = append(found, violation{r.path, "imports " + to + ", which is no earlier row"})
			}
		}
		if slices.Contains(earlier, r.path) {
			found = append(found, violation{r.path, "stands in the table twice"})
		}
		earlier = append(earlier, r.path)
	}
	return found
}

// checkFanOut finds packages that need too many others of ours.
func checkFanOut(files []file) []violation {
	used := map[string][]string{}
	for _, f := range files {
		k := kindOf(f.room())
		if !f.product() || k == door || k == assembly {
			continue
		}
		for _, to := range f.ours() {
			if !slices.Contains(used[f.room()], to) {
				used[f.room()] = append(used[f.room()], to)
			}
		}
	}
	var found []violation
	for from, to := range used {
		if len(to) > maxFanOut {
			slices.Sort(to)
			found = append(found, violation{from, fmt.Sprintf("imports %d packages of ours, at most %d: %s", len(to), maxFanOut, strings.Join(to, " "))})
		}
	}
	return found
}

func position(path string) int {
	return slices.IndexFunc(rooms, func(r room) bool { return r.path == path })
}

func kindOf(path string) kind {
	if i := position(path); i >= 0 {
		return rooms[i].kind
	}
	return domain
}
