package message

import (
	"fmt"
	"slices"
	"strings"
)

// facts is what the parts of an email say about its class.
type facts struct {
	isReport       bool     // the email is a multipart/report (RFC 6522 section 3)
	reportType     string   // which one
	actions        []string // of a delivery status (RFC 3464 section 2.3.3)
	hasStatus      bool     // a delivery status is there
	hasFeedback    bool
	calendarMethod string
}

// report reads the facts out of a part of a report.
func (f *facts) report(typ string, content []byte) {
	switch typ {
	case "message/delivery-status", "message/global-delivery-status":
		f.hasStatus = true
		f.actions = append(f.actions, statusActions(content)...)
	case "message/feedback-report":
		f.hasFeedback = true
	}
}

func statusActions(content []byte) []string {
	var out []string
	for line := range strings.Lines(string(content)) {
		name, value, ok := splitField([]byte(strings.TrimRight(line, "\r\n")))
		if !ok || name != "action" {
			continue
		}
		word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(string(value))), " ")
		out = append(out, strings.Trim(word, "();"))
	}
	return out
}

// calendarMethod is the METHOD of an iCalendar part (RFC 5546 section 1.4),
// as its Content-Type says or else its text.
func calendarMethod(param string, content []byte) string {
	if param != "" {
		return strings.ToUpper(strings.TrimSpace(param))
	}
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && strings.EqualFold(name, "METHOD") {
			return strings.ToUpper(strings.TrimSpace(value))
		}
	}
	return ""
}

// verdict is a class and what speaks for it; "" when nothing does.
type verdict struct {
	class   Class
	reasons []string
}

func because(c Class, reason string) verdict { return verdict{c, []string{reason}} }

// classify says what kind of email it is. Reports come first, since they are
// automatic mail and often marked as list mail or spam too.
func classify(e *Email, h header, f *facts) {
	spam := spamMark(h)
	e.Spam = spam != ""
	e.SuppressReply = suppressesReply(h)
	rules := []func() verdict{
		func() verdict { return classifyReport(e, h, f) },
		func() verdict { return classifyBounce(e, h) },
		func() verdict { return classifyCalendar(f) },
		func() verdict {
			if spam == "" {
				return verdict{}
			}
			return because(ClassSpam, spam)
		},
		func() verdict { return classifyAutomatic(e, h) },
		func() verdict { return classifyList(h) },
		func() verdict { return classifyNoReply(e) },
	}
	for _, rule := range rules {
		if v := rule(); v.class != "" {
			e.Class, e.Reasons = v.class, v.reasons
			return
		}
	}
	e.Class, e.Reasons = ClassHuman, []string{"nothing says that it was sent by a machine"}
}

// classifyReport reads multipart/report (RFC 6522), and delivery statuses that
// a server sent in another multipart. People forward such parts too.
func classifyReport(e *Email, h header, f *facts) verdict {
	if !f.isReport && (!f.hasStatus || daemonSender(e, h) == noDaemon && !e.NullReturnPath) {
		return verdict{}
	}
	switch {
	case f.reportType == "feedback-report" || f.hasFeedback:
		return because(ClassFeedbackReport, "abuse report (RFC 5965)")
	case f.reportType == "disposition-notification":
		return because(ClassReceipt, "notice about the disposition of an email (RFC 8098)")
	case f.hasStatus || f.reportType == "delivery-status":
		return classifyActions(f.actions)
	}
	return verdict{}
}

func classifyActions(actions []string) verdict {
	failed := slices.Contains(actions, "failed")
	switch {
	case len(actions) == 0:
		return because(ClassBounce, "delivery report (RFC 3464)")
	case failed:
		return because(ClassBounce, "delivery report with action failed (RFC 3464)")
	case slices.Contains(actions, "delayed"):
		return because(ClassDelayNotice, "delivery report with action delayed (RFC 3464)")
	case !slices.ContainsFunc(actions, func(a string) bool { return a != "delivered" && a != "relayed" && a != "expanded" }):
		return because(ClassReceipt, "delivery report with action "+actions[0]+" (RFC 3464)")
	}
	return because(ClassBounce, "delivery report with an unknown action")
}

// classifyBounce finds the reports of servers that do not follow RFC 3464.
func classifyBounce(e *Email, h header) verdict {
	sender := daemonSender(e, h)
	null := e.NullReturnPath || strings.Contains(strings.ToLower(e.ReturnPath), "mailer-daemon")
	auto := strings.HasPrefix(strings.ToLower(h.get("auto-submitted")), "auto-")
	if sender == noDaemon && !null && !auto && !h.has("x-failed-recipients") {
		return verdict{} // a person's: its words, which are dear to search, decide nothing
	}
	subject, delayed := bounceSubject(e.Subject)
	body := bounceBody(e.Text)
	v := verdict{class: ClassBounce}
	add := func(ok bool, reason string) bool {
		if ok {
			v.reasons = append(v.reasons, reason)
		}
		return ok
	}
	failed := add(h.has("x-failed-recipients"), "X-Failed-Recipients names an address")
	certain := add(sender == certainDaemon, "sent by a mail server's daemon")
	likely := add(sender == likelyDaemon, "sent by a postmaster")
	add(subject, "its subject is that of a delivery failure")
	add(body, "its text is that of a delivery failure")
	// A postmaster is a person at times, and people write about failures.
	if !failed && !certain && !(likely && null) && !((likely || null || auto) && subject && body) {
		return verdict{}
	}
	if delayed {
		v.class = ClassDelayNotice
		v.reasons = append(v.reasons, "its subject says that it is tried again")
	}
	return v
}

