package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

const maxKeyedField = 64 << 10 // bytes of one field that count for ContentKey

// ContentKey is the same for the same email whatever way it came: SHA-256 over
// the raw values of Message-ID, From, Date and Subject, unfolded, and over the
// body with its line ends normalised. It streams, and Parse gives the same in
// Email.ContentKey. The error is that of raw.
func ContentKey(raw io.Reader) ([32]byte, error) {
	r := newRawReader(raw)
	defer r.release()
	key, err := r.finish()
	if err != nil {
		return [32]byte{}, fmt.Errorf("read email: %w", err)
	}
	return key, nil
}

var keyedFields = [...]string{"message-id", "from", "date", "subject"}

// noField stands for "a field that does not count" where the index of one is asked for.
const noField = -1

// keyer takes an email piece by piece. It is in the header until a blank line
// or a line that is no field. Such a line is body: two emails that differ in it
// must not have one key.
type keyer struct {
	fields  [len(keyedFields)][]byte
	found   bool // one of them
	current int  // the field that a folded line continues
	started bool
	inBody  bool
	middle  bool   // of a line longer than lineBuffer
	line    []byte // of the header, not yet whole
	body    bodyHash
	head    bodyHash
}

// reset makes the keyer ready for another email.
func (k *keyer) reset() {
	for i := range k.fields {
		k.fields[i] = k.fields[i][:0]
	}
	k.found, k.current, k.started, k.inBody, k.middle = false, noField, false, false, false
	k.line = k.line[:0]
	k.body.reset()
	k.head.reset()
}

func (k *keyer) write(p []byte) {
	for len(p) > 0 && !k.inBody {
		end := bytes.IndexByte(p, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(p)
		}
		if room := lineBuffer - len(k.line); end > room {
			end, whole = room, false
		}
		line := p[:end]
		if p = p[end:]; len(k.line) > 0 || !whole {
			k.line = append(k.line, line...)
			line = k.line
		}
		if whole || len(line) == lineBuffer {
			k.add(line, whole)
			k.line = k.line[:0]
		}
	}
	k.body.write(p)
}

// add takes a line of the header, or lineBuffer bytes of one that does not end there.
func (k *keyer) add(line []byte, ends bool) {
	middle := k.middle
	k.middle = !ends
	k.head.write(line)
	if middle || k.started && (line[0] == ' ' || line[0] == '\t') {
		k.value(nil, line)
		return
	}
	if isBlank(line) {
		k.inBody = k.started
		return
	}
	name, value, ok := cutField(line)
	switch {
	case ok:
		k.started, k.current = true, keyedField(name)
		k.value(oneSpace, value)
	case !k.started && isMboxLine(line):
	default:
		k.inBody = true
		k.body.write(line)
	}
}

var oneSpace = []byte{' '}

func keyedField(name []byte) int {
	for i, keyed := range keyedFields {
		if len(name) == len(keyed) && bytes.EqualFold(name, []byte(keyed)) {
			return i
		}
	}
	return noField
}

func (k *keyer) value(gap, v []byte) {
	if k.current == noField {
		return
	}
	k.found = true
	if field := &k.fields[k.current]; len(*field) < maxKeyedField {
		*field = append(append(*field, gap...), v...)
	}
}

// sum is the key, once all is written.
func (k *keyer) sum() [32]byte {
	if len(k.line) > 0 {
		k.add(k.line, true)
		k.line = k.line[:0]
	}
	h := sha256.New()
	for _, field := range k.fields {
		// Servers fold anew: any white space counts as one space.
		v := bytes.Join(bytes.Fields(field), []byte(" "))
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(v)))
		h.Write(size[:])
		h.Write(v)
	}
	if !k.found {
		// Nothing tells this email from another but all of its bytes.
		h.Write(k.head.sum())
	}
	h.Write(k.body.sum())
	return [32]byte(h.Sum(nil))
}

// bodyHash hashes text with every line end as LF and without the line ends at
// its end, which servers add and take away.
type bodyHash struct {
	h       hash.Hash
	ends    int        // line feeds held back
	pending bool       // the last byte was a carriage return
	n       int        // bytes in buf
	buf     [4096]byte // lines are short, and hashing many at once is cheaper
}

func (b *bodyHash) reset() {
	if b.h == nil {
		b.h = sha256.New()
	}
	b.h.Reset()
	b.ends, b.pending, b.n = 0, false, 0
}

func (b *bodyHash) write(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			b.line(p)
			return
		}
		b.line(p[:end])
		// CRLF, also where it is cut between two calls, is one line end.
		if !b.pending {
			b.ends++
		}
		b.pending = false
		p = p[end+1:]
	}
}

// line takes what holds no line feed.
func (b *bodyHash) line(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\r')
		if end != 0 {
			text := p
			if end > 0 {
				text = p[:end]
			}
			b.text(text)
			if end < 0 {
				return
			}
		}
		b.ends++
		b.pending = true
		p = p[end+1:]
	}
}

var lineFeed = []byte{'\n'}

func (b *bodyHash) text(p []byte) {
	for ; b.ends > 0; b.ends-- {
		b.add(lineFeed)
	}
	b.pending = false
	b.add(p)
}

func (b *bodyHash) add(p []byte) {
	if b.n+len(p) > len(b.buf) {
		b.h.Write(b.buf[:b.n])
		if b.n = 0; len(p) > len(b.buf) {
			b.h.Write(p)
			return
		}
	}
	b.n += copy(b.buf[b.n:], p)
}

// sum is the hash of what was written, and the end of writing.
func (b *bodyHash) sum() []byte {
	b.h.Write(b.buf[:b.n])
	b.n = 0
	return b.h.Sum(nil)
}
