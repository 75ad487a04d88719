package worker_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// script is an IMAP server that shows what the test lets it show: what real servers do rarely.
type script struct {
	addr string

	mu      sync.Mutex
	folders map[string]*scriptFolder
	asked   map[string]int // commands, by name
	conns   map[net.Conn]*scriptTalk
}

type scriptFolder struct {
	uidNext  uint32 // what the server says; 0 says nothing
	emails   []scriptEmail
	fetched  atomic.Bool   // bytes were asked for
	slowness time.Duration // of each email's bytes
	broken   bool          // the connection ends where bytes are asked for
}

type scriptEmail struct {
	uid uint32
	at  time.Time
	raw []byte
}

// scriptTalk is one connection.
type scriptTalk struct {
	script *script
	conn   net.Conn
	open   *scriptFolder
	told   []uint32 // the UIDs that it knows of
	idling bool
}

func newScript(t *testing.T, folders ...string) *script {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &script{addr: listen.Addr().String(), folders: map[string]*scriptFolder{}, asked: map[string]int{}, conns: map[net.Conn]*scriptTalk{}}
	for _, name := range folders {
		s.folders[name] = &scriptFolder{uidNext: 1}
	}
	t.Cleanup(func() {
		listen.Close()
		s.hangUp()
	})
	go func() {
		for {
			conn, err := listen.Accept()
			if err != nil {
				return
			}
			go s.serve(&scriptTalk{script: s, conn: conn})
		}
	}()
	return s
}

// change changes the folder and tells those who idle.
func (s *script) change(folder string, f func(*scriptFolder)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.folders[folder]
	f(at)
	slices.SortFunc(at.emails, func(a, b scriptEmail) int { return int(a.uid) - int(b.uid) })
	for conn, k := range s.conns {
		if k.open == at && k.idling {
			fmt.Fprintf(conn, "* %d EXISTS\r\n", len(at.emails))
		}
	}
}

// show makes emails visible at these UIDs; UIDNEXT rises where it is told.
func (s *script) show(folder string, at time.Time, emails map[uint32]email) {
	s.change(folder, func(f *scriptFolder) {
		for uid, e := range emails {
			f.emails = append(f.emails, scriptEmail{uid, at, e.bytes()})
			if f.uidNext != 0 {
				f.uidNext = max(f.uidNext, uid+1)
			}
		}
	})
}

func (s *script) remove(folder string, uids ...uint32) {
	s.change(folder, func(f *scriptFolder) {
		f.emails = slices.DeleteFunc(f.emails, func(e scriptEmail) bool { return slices.Contains(uids, e.uid) })
	})
}

// hangUp ends all connections.
func (s *script) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// count is how often a command was given; counted from the last call with "".
func (s *script) count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if command == "" {
		clear(s.asked)
	}
	return s.asked[command]
}

func (s *script) serve(k *scriptTalk) {
	defer k.conn.Close()
	s.mu.Lock()
	s.conns[k.conn] = k
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, k.conn)
		s.mu.Unlock()
	}()
	fmt.Fprint(k.conn, "* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
	in := bufio.NewScanner(k.conn)
	for in.Scan() {
		words := strings.SplitN(in.Text(), " ", 3)
		if len(words) < 2 {
			return
		}
		tag, name, rest := words[0], strings.ToUpper(words[1]), strings.Join(words[2:], " ")
		if name == "UID" {
			var sub string
			sub, rest, _ = strings.Cut(rest, " ")
			name += " " + strings.ToUpper(sub)
		}
		if name == "IDLE" {
			k.setIdling(true)
			fmt.Fprint(k.conn, "+ idling\r\n")
			if !in.Scan() {
				return
			}
			k.setIdling(false)
			fmt.Fprintf(k.conn, "%s OK done\r\n", tag)
			continue
		}
		if !k.answer(tag, name, rest) {
			return
		}
	}
}

func (k *scriptTalk) setIdling(is bool) {
	k.script.mu.Lock()
	defer k.script.mu.Unlock()
	k.idling = is
	k.script.asked["IDLE"]++
}

// answer reports whether the connection goes on.
func (k *scriptTalk) answer(tag, name, rest string) bool {
	s := k.script
	s.mu.Lock()
	var out strings.Builder
	body := strings.Contains(rest, "BODY")
	if body {
		name += " BODY"
	}
	s.asked[name]++
	switch name {
	case "CAPABILITY":
		out.WriteString("* CAPABILITY IMAP4rev1 IDLE\r\n")
	case "EXAMINE":
		if k.open = s.folders[strings.Trim(rest, `"`)]; k.open == nil {
			s.mu.Unlock()
			fmt.Fprintf(k.conn, "%s NO there is no such folder\r\n", tag)
			return true
		}
		k.told = k.open.uids()
		fmt.Fprintf(&out, "* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n", len(k.open.emails))
		if k.open.uidNext != 0 {
			fmt.Fprintf(&out, "* OK [UIDNEXT %d] x\r\n", k.open.uidNext)
		}
	case "NOOP":
		if k.open != nil {
			out.WriteString(k.tell())
		}
	case "FETCH", "UID FETCH", "FETCH BODY", "UID FETCH BODY":
		set, _, _ := strings.Cut(rest, " ")
		if body {
			k.open.fetched.Store(true)
		}
		if body && k.open.broken {
			s.mu.Unlock()
			return false
		}
		for i, e := range k.open.emails {
			n := e.uid
			if name == "FETCH" {
				n = uint32(i + 1)
			}
			if !inSet(set, n) {
				continue
			}
			if body {
				time.Sleep(k.open.slowness)
				fmt.Fprintf(&out, "* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", i+1, e.uid, len(e.raw), e.raw)
			} else {
				fmt.Fprintf(&out, "* %d FETCH (UID %d FLAGS () INTERNALDATE \"%s\" RFC822.SIZE %d)\r\n", i+1, e.uid, e.at.Format("_2-Jan-2006 15:04:05 -0700"), len(e.raw))
			}
		}
	}
	s.mu.Unlock()
	_, err := fmt.Fprintf(k.conn, "%s%s OK done\r\n", out.String(), tag)
	return err == nil
}

func (f *scriptFolder) uids() (all []uint32) {
	for _, e := range f.emails {
		all = append(all, e.uid)
	}
	return all
}

// tell reports what went and what came since this connection was last told.
func (k *scriptTalk) tell() string {
	var out strings.Builder
	now := k.open.uids()
	for i := len(k.told) - 1; i >= 0; i-- {
		if !slices.Contains(now, k.told[i]) {
			fmt.Fprintf(&out, "* %d EXPUNGE\r\n", i+1)
			k.told = slices.Delete(k.told, i, i+1)
		}
	}
	if !slices.Equal(k.told, now) {
		fmt.Fprintf(&out, "* %d EXISTS\r\n", len(now))
	}
	k.told = now
	return out.String()
}

// inSet reports whether a number is in a set such as "1:4,9".
func inSet(set string, n uint32) bool {
	for part := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(part, ":")
		if !isRange {
			last = first
		}
		from, _ := strconv.ParseUint(first, 10, 32)
		to, _ := strconv.ParseUint(last, 10, 32)
		if uint64(n) >= from && uint64(n) <= to {
			return true
		}
	}
	return false
}

// open is how many connections there are.
func (s *script) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
