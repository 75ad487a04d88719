package archive

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

var (
	fromPrefix   = []byte("From ")
	quotedPrefix = []byte(">From ")
)

// longestFromLine bounds what may be a From_ line, and the line behind it that is looked at.
const longestFromLine = 1000

// isFromLine decides about a line that begins with From and a space: text may begin so as well, in files that do
// not quote it. A From_ line has a date, or nothing at all, and a header follows.
func (m *Mbox) isFromLine(line []byte, at int64) (*fromLine, bool) {
	if len(line) > longestFromLine || line[len(line)-1] != '\n' {
		return nil, false
	}
	next, err := m.r.Peek(longestFromLine)
	if err != nil && err != io.EOF {
		return nil, false // the next read tells
	}
	date, ok := separates(line, next)
	return &fromLine{at: at, date: date}, ok
}

func separates(line, next []byte) (date time.Time, ok bool) {
	date, dated := fromDate(line)
	if rest := strings.TrimSpace(string(line[len(fromPrefix):])); !dated && rest != "" && rest != "-" {
		return date, false
	}
	return date, isField(next) || bytes.HasPrefix(next, quotedPrefix)
}

// endsAt reports whether an email may end there: behind it is the end of the file or a From_ line, with at most two
// line ends between.
func (m *Mbox) endsAt(end int64) bool {
	if end > m.size || end < 0 {
		return false
	}
	around := make([]byte, 2*longestFromLine)
	n, err := m.file.ReadAt(around, end-1)
	if err != nil && err != io.EOF {
		return false
	}
	around = around[:n]
	if n == 0 {
		return false
	}
	last, rest := around[0], around[1:]
	trimmed := rest
	for range 2 {
		trimmed = bytes.TrimPrefix(bytes.TrimPrefix(trimmed, []byte("\r")), []byte("\n"))
	}
	if len(trimmed) == 0 {
		return true
	}
	if last != '\n' && len(trimmed) == len(rest) || !bytes.HasPrefix(trimmed, fromPrefix) {
		return false
	}
	line, next, whole := bytes.Cut(trimmed, []byte("\n"))
	_, ok := separates(line, next)
	return whole && ok
}

// fromDate finds the date of a From_ line, as asctime writes it, with or without a zone: sender and weekday may
// be anything. dated tells that it has a time and a year at all.
func fromDate(line []byte) (at time.Time, dated bool) {
	words := strings.Fields(string(line[len(fromPrefix):]))
	for i, clock := range words {
		if strings.Count(clock, ":") == 0 || clock[0] < '0' || clock[0] > '9' {
			continue
		}
		for _, year := range words[i+1:] {
			if !isYear(year) {
				continue
			}
			if i < 2 {
				return time.Time{}, true
			}
			return parsed(words[i-2], words[i-1], clock, year, words[i+1:]), true
		}
	}
	return time.Time{}, false
}

func isYear(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && len(s) == 4 && n >= 1970 && n < 2200
}

func parsed(month, day, clock, year string, behind []string) time.Time {
	zone := "+0000"
	for _, word := range behind {
		if len(word) == 5 && (word[0] == '+' || word[0] == '-') {
			zone = word
		}
	}
	for _, layout := range []string{"Jan 2 15:04:05 2006 -0700", "Jan 2 15:04 2006 -0700"} {
		if at, err := time.Parse(layout, strings.Join([]string{month, day, clock, year, zone}, " ")); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// isField reports whether text begins with a header field: a name of visible characters and a colon
// (RFC 5322 section 2.2).
func isField(text []byte) bool {
	for i, c := range text {
		if c == ':' {
			return i > 0
		}
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return false
}

func isBlank(line []byte) bool { return len(bytes.Trim(line, "\r\n")) == 0 }

// unquoted takes off one > of a line that an mbox's writer quoted, so that it was no From_ line.
func unquoted(line []byte) []byte {
	if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, fromPrefix) {
		return line[1:]
	}
	return line
}

var lengthField = []byte("content-length:")

func (b *mboxEmail) noteLength(line []byte) {
	if len(line) < len(lengthField) || !bytes.EqualFold(line[:len(lengthField)], lengthField) {
		return
	}
	b.lengths++
	n, err := strconv.ParseInt(strings.TrimSpace(string(line[len(lengthField):])), 10, 62)
	if err != nil {
		n = -1
	}
	b.length = n
}
