package tickets

import (
	"regexp"
	"strings"

	"github.com/postern-desk/postern/internal/fault"
)

// Priority orders the queue: High before Medium before Low.
type Priority int

// The priorities, as they are stored.
const (
	High   Priority = 1
	Medium Priority = 2
	Low    Priority = 3
)

var priorityNames = map[Priority]string{High: "high", Medium: "medium", Low: "low"}

// String is the priority's name in the API.
func (p Priority) String() string { return priorityNames[p] }

// ParsePriority reads a name of the API.
func ParsePriority(name string) (Priority, error) {
	for p, n := range priorityNames {
		if n == name {
			return p, nil
		}
	}
	return 0, fault.New(fault.Invalid, "invalid_priority", "priority must be high, medium or low").In("priority")
}

// Signals are what a new ticket's priority is found from.
type Signals struct {
	VIP        bool
	Importance string // "high", "low" or "", as the sender marked the email
	Subject    string
	Body       string
	Default    Priority // of the mailbox; zero is Medium
}

// Prioritise finds the priority and says why. A VIP is never less than high; else a word of urgency
// raises; else the sender's own mark counts; else the mailbox's default.
func Prioritise(s Signals) (Priority, []string) {
	var high []string
	if s.VIP {
		high = append(high, "the contact is tagged VIP")
	}
	if word := urgentWord(s.Subject); word != "" {
		high = append(high, "the subject says \""+word+"\"")
	} else if word := urgentWord(firstLines(s.Body)); word != "" {
		high = append(high, "the text says \""+word+"\"")
	}
	if s.Importance == "high" {
		high = append(high, "the sender marked it as important")
	}
	if len(high) > 0 {
		return High, high
	}
	if s.Importance == "low" {
		return Low, []string{"the sender marked it as unimportant"}
	}
	if s.Default == 0 {
		s.Default = Medium
	}
	return s.Default, []string{"the mailbox's default"}
}

// urgentForms are whole words or phrases, matched without regard to case; `has` is what all forms of one
// have in them. Looking for that first costs a hundredth of the expression, and most texts have none of it.
var urgentForms = []struct{ has, form string }{
	{"urgen", `urgent(?:ly|e|es|s)?|urgence|urgencia`}, {"emergency", `emergency`}, {"asap", `asap`},
	{"as soon as possible", `as soon as possible`}, {"immediately", `immediately`}, {"outage", `outage`},
	{"not working at all", `not working at all`}, {" down", `(?:is|are|went|completely) down`}, {"data loss", `data loss`},
	{"security ", `security (?:incident|breach)`}, {"hacked", `hacked`}, {"ransomware", `ransomware`},
	{"dringend", `dringend(?:e|er|es)?`}, {"eilt", `eilt`}, {"notfall", `notfall`}, {"ausfall", `ausfall`}, {"sofort", `sofort`},
	{"en panne", `en panne`}, {"immédiatement", `immédiatement`}, {"caído", `caído`}, {"inmediatamente", `inmediatamente`},
}

var urgentWords = func() *regexp.Regexp {
	var forms []string
	for _, f := range urgentForms {
		forms = append(forms, f.form)
	}
	return regexp.MustCompile(`(?i)(?:^|[^\p{L}\p{N}])(` + strings.Join(forms, "|") + `)(?:$|[^\p{L}\p{N}])`)
}()

func mayBeUrgent(text string) bool {
	lower := strings.ToLower(text)
	for _, f := range urgentForms {
		if strings.Contains(lower, f.has) {
			return true
		}
	}
	return false
}

// notUrgent takes the negations out before the words are looked for. Only words of little meaning may stand
// between: "not working, urgent" is urgent.
var notUrgent = regexp.MustCompile(`(?i)(?:^|[^\p{L}\p{N}])(?:(?:not|isn['’]t|wasn['’]t|no|non|nicht|keine?n?|pas|sin|n[aã]o|niet|geen)[ -]+` +
	`(?:(?:an?|so|very|at all|that|really|too|yet|es|est|è|e|é|sehr|besonders|wirklich|très|vraiment|muy|tan|una?|une?|uma|de|hay|zo|erg) |d['’])*` +
	`(?:urgen[tc]|dringend|emergency|notfall|asap|immediately|sofort|inmediatamente|immédiatement)\p{L}*|eilt nicht)`)

func urgentWord(text string) string {
	if !mayBeUrgent(text) {
		return ""
	}
	m := urgentWords.FindStringSubmatch(notUrgent.ReplaceAllString(text, " "))
	if m == nil {
		return ""
	}
	return strings.ToLower(m[1])
}

// firstLines bounds what is searched: what matters is said first.
func firstLines(body string) string {
	if len(body) > 600 {
		body = body[:600]
	}
	return strings.ToValidUTF8(body, "")
}
