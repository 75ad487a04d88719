package embedded

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"
)

// Search goes through the folder; only criteria about the text read the file.
func (s *imapSession) Search(kind imapserver.NumKind, c *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	var all imap.SeqSet
	all.AddRange(1, 0)
	messages := s.seen(all)
	s.makeStatic(c, messages)

	var seqs imap.SeqSet
	var uids imap.UIDSet
	data := &imap.SearchData{}
	for _, m := range messages {
		if !s.matches(m, c) {
			continue
		}
		num := m.seq
		if kind == imapserver.NumKindUID {
			num = uint32(m.uid)
		}
		seqs.AddNum(m.seq)
		uids.AddNum(m.uid)
		if data.Count == 0 {
			data.Min = num
		}
		data.Max = num
		data.Count++
	}
	data.All = seqs
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	return data, nil
}

// makeStatic replaces "*" in the criteria, once for the whole search.
func (s *imapSession) makeStatic(c *imap.SearchCriteria, messages []seenMessage) {
	var largest uint32
	if len(messages) > 0 {
		largest = messages[len(messages)-1].seq
	}
	for i, set := range c.SeqNum {
		c.SeqNum[i] = staticSeqs(set, largest)
	}
	s.store.mu.RLock()
	for i, set := range c.UID {
		c.UID[i] = s.view.staticUIDs(set)
	}
	s.store.mu.RUnlock()
	for i := range c.Not {
		s.makeStatic(&c.Not[i], messages)
	}
	for i := range c.Or {
		s.makeStatic(&c.Or[i][0], messages)
		s.makeStatic(&c.Or[i][1], messages)
	}
}

func (s *imapSession) matches(m seenMessage, c *imap.SearchCriteria) bool {
	for _, set := range c.SeqNum {
		if !set.Contains(m.seq) {
			return false
		}
	}
	for _, set := range c.UID {
		if !set.Contains(m.uid) {
			return false
		}
	}
	for _, not := range c.Not {
		if s.matches(m, &not) {
			return false
		}
	}
	for _, or := range c.Or {
		if !s.matches(m, &or[0]) && !s.matches(m, &or[1]) {
			return false
		}
	}
	return matchesEnvelope(m.mailMessage, c) && s.matchesText(m.mailMessage, c)
}

func matchesEnvelope(m mailMessage, c *imap.SearchCriteria) bool {
	for _, flag := range c.Flag {
		if !hasFlag(m.flags, flag) {
			return false
		}
	}
	for _, flag := range c.NotFlag {
		if hasFlag(m.flags, flag) {
			return false
		}
	}
	if c.Larger != 0 && m.size() <= c.Larger || c.Smaller != 0 && m.size() >= c.Smaller {
		return false
	}
	return withinDays(m.time, c.Since, c.Before)
}

// withinDays compares dates without time and zone (RFC 3501 6.4.4).
func withinDays(t, since, before time.Time) bool {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}

func (s *imapSession) matchesText(m mailMessage, c *imap.SearchCriteria) bool {
	sentDay := !c.SentSince.IsZero() || !c.SentBefore.IsZero()
	if len(c.Header) == 0 && !sentDay && len(c.Body) == 0 && len(c.Text) == 0 {
		return true
	}
	// What cannot be parsed leaves the fields before it.
	fields, _ := textproto.ReadHeader(bufio.NewReader(s.store.read(m, 0)))
	header := mail.Header{Header: message.Header{Header: fields}}
	for _, want := range c.Header {
		if !headerHas(header, want) {
			return false
		}
	}
	if sentDay {
		sent, err := header.Date()
		if err != nil || !withinDays(sent, c.SentSince, c.SentBefore) {
			return false
		}
	}
	for _, text := range c.Text {
		if !headerHas(header, imap.SearchCriteriaHeaderField{Value: text}) && !s.bodyHas(m, text) {
			return false
		}
	}
	for _, text := range c.Body {
		if !s.bodyHas(m, text) {
			return false
		}
	}
	return true
}

// headerHas looks in the fields of the key, or in all when there is no key.
func headerHas(h mail.Header, want imap.SearchCriteriaHeaderField) bool {
	fields := h.Fields()
	if want.Key != "" {
		fields = h.FieldsByKey(want.Key)
	}
	for fields.Next() {
		text, err := fields.Text()
		if err != nil {
			text = fields.Value()
		}
		if containsFold(text, want.Value) {
			return true
		}
	}
	return false
}

// bodyHas looks in the decoded text parts, and in the bytes as they came when
// the email cannot be parsed.
func (s *imapSession) bodyHas(m mailMessage, text string) bool {
	entity, err := message.Read(s.store.read(m, 0))
	if entity == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		raw, err := io.ReadAll(s.store.read(m, 0))
		return err == nil && containsFold(string(raw), text)
	}
	found := false
	entity.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil || part == nil {
			return err
		}
		kind, _, _ := part.Header.ContentType()
		if kind != "" && !strings.HasPrefix(kind, "text/") {
			return nil
		}
		var body bytes.Buffer
		body.ReadFrom(part.Body) // a broken end leaves the text before it
		found = found || containsFold(body.String(), text)
		return nil
	})
	return found
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
