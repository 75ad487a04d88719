package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"time"
)

// The shape of the measured emails: 4 to 40 KiB, about 16 KiB in the mean; three in ten carry a base64
// attachment, four in ten are multipart/alternative, the rest is plain text; headers of 2 to 4 KB.
const (
	smallestEmail = 4 << 10
	largestEmail  = 40 << 10
	emailSeed     = 20261122
)

// emailsPerSender keeps every email below the limit of acknowledgements, so that each one costs a letter.
const emailsPerSender = 2

func seeded(i int) *rand.Rand { return rand.New(rand.NewPCG(emailSeed, uint64(i))) }

// email is the i-th email of the measured mailbox; the same i gives the same bytes.
func email(i int) []byte {
	w := &writer{rng: seeded(i)}
	share := w.rng.Float64()
	// The square makes small emails more frequent, as they are.
	size := smallestEmail + int(float64(largestEmail-smallestEmail-1024)*share*share)
	w.header(i)
	switch kind := i % 10; {
	case kind < 3:
		w.withAttachment(size)
	case kind < 7:
		w.alternative(size)
	default:
		w.plain(size)
	}
	return bytes.ReplaceAll(w.Bytes(), []byte("\n"), []byte("\r\n"))
}

func senderOf(i int) string {
	n := i / emailsPerSender
	return fmt.Sprintf("person%d@firm%d.example", n, n/5)
}

func messageID(i int) string {
	return fmt.Sprintf("measured-%d@%s", i, strings.SplitN(senderOf(i), "@", 2)[1])
}

// writer builds one email with bare line feeds.
type writer struct {
	bytes.Buffer
	rng *rand.Rand
}

func (w *writer) header(i int) {
	from := senderOf(i)
	domain := strings.SplitN(from, "@", 2)[1]
	at := time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC)
	fmt.Fprintf(w, "Return-Path: <%s>\nDelivered-To: %s\n", from, deskAddress)
	for hop := range 5 + w.rng.IntN(3) {
		fmt.Fprintf(w, "Received: from mx%d.%s (mx%d.%s [192.0.2.%d])\n\tby relay%d.desk.example (Postfix) with ESMTPS id %s\n\tfor <%s>; %s\n",
			hop, domain, hop, domain, 1+w.rng.IntN(250), hop, w.token(12), deskAddress, at.Format(time.RFC1123Z))
	}
	for _, selector := range []string{"s1", "s2"}[:1+w.rng.IntN(2)] {
		fmt.Fprintf(w, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=%s;\n\tt=%d; h=from:to:subject:date:message-id:mime-version;\n\tbh=%s;\n\tb=%s\n",
			domain, selector, at.Unix(), w.base64(32), strings.TrimRight(w.base64Lines(256, "\n\t "), "\n\t "))
	}
	fmt.Fprintf(w, "Authentication-Results: mx.desk.example;\n\tdkim=pass header.d=%s header.s=s1 header.b=%s;\n\tspf=pass smtp.mailfrom=%s;\n\tdmarc=pass header.from=%s\n",
		domain, w.token(8), from, domain)
	fmt.Fprintf(w, "From: %s <%s>\nTo: Support <%s>\nSubject: %s\nDate: %s\nMessage-ID: <%s>\nUser-Agent: Mozilla Thunderbird\nX-Originating-IP: [198.51.100.%d]\nMIME-Version: 1.0\n",
		w.words(2), from, deskAddress, w.words(3+w.rng.IntN(6)), at.Format(time.RFC1123Z), messageID(i), w.rng.IntN(250))
}

