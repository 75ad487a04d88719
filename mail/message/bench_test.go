package message

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// Emails of the shapes that a desk gets, and of some that it should not. The
// figures of a run count less than how they compare with those of the commit before.
var benchEmails = []struct {
	name string
	raw  func() string
}{
	{"plain 4 KiB", func() string { return benchHead("text/plain") + benchText(3<<10) + benchQuote(700) }},
	{"alternative 16 KiB", func() string {
		text := benchText(4<<10) + benchQuote(1<<10)
		return benchHead("multipart/alternative; boundary=b") + "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
			text + "\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.ReplaceAll(benchPage(9<<10), "=", "=3D") + "\r\n--b--\r\n"
	}},
	{"HTML 40 KiB", func() string { return benchHead("text/html; charset=utf-8") + benchPage(38<<10) }},
	{"attachment 1 MiB", func() string {
		file := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("a file of 48 bytes and some of them are random.."), 16<<10))
		return benchHead("multipart/mixed; boundary=b") + "--b\r\nContent-Type: text/plain\r\n\r\n" + benchText(2<<10) +
			"\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrapLines(file, 76) + "--b--\r\n"
	}},
	{"thread 200 KiB", func() string { return benchHead("text/plain") + benchText(1<<10) + benchQuote(200<<10) }},
	{"answers between 200 KiB", func() string {
		return benchHead("text/plain") + strings.Repeat("> a line that somebody wrote before\r\n> and another\r\n\r\nNo: on 2 May it was not so.\r\n\r\n", 2_300)
	}},
	{"introductions 200 KiB", func() string {
		return benchHead("text/plain") + strings.Repeat("On Mon, 2 Jan 2006 at 15:04 Ann <a@case.example> said\r\n", 3_700)
	}},
	{"short lines 200 KiB", func() string { return benchHead("text/plain") + strings.Repeat("a\r\n", 68_000) }},
}

func BenchmarkParse(b *testing.B) {
	for _, email := range benchEmails {
		b.Run(email.name, func(b *testing.B) {
			raw := []byte(email.raw())
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bytes.NewReader(raw), DefaultLimits(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchHead is the header of an email that passed through several servers.
func benchHead(typ string) string {
	var b strings.Builder
	for i := range 5 {
		fmt.Fprintf(&b, "Received: from mx%d.case.example (mx%d.case.example [192.0.2.%d])\r\n\tby relay%d.desk.example (Postfix) with ESMTPS id 4XyZ%d\r\n"+
			"\tfor <support@desk.example>; Sun, 22 Nov 2026 10:00:0%d +0000 (UTC)\r\n", i, i, i, i, i, i)
	}
	b.WriteString("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=case.example; s=k1;\r\n")
	for range 6 {
		b.WriteString("\tb=" + strings.Repeat("Qk9ESUdFU1Q", 6) + "\r\n")
	}
	b.WriteString("Delivered-To: support@desk.example\r\nReturn-Path: <ann@case.example>\r\nAuthentication-Results: desk.example; dkim=pass header.d=case.example\r\n" +
		"From: =?utf-8?q?Ann_L=C3=BCders?= <ann@case.example>\r\nTo: Support <support@desk.example>\r\nCc: Bob <bob@case.example>, Cy <cy@case.example>\r\n" +
		"Subject: Re: [#1042] The printer on the second floor\r\nMessage-ID: <0123456789abcdef@case.example>\r\nIn-Reply-To: <fedcba9876543210@desk.example>\r\n" +
		"References: <a@desk.example> <b@case.example> <fedcba9876543210@desk.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nX-Mailer: Mailer 1.2\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: " + typ + "\r\n\r\n")
	return b.String()
}

var benchLines = []string{
	"Hello, thank you for the quick answer of Friday.", "I have tried what you wrote: the printer still says \"paper jam\" after 3 minutes.",
	"", "These are the steps I took:", " - switched it off at 10:30 and on again", " - opened tray 2, nothing was in it", "",
	"Could somebody come by on 24 November? My extension is 4411, or write to ann@case.example.", "The colleagues from accounting wait for their invoices, so it would help a lot.", "",
}

// benchText is what people write, in lines of usual length.
func benchText(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteString(benchLines[i%len(benchLines)] + "\r\n")
	}
	b.WriteString("Kind regards,\r\nAnn\r\n")
	return b.String()
}

// benchQuote is the email that is answered, below its introduction.
func benchQuote(size int) string {
	return "\r\nOn Fri, 20 Nov 2026 at 09:12, Support <support@desk.example> wrote:\r\n\r\n> " + strings.ReplaceAll(benchText(size), "\r\n", "\r\n> ")
}

// benchPage is HTML as mail programs write it.
func benchPage(size int) string {
	var b strings.Builder
	b.WriteString(`<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style>p.MsoNormal {margin:0cm; font-size:11.0pt}</style></head><body lang="EN-GB" link="#0563C1">`)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "<p class=\"MsoNormal\"><span style=\"font-size:11.0pt;font-family:&quot;Calibri&quot;,sans-serif\">%s<o:p>&nbsp;</o:p></span></p>\r\n", benchLines[i%len(benchLines)])
		if i%8 == 0 {
			b.WriteString("<table><tr><td align=\"left\">Order</td><td>4711</td></tr></table><a href=\"https://case.example/orders/4711?from=mail\">the order</a><br>\r\n<img src=\"https://case.example/logo.png\" alt=\"Logo\">")
		}
	}
	b.WriteString("</body></html>")
	return b.String()
}

func wrapLines(s string, width int) string {
	var b strings.Builder
	for ; len(s) > width; s = s[width:] {
		b.WriteString(s[:width] + "\r\n")
	}
	b.WriteString(s + "\r\n")
	return b.String()
}