func classifyCalendar(f *facts) verdict {
	if f.calendarMethod == "REPLY" || f.calendarMethod == "COUNTER" {
		return because(ClassCalendarReply, "answer to an invitation (RFC 5546)")
	}
	return verdict{}
}

// classifyAutomatic finds out-of-office notes and other mail that no person wrote.
func classifyAutomatic(e *Email, h header) verdict {
	var reasons []string
	// RFC 3834 section 5; forwarding by a filter (RFC 5436) leaves a person's email as it is.
	word, _, _ := strings.Cut(strings.ToLower(CleanLine(h.get("auto-submitted"))), ";")
	word, _, _ = strings.Cut(strings.TrimSpace(word), " ")
	if word != "" && word != "no" && word != "auto-forwarded" {
		reasons = append(reasons, "Auto-Submitted: "+quoteShort(word)+" (RFC 3834)")
	}
	if strings.EqualFold(CleanLine(h.get("x-auto-response-suppress")), "all") {
		reasons = append(reasons, "X-Auto-Response-Suppress: All")
	}
	for _, f := range h {
		if slices.Contains(autoFields, f.name) && !isNo(f.value) {
			reasons = append(reasons, "field "+f.name)
		}
	}
	if p := precedence(h); p == "auto_reply" || p == "auto-reply" || p == "junk" {
		reasons = append(reasons, "Precedence: "+p)
	}
	if isAutoReplySubject(e.Subject) {
		reasons = append(reasons, "its subject is that of an automatic reply")
	}
	if strings.Contains(strings.ToLower(h.get("delivered-to")), "autoresponder") {
		reasons = append(reasons, "Delivered-To: autoresponder")
	}
	if e.NullReturnPath {
		reasons = append(reasons, "null Return-Path (RFC 3834 section 3.3)")
	}
	if len(reasons) == 0 {
		return verdict{}
	}
	return verdict{ClassAutoReply, slices.Compact(reasons)}
}

func isNo(value string) bool {
	v := strings.ToLower(CleanLine(value))
	return v == "" || v == "no" || v == "none" || v == "false" || v == "0"
}

func precedence(h header) string {
	p := h.get("precedence")
	if p == "" {
		p = h.get("preference")
	}
	return strings.ToLower(CleanLine(p))
}

// classifyList finds mailing lists and newsletters (RFC 2919, RFC 2369).
// List-Unsubscribe alone tells nothing: sales tools put it into what people write.
func classifyList(h header) verdict {
	for _, name := range []string{"list-id", "list-post", "x-mailing-list", "x-mailman-version"} {
		if h.get(name) != "" {
			return because(ClassList, "field "+name)
		}
	}
	if p := precedence(h); p == "list" || p == "bulk" {
		return because(ClassList, "Precedence: "+p)
	}
	return verdict{}
}

// classifyNoReply leaves contact forms out: their Reply-To is the person who wrote.
func classifyNoReply(e *Email) verdict {
	answerable := slices.ContainsFunc(e.ReplyTo, func(a Address) bool { return a.Address != "" && !isNoReplyAddress(a.Address) })
	if isNoReplyAddress(e.From.Address) && !answerable {
		return because(ClassNoReply, "its sender takes no replies")
	}
	return verdict{}
}

// suppressesReply says that the sender asks for no automatic answer.
func suppressesReply(h header) bool {
	v := strings.ToLower(CleanLine(h.get("x-auto-response-suppress")))
	for _, word := range []string{"all", "autoreply", "oof"} {
		if strings.Contains(v, word) {
			return true
		}
	}
	return precedence(h) != "" && precedence(h) != "first-class" && precedence(h) != "normal"
}

// spamMark is what a filter on the way said, "" when none called it spam.
func spamMark(h header) string {
	starts := func(name, word string) bool {
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.get(name))), word)
	}
	for _, name := range []string{"x-spam-flag", "x-spam-status", "x-spam", "x-rspamd-spam", "x-spam-tag", "x-bogosity", "x-dspam-result"} {
		if starts(name, "yes") || starts(name, "spam") || starts(name, "true") {
			return fmt.Sprintf("a filter marked it as spam (%s)", name)
		}
	}
	if action := strings.ToLower(h.get("x-rspamd-action")); strings.Contains(action, "reject") || strings.Contains(action, "add header") {
		return "a filter marked it as spam (x-rspamd-action)"
	}
	var level int
	if scl := h.get("x-ms-exchange-organization-scl"); scl == "" {
		return ""
	} else if _, err := fmt.Sscanf(scl, "%d", &level); err == nil && level >= 5 {
		return fmt.Sprintf("a filter marked it as spam (spam confidence level %d)", level)
	}
	return ""
}
