package message

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"strings"
)

const (
	maxReferences  = 100
	maxMessageID   = 998      // RFC 5322 section 2.1.1: no line is longer
	maxKeyedField  = 64 << 10 // bytes of one field that count for ContentKey
	maxIDListBytes = 256 << 10
)

// messageIDs reads the ids of a raw Message-ID, In-Reply-To or References,
// without <>. An id that a writer left without <> counts where nothing else is
// there.
func messageIDs(raw string) []string {
	raw = raw[:min(len(raw), maxIDListBytes)]
	var out []string
	for rest := raw; ; {
		_, after, ok := strings.Cut(rest, "<")
		if !ok {
			break
		}
		id, tail, ok := strings.Cut(after, ">")
		if !ok {
			break
		}
		out, rest = appendID(out, id), tail
	}
	if len(out) == 0 {
		for _, id := range strings.Fields(strings.NewReplacer("<", " ", ">", " ", ",", " ").Replace(raw)) {
			if strings.Contains(id, "@") {
				out = appendID(out, id)
			}
		}
	}
	if len(out) > maxReferences {
		// The first names the thread, the last ones the parent.
		out = append(out[:1], out[len(out)-maxReferences+1:]...)
	}
	return out
}

func appendID(ids []string, id string) []string {
	// Some writers double the brackets.
	id = strings.Trim(id[strings.LastIndexByte(id, '<')+1:], ">")
	id = strings.Join(strings.Fields(CleanText(literal(id))), "")
	if id == "" || id == "@" || len(id) > maxMessageID {
		return ids
	}
	return append(ids, id)
}

func messageID(raw string) string {
	if ids := messageIDs(raw); len(ids) > 0 {
		return ids[0]
	}
	if id := appendID(nil, strings.Trim(strings.TrimSpace(raw), "<>")); len(id) > 0 {
		return id[0]
	}
	return ""
}

// PeekMessageID finds the Message-ID in the first bytes of a raw email, without
// <>; "" when they have none. It is cheap and total, and agrees with Parse.
func PeekMessageID(head []byte) string {
	head = head[:min(len(head), int(DefaultLimits().Header))]
	if bytes.IndexByte(head, '\n') < 0 {
		head = bytes.ReplaceAll(head, []byte("\r"), []byte("\n"))
	}
	value, found := []byte(nil), false
	started := false
	for line := range bytes.Lines(head) {
		if isBlank(line) {
			if started {
				break
			}
			continue
		}
		started = true
		if found {
			if line[0] != ' ' && line[0] != '\t' {
				break
			}
			value = append(value, bytes.TrimRight(line, "\r\n")...)
			continue
		}
		if name, v, ok := splitField(bytes.TrimRight(line, "\r\n")); ok && name == "message-id" {
			value, found = bytes.Clone(v), true
		}
	}
	return messageID(string(value))
}

// ContentKey is the same for the same email whatever way it came: SHA-256 over
// the raw values of Message-ID, From, Date and Subject, unfolded, and over the
// body with its line ends normalised. It streams. The error is that of raw.
func ContentKey(raw io.Reader) ([32]byte, error) {
	br := bufio.NewReaderSize(raw, lineBuffer)
	head, _ := br.Peek(4096)
	if bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		br = bufio.NewReaderSize(&crReader{br}, lineBuffer)
	}
	k := keyer{body: newBodyHash(), head: newBodyHash(), fields: map[string][]byte{}}
	for {
		line, err := br.ReadSlice('\n')
		k.add(line, err != bufio.ErrBufferFull)
		switch err {
		case nil, bufio.ErrBufferFull:
		case io.EOF:
			return k.sum(), nil
		default:
			return [32]byte{}, fmt.Errorf("read email: %w", err)
		}
	}
}

var keyedFields = []string{"message-id", "from", "date", "subject"}

// keyer is in the header until a blank line or a line that is no field. Such a
// line is body: two emails that differ in it must not have one key.
type keyer struct {
	fields  map[string][]byte
	current string // the field that a folded line continues
	started bool
	inBody  bool
	middle  bool // of a line longer than the buffer
	body    *bodyHash
	head    *bodyHash
}

func (k *keyer) add(line []byte, ends bool) {
	middle := k.middle
	k.middle = !ends
	if k.inBody || len(line) == 0 {
		k.body.write(line)
		return
	}
	k.head.write(line)
	if middle || k.started && (line[0] == ' ' || line[0] == '\t') {
		k.value(line)
		return
	}
	if isBlank(line) {
		k.inBody = k.started
		return
	}
	name, value, ok := splitField(line)
	switch {
	case ok:
		k.started, k.current = true, name
		k.value(append([]byte(" "), value...))
	case !k.started && isMboxLine(line):
	default:
		k.inBody = true
		k.body.write(line)
	}
}

func (k *keyer) value(v []byte) {
	for _, name := range keyedFields {
		if name == k.current && len(k.fields[name]) < maxKeyedField {
			k.fields[name] = append(k.fields[name], v...)
		}
	}
}

func (k *keyer) sum() [32]byte {
	h := sha256.New()
	for _, name := range keyedFields {
		// Servers fold anew: any white space counts as one space.
		v := bytes.Join(bytes.Fields(k.fields[name]), []byte(" "))
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(v)))
		h.Write(size[:])
		h.Write(v)
	}
	if len(k.fields) == 0 {
		// Nothing tells this email from another but all of its bytes.
		h.Write(k.head.h.Sum(nil))
	}
	h.Write(k.body.h.Sum(nil))
	return [32]byte(h.Sum(nil))
}

// bodyHash hashes text with every line end as LF and without the line ends at
// its end, which servers add and take away.
type bodyHash struct {
	h       hash.Hash
	ends    int // line feeds held back
	pending bool
}

func newBodyHash() *bodyHash { return &bodyHash{h: sha256.New()} }

func (b *bodyHash) write(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			i = len(p)
		}
		if i > 0 {
			b.flush()
			b.h.Write(p[:i])
			b.pending = false
			p = p[i:]
			continue
		}
		// CRLF, also where it is cut between two calls, is one line end.
		if p[0] == '\r' || !b.pending {
			b.ends++
		}
		b.pending = p[0] == '\r'
		p = p[1:]
	}
}

func (b *bodyHash) flush() {
	for ; b.ends > 0; b.ends-- {
		b.h.Write([]byte{'\n'})
	}
}
