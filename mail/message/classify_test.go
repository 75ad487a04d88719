package message

import "testing"

func TestClassify(t *testing.T) {
	t.Parallel()
	report := func(kind, part string) string {
		return "Return-Path: <>\r\n" + head + "Content-Type: multipart/report; report-type=" + kind + "; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\n" + part + "\r\n--b--\r\n"
	}
	status := func(action string) string {
		return report("delivery-status", "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\nAction: "+action+"\r\n")
	}
	from := func(who, fields string) string {
		return "From: " + who + "\r\nSubject: hello\r\nMessage-ID: <c@x>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n" + fields + "\r\nthe text\r\n"
	}
	subject := func(s string) string {
		return "From: ann@x.example\r\nSubject: " + s + "\r\n\r\nthe text\r\n"
	}
	for name, c := range map[string]struct {
		raw   string
		class Class
	}{
		"a person":                    {head + "\r\ntext", ClassHuman},
		"failed":                      {status("failed"), ClassBounce},
		"failed, with a comment":      {status("Failed (x)"), ClassBounce},
		"delayed":                     {status("delayed"), ClassDelayNotice},
		"delivered":                   {status("delivered"), ClassReceipt},
		"relayed":                     {status("relayed"), ClassReceipt},
		"status without action":       {report("delivery-status", "Content-Type: message/delivery-status\r\n\r\nx: y"), ClassBounce},
		"abuse report":                {report("feedback-report", "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse"), ClassFeedbackReport},
		"read receipt":                {report("disposition-notification", "Content-Type: message/disposition-notification\r\n\r\nDisposition: x; displayed"), ClassReceipt},
		"a person forwards a bounce":  {head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwhat is this?\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--\r\n", ClassHuman},
		"a person answers a bounce":   {"Return-Path: <ann@x.example>\r\n" + subject("Re: Undeliverable: hello"), ClassHuman},
		"a postmaster as a person":    {"Return-Path: <postmaster@x.example>\r\n" + from("postmaster@x.example", ""), ClassHuman},
		"mailer daemon":               {from("MAILER-DAEMON@x.example", ""), ClassBounce},
		"mailer daemon with warning":  {"From: Mail Delivery System <MAILER-DAEMON@x.example>\r\nSubject: Warning: message delayed 4 hours\r\n\r\ntext", ClassDelayNotice},
		"X-Failed-Recipients":         {from("a@x.example", "X-Failed-Recipients: b@x.example\r\n"), ClassBounce},
		"calendar reply":              {head + "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR", ClassCalendarReply},
		"calendar reply by its text":  {head + "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR", ClassCalendarReply},
		"invitation":                  {head + "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR", ClassHuman},
		"spam flag":                   {from("a@x.example", "X-Spam-Flag: YES\r\n"), ClassSpam},
		"spam status":                 {from("a@x.example", "X-Spam-Status: Yes, score=9\r\n"), ClassSpam},
		"no spam":                     {from("a@x.example", "X-Spam-Flag: NO\r\nX-Spam-Status: No, score=1\r\nX-MS-Exchange-Organization-SCL: 1\r\n"), ClassHuman},
		"spam level":                  {from("a@x.example", "X-MS-Exchange-Organization-SCL: 5\r\n"), ClassSpam},
		"rspamd":                      {from("a@x.example", "X-Rspamd-Action: add header\r\n"), ClassSpam},
		"Auto-Submitted replied":      {from("a@x.example", "Auto-Submitted: auto-replied (vacation)\r\n"), ClassAutoReply},
		"Auto-Submitted generated":    {from("a@x.example", "Auto-Submitted: Auto-Generated; x=y\r\n"), ClassAutoReply},
		"Auto-Submitted no":           {from("a@x.example", "Auto-Submitted: no\r\n"), ClassHuman},
		"Auto-Submitted forwarded":    {from("a@x.example", "Auto-Submitted: auto-forwarded\r\n"), ClassHuman},
		"Exchange":                    {from("a@x.example", "X-Auto-Response-Suppress: All\r\n"), ClassAutoReply},
		"Exchange, for a person":      {from("a@x.example", "X-Auto-Response-Suppress: DR, OOF, AutoReply\r\n"), ClassHuman},
		"Exchange rule":               {from("a@x.example", "X-MS-Exchange-Inbox-Rules-Loop: a@x.example\r\n"), ClassAutoReply},
		"Gmail":                       {from("a@x.example", "Precedence: bulk\r\nX-Autoreply: yes\r\n"), ClassAutoReply},
		"X-Autoreply no":              {from("a@x.example", "X-Autoreply: no\r\n"), ClassHuman},
		"Precedence auto_reply":       {from("a@x.example", "Precedence: auto_reply\r\n"), ClassAutoReply},
		"null return path":            {from("a@x.example", "Return-Path: <>\r\n"), ClassAutoReply},
		"subject, English":            {subject("Automatic reply: order"), ClassAutoReply},
		"subject, German":             {subject("Abwesenheitsnotiz: Bestellung"), ClassAutoReply},
		"subject, French":             {subject("=?utf-8?q?R=C3=A9ponse_automatique=C2=A0=3A_commande?="), ClassAutoReply},
		"subject, Notes":              {subject("AUTO: Ann Lee is out of the office (returning Monday)"), ClassAutoReply},
		"subject, Japanese":           {subject("=?utf-8?b?6Ieq5YuV5b+c562UOiBSZQ==?="), ClassAutoReply},
		"a person about an absence":   {subject("Out of office message does not work"), ClassHuman},
		"a person about cars":         {subject("Auto: insurance"), ClassHuman},
		"answer to an automatic mail": {subject("Re: Automatic reply: order"), ClassHuman},
		"list":                        {from("a@x.example", "List-Id: <l.x.example>\r\n"), ClassList},
		"bulk":                        {from("a@x.example", "Precedence: bulk\r\n"), ClassList},
		"List-Unsubscribe alone":      {from("a@x.example", "List-Unsubscribe: <mailto:u@x.example>\r\n"), ClassHuman},
		"no-reply":                    {from("no-reply@x.example", ""), ClassNoReply},
		"no-reply with a word":        {from("orders.noreply@x.example", ""), ClassNoReply},
		"no-reply in German":          {from("nicht-antworten@x.example", ""), ClassNoReply},
		"contact form":                {from("noreply@x.example", "Reply-To: ann@y.example\r\n"), ClassHuman},
		"not no-reply":                {from("noreplyson@x.example", ""), ClassHuman},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := parse(t, c.raw)
			if e.Class != c.class || len(e.Reasons) == 0 {
				t.Errorf("class %s because %q, want %s", e.Class, e.Reasons, c.class)
			}
		})
	}
}

func TestSpamAndSuppress(t *testing.T) {
	t.Parallel()
	if e := parse(t, "X-Spam-Flag: YES\r\n"+head+"\r\ntext"); !e.Spam {
		t.Error("spam is not marked")
	}
	// A bounce stays a bounce where a filter calls it spam.
	if e := parse(t, "X-Spam-Flag: YES\r\nFrom: MAILER-DAEMON@x.example\r\n\r\ntext"); !e.Spam || e.Class != ClassBounce {
		t.Errorf("spam %v, class %s", e.Spam, e.Class)
	}
	for fields, want := range map[string]bool{"": false, "X-Auto-Response-Suppress: OOF, AutoReply\r\n": true, "X-Auto-Response-Suppress: RN\r\n": false, "Precedence: bulk\r\n": true} {
		if e := parse(t, fields+head+"\r\ntext"); e.SuppressReply != want {
			t.Errorf("%q gives %v", fields, e.SuppressReply)
		}
	}
}
