package testimap

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Append puts one email into a folder, which is created if absent. Folder names are as on the
// wire: modified UTF-7, "/" between levels. Dovecot stores a NUL as 0x80, since no literal may
// hold one (RFC 3501 section 4.3).
func (s *Server) Append(user, folder string, raw []byte, internalDate time.Time) error {
	return s.AppendMany(user, folder, [][]byte{raw}, internalDate)
}

// AppendMany puts many emails into a folder in order, much faster than one Append each.
func (s *Server) AppendMany(user, folder string, raws [][]byte, internalDate time.Time) error {
	c, err := s.login(user)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.makeFolder(folder); err != nil {
		return err
	}
	const batch = 500 // emails in one command: all of them or none
	for len(raws) > 0 {
		n := min(batch, len(raws))
		if err := c.appendBatch(folder, raws[:n], internalDate); err != nil {
			return fmt.Errorf("append %d emails: %w", n, err)
		}
		raws = raws[n:]
	}
	return nil
}

// RenameFolder renames a folder; UIDVALIDITY and UIDs go with it.
func (s *Server) RenameFolder(user, from, to string) error {
	c, err := s.login(user)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.do("RENAME " + quote(from) + " " + quote(to))
	return err
}

// Empty removes every email of a folder; UIDNEXT stays.
func (s *Server) Empty(user, folder string) error {
	c, err := s.login(user)
	if err != nil {
		return err
	}
	defer c.close()
	for _, command := range []string{"SELECT " + quote(folder), `UID STORE 1:* +FLAGS.SILENT (\Deleted)`, "EXPUNGE"} {
		if _, err := c.do(command); err != nil {
			return err
		}
	}
	return nil
}

// Status reads a folder's UIDVALIDITY, UIDNEXT and number of emails.
func (s *Server) Status(user, folder string) (validity, next, messages uint32, err error) {
	c, err := s.login(user)
	if err != nil {
		return 0, 0, 0, err
	}
	defer c.close()
	return c.status(folder)
}

// WipeUIDValidity gives the folder a new, higher UIDVALIDITY with the same emails and UIDs in it.
// Sessions that have the folder open are cut off by the server.
func (s *Server) WipeUIDValidity(user, folder string) error {
	validity, _, _, err := s.Status(user, folder)
	if err != nil {
		return err
	}
	return s.doveadm("mailbox", "update", "-u", user, "--uid-validity", strconv.Itoa(int(validity)+1), folder)
}

// Snapshot is the state of one user's mail home at one time.
type Snapshot struct {
	user, dir string
}

// Snapshot remembers the user's whole mail home. Nothing may write to it meanwhile.
func (s *Server) Snapshot(user string) (*Snapshot, error) {
	if _, _, _, err := s.Status(user, "INBOX"); err != nil { // makes the home of a new user
		return nil, err
	}
	dir, err := os.MkdirTemp(s.snapshots(), "of-")
	if err != nil {
		return nil, err
	}
	if err := s.own(dir); err != nil {
		return nil, err
	}
	snap := &Snapshot{user: user, dir: filepath.Join(dir, "home")}
	return snap, s.run("cp", "-a", s.home(user), snap.dir)
}

// Restore puts a snapshot back as a restored backup would: emails that came since are gone and
// their UIDs will be given out again. The user's sessions are cut off. May be repeated.
func (s *Server) Restore(snap *Snapshot) error {
	if err := s.CutOff(snap.user); err != nil {
		return err
	}
	if err := os.RemoveAll(s.home(snap.user)); err != nil {
		return err
	}
	return s.run("cp", "-a", snap.dir, s.home(snap.user))
}

// CutOff ends the user's sessions and waits until their processes have written their last.
func (s *Server) CutOff(user string) error {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		out, err := s.command(s.programs.doveadm, "-c", s.configPath(), "who", "-1", user).Output()
		if err != nil {
			return fmt.Errorf("look for sessions: %w", err)
		}
		if len(strings.Split(strings.TrimSpace(string(out)), "\n")) <= 1 { // the heading
			return nil
		}
		if err := s.doveadm("kick", user); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("sessions of %s do not end", user)
}

func (s *Server) doveadm(args ...string) error {
	return s.run(s.programs.doveadm, append([]string{"-c", s.configPath()}, args...)...)
}

func (s *Server) homes() string           { return filepath.Join(s.dir, "mail") }
func (s *Server) home(user string) string { return filepath.Join(s.homes(), user) }
func (s *Server) snapshots() string       { return filepath.Join(s.dir, "snapshots") }
