package tickets

import (
	"maps"
	"slices"
)

// Marks is what the desk's rules want of a ticket, beside what the desk finds by itself.
type Marks struct {
	Priority Priority // zero: as it is
	Why      string   // for the priority's reasons
	Tags     []string // added
	Custom   map[string]any
	By       []string // the rules, for the record
}

// put marks the ticket and reports whether that changed it.
func (m Marks) put(t *Ticket) bool {
	changed := false
	if m.Priority != 0 && (t.Priority != m.Priority || !slices.Equal(t.PriorityReasons, []string{m.Why})) {
		t.Priority, t.PriorityReasons, changed = m.Priority, []string{m.Why}, true
	}
	tags := slices.Clone(t.Tags)
	for _, tag := range m.Tags {
		if !slices.Contains(tags, tag) {
			tags, changed = append(tags, tag), true
		}
	}
	custom := maps.Clone(t.Custom)
	for name, value := range m.Custom {
		if before, there := custom[name]; !there || before != value {
			if custom == nil {
				custom = map[string]any{}
			}
			custom[name], changed = value, true
		}
	}
	if changed {
		t.Tags, t.Custom = tags, custom
	}
	return changed
}

// tell adds the rules to an event's detail, where there were any.
func (m Marks) tell(detail map[string]any) map[string]any {
	if len(m.By) > 0 {
		detail["rules"] = m.By
	}
	return detail
}