func (w *writer) plain(size int) {
	fmt.Fprintf(w, "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
	w.paragraphs(size)
}

func (w *writer) alternative(size int) {
	boundary := "alt_" + w.token(16)
	fmt.Fprintf(w, "Content-Type: multipart/alternative; boundary=%q\n\n", boundary)
	w.texts(boundary, size)
}

// texts is a text and the same size twice over in HTML, as mail programs write it.
func (w *writer) texts(boundary string, size int) {
	left := size - w.Len()
	fmt.Fprintf(w, "--%s\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n", boundary)
	w.quoted(w.prose(left / 3))
	fmt.Fprintf(w, "\n--%s\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n", boundary)
	html := &strings.Builder{}
	html.WriteString("<html><head><style>p.text { margin: 0; font-family: Calibri, sans-serif }</style></head><body>\n")
	for html.Len() < left/2 {
		fmt.Fprintf(html, "<p class=\"text\"><span style=\"font-size: 11pt\">%s</span></p>\n<div><br></div>\n", w.prose(300))
	}
	html.WriteString("</body></html>\n")
	w.quoted(html.String())
	fmt.Fprintf(w, "\n--%s--\n", boundary)
}

func (w *writer) withAttachment(size int) {
	boundary := "mix_" + w.token(16)
	fmt.Fprintf(w, "Content-Type: multipart/mixed; boundary=%q\n\n--%s\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n", boundary, boundary)
	w.paragraphs(w.Len() + 600)
	fmt.Fprintf(w, "\n--%s\nContent-Type: application/pdf; name=\"%s.pdf\"\nContent-Disposition: attachment; filename=\"%s.pdf\"\nContent-Transfer-Encoding: base64\n\n",
		boundary, w.token(6), w.token(6))
	// Photographs and PDF files do not compress; 76 characters a line hold 57 bytes.
	left := max(1024, size-w.Len())
	w.WriteString(w.base64Lines(left*57/77, "\n"))
	fmt.Fprintf(w, "--%s--\n", boundary)
}

// paragraphs writes prose until the email has the size.
func (w *writer) paragraphs(size int) {
	for w.Len() < size {
		w.WriteString(w.prose(min(500, size-w.Len()+40)))
		w.WriteString("\n\n")
	}
}

// prose is about n bytes of sentences in lines of 78 at most.
func (w *writer) prose(n int) string {
	var text strings.Builder
	for column := 0; text.Len() < n; {
		word := vocabulary[w.rng.IntN(len(vocabulary))]
		if column+len(word) > 76 {
			text.WriteByte('\n')
			column = 0
		}
		text.WriteString(word)
		text.WriteByte(' ')
		column += len(word) + 1
	}
	return text.String()
}

func (w *writer) quoted(text string) {
	q := quotedprintable.NewWriter(w)
	_, _ = q.Write([]byte(text)) // into memory: it cannot fail
	_ = q.Close()
}

func (w *writer) words(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = vocabulary[w.rng.IntN(len(vocabulary))]
	}
	return strings.Join(words, " ")
}

func (w *writer) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return b
}

func (w *writer) base64(n int) string { return base64.StdEncoding.EncodeToString(w.random(n)) }

// base64Lines is n random bytes in lines of 76 characters, each ended by end.
func (w *writer) base64Lines(n int, end string) string {
	text := w.base64(n)
	var lines strings.Builder
	for len(text) > 0 {
		cut := min(76, len(text))
		lines.WriteString(text[:cut] + end)
		text = text[cut:]
	}
	return lines.String()
}

func (w *writer) token(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[w.rng.IntN(len(letters))]
	}
	return string(b)
}

var vocabulary = strings.Fields(`the a an and or but if when while since we you they it this that our your their customer invoice order
printer router account password login office machine delivery contract service monthly report question answer problem letter
please thanks regards morning yesterday today tomorrow Monday Friday week month phone number address building floor room team
colleague manager update version install remove restart error message screen button page website server network cable signal
slow broken missing wrong late early again never always sometimes still already cannot could would should has had was were been
is are do does did send sent receive received attach attached find found check checked call called open close pay paid charge
charged price amount total tax discount offer agree accept refuse cancel cancelled move moved change changed café naïve größer
without with about after before between during under over from into for to of on in at by as so than then there here`)
