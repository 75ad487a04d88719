package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"
)

func (s *imapSession) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	if err := s.markSeen(set, o); err != nil {
		return err
	}
	for _, m := range s.seen(set) {
		if err := s.fetchOne(w.CreateMessage(m.seq), m.mailMessage, o); err != nil {
			return err
		}
	}
	return nil
}

// markSeen sets \Seen where the client reads a body without PEEK (RFC 3501 6.4.5).
func (s *imapSession) markSeen(set imap.NumSet, o *imap.FetchOptions) error {
	reads := slices.ContainsFunc(o.BodySection, func(b *imap.FetchItemBodySection) bool { return !b.Peek }) ||
		slices.ContainsFunc(o.BinarySection, func(b *imap.FetchItemBinarySection) bool { return !b.Peek })
	if !reads || s.view.readOnly {
		return nil
	}
	o.Flags = true
	unseen := slices.DeleteFunc(s.seen(set), func(m seenMessage) bool { return hasFlag(m.flags, imap.FlagSeen) })
	return s.changeFlags(uidsOf(unseen), imap.StoreFlagsAdd, []imap.Flag{imap.FlagSeen})
}

func (s *imapSession) fetchOne(w *imapserver.FetchResponseWriter, m mailMessage, o *imap.FetchOptions) error {
	w.WriteUID(m.uid)
	if o.Flags {
		w.WriteFlags(m.flags)
	}
	if o.InternalDate {
		w.WriteInternalDate(m.time)
	}
	if o.RFC822Size {
		w.WriteRFC822Size(m.size())
	}
	if o.Envelope {
		// What cannot be parsed leaves the fields before it.
		header, _ := textproto.ReadHeader(bufio.NewReader(s.store.read(m, 0)))
		w.WriteEnvelope(imapserver.ExtractEnvelope(header))
	}
	if o.BodyStructure != nil {
		w.WriteBodyStructure(imapserver.ExtractBodyStructure(s.store.read(m, 0)))
	}
	err := s.fetchSections(w, m, o)
	return errors.Join(err, w.Close())
}

func (s *imapSession) fetchSections(w *imapserver.FetchResponseWriter, m mailMessage, o *imap.FetchOptions) error {
	for _, item := range o.BodySection {
		body, size, err := s.section(m, item)
		if err != nil {
			return err
		}
		if err := writeLiteral(w.WriteBodySection(item, size), body); err != nil {
			return err
		}
	}
	for _, item := range o.BinarySection {
		part := imapserver.ExtractBinarySection(s.store.read(m, 0), item)
		if err := writeLiteral(w.WriteBinarySection(item, int64(len(part))), bytes.NewReader(part)); err != nil {
			return err
		}
	}
	for _, item := range o.BinarySectionSize {
		w.WriteBinarySectionSize(item, imapserver.ExtractBinarySectionSize(s.store.read(m, 0), item))
	}
	return nil
}

// section serves BODY[], BODY[HEADER] and BODY[TEXT] as the bytes they are,
// from the file: the library's parser would give nothing for an email with one
// malformed header line. Parts and single fields need that parser.
func (s *imapSession) section(m mailMessage, item *imap.FetchItemBodySection) (io.Reader, int64, error) {
	if len(item.Part) > 0 || len(item.HeaderFields) > 0 || len(item.HeaderFieldsNot) > 0 ||
		item.Specifier == imap.PartSpecifierMIME {
		part := imapserver.ExtractBodySection(s.store.read(m, 0), item)
		return bytes.NewReader(part), int64(len(part)), nil
	}
	from, to := int64(0), m.size()
	if item.Specifier != imap.PartSpecifierNone {
		end, err := headerEnd(s.store.read(m, 0))
		if err != nil {
			return nil, 0, err
		}
		if item.Specifier == imap.PartSpecifierText {
			from = end
		} else {
			to = end
		}
	}
	if p := item.Partial; p != nil {
		from = min(from+min(p.Offset, m.size()), to)
		to = min(from+min(p.Size, m.size()), to)
	}
	return io.LimitReader(s.store.read(m, from), to-from), to - from, nil
}

// headerEnd finds where the body begins: behind the first empty line.
func headerEnd(r io.Reader) (end int64, err error) {
	in := bufio.NewReader(r)
	lineStart := true
	for {
		line, err := in.ReadSlice('\n')
		end += int64(len(line))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			lineStart = false
			continue
		case errors.Is(err, io.EOF):
			return end, nil
		case err != nil:
			return 0, err
		case lineStart && len(bytes.TrimRight(line, "\r\n")) == 0:
			return end, nil
		}
		lineStart = true
	}
}

func writeLiteral(w io.WriteCloser, body io.Reader) error {
	_, err := io.Copy(w, body)
	return errors.Join(err, w.Close())
}
