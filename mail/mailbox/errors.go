package mailbox

import (
	"errors"
	"fmt"
)

// The kinds of failure, for errors.Is. Their texts tell the operator what to do.
var (
	// ErrAuth: the login was refused. Not to be retried quickly: servers lock
	// accounts out.
	ErrAuth = errors.New("the server refused the login; check the username and the password (many providers want an app password), and that IMAP is allowed for the account")
	// ErrNoFolder: the folder does not exist or may not be read.
	ErrNoFolder = errors.New("the folder does not exist or may not be read; check its name, which is case-sensitive but for INBOX")
	// ErrTimeout: a wait for the server reached its limit.
	ErrTimeout = errors.New("the server did not answer in time; check the network and the server's load")
	// ErrPlainRemote: a connection without TLS to another machine was asked for.
	ErrPlainRemote = errors.New("a connection without TLS is allowed to this machine only; set the security to tls or starttls")
	// ErrServerGone: the server ended the connection.
	ErrServerGone = errors.New("the server closed the connection")
	// ErrUnavailable: the server cannot be reached or cannot serve now; a
	// later try may succeed.
	ErrUnavailable = errors.New("the server cannot be reached or is not available now; check host, port and firewall if it stays so")
	// ErrLimit, which is ErrUnavailable too: the account has too many connections.
	ErrLimit error = forNow("the server has too many connections of this account; close other programs that use it, or raise its limit")
	// ErrThrottled, which is ErrUnavailable too: the server wants to be asked less. See RetryAfter.
	ErrThrottled error = forNow("the server has put a brake on this account; it is asked again later")
	// ErrQuota: the mailbox is full.
	ErrQuota = errors.New("the mailbox is over its quota; delete what is not needed there, or raise the quota")
	// ErrRefused: the server refused a command, for a reason of its own.
	ErrRefused = errors.New("the server refused a command")
	// ErrTLS: no trusted TLS connection came about.
	ErrTLS = errors.New("no trusted TLS connection; check that port and security belong together, and name the authority in ca_file if the server's certificate is not of a public one")
	// ErrProtocol: the server sent what is not IMAP or breaks a limit of ours.
	ErrProtocol = errors.New("the server's answer cannot be understood; check that this is an IMAP server")
	// ErrIncomplete: an email's bytes are not all there. Nothing read of it counts.
	ErrIncomplete = errors.New("the email did not arrive whole; fetch it again")
	// ErrNoIdle: the server has no IDLE; poll instead.
	ErrNoIdle = errors.New("the server has no IDLE; poll the folder instead")
	// ErrNoTarget: there is no folder of that name to move emails to.
	ErrNoTarget = errors.New("there is no such folder to move emails to; make it, or name another one")
	// ErrNoMove: the server has neither MOVE nor UIDPLUS.
	ErrNoMove = errors.New("the server cannot move single emails (it has neither MOVE nor UIDPLUS); have them marked as read instead")
	// ErrRenumbered: the folder's UIDs are given out anew.
	ErrRenumbered = errors.New("the folder's emails have other numbers now; nothing was changed")
	// ErrClosed: the session was closed by us.
	ErrClosed = errors.New("the session is closed; dial again")
)

// SizeError says that the server sent another number of bytes than it had
// listed; it is ErrIncomplete. Some servers only estimate RFC822.SIZE: a caller
// that gets the same Got again, and not 0, may set Meta.Size to Got and fetch
// once more.
type SizeError struct {
	UID       uint32 // 0 when the email is not known: the literal was refused at its announcement
	Want, Got int64  // bytes listed, bytes announced
}

func (e *SizeError) Error() string {
	if e.UID == 0 {
		return fmt.Sprintf("the server announced a literal of %d bytes where at most %d are expected", e.Got, e.Want)
	}
	return fmt.Sprintf("uid %d: the server sent %d bytes of an email that it lists with %d", e.UID, e.Got, e.Want)
}

func (e *SizeError) Is(target error) bool { return target == ErrIncomplete }
