package outage

// Reason is why a server cannot be used: a closed list, for programs.
type Reason string

// The reasons.
const (
	LoginRefused Reason = "login_refused"
	SignInAgain  Reason = "sign_in_again"
	Unreachable  Reason = "unreachable"
	Untrusted    Reason = "untrusted"
	Silent       Reason = "silent"
	TooMany      Reason = "too_many_connections"
	Throttled    Reason = "throttled"
	OverQuota    Reason = "over_quota"
	NoFolder     Reason = "no_folder"
	NoKey        Reason = "no_key"
	Refused      Reason = "refused"
	Strange      Reason = "not_understood"
)

var reasons = map[Reason]struct{ summary, remedy string }{
	LoginRefused: {"The mail server refuses the login.",
		"Check the username and the password (many providers want an app password or OAuth2), and that the account is not locked."},
	SignInAgain: {"The provider no longer accepts the desk's sign-in.",
		"Sign in again: postern mailbox authorize, with the address."},
	Unreachable: {"The mail server cannot be reached, or says that it is not available.",
		"If it stays so, check host, port, firewall and the provider's status page."},
	Untrusted: {"No trusted TLS connection to the mail server comes about.",
		"Check that port and security belong together and that the certificate is valid; name a private authority in ca_file."},
	Silent: {"The mail server does not answer in time.",
		"Check the network between the desk and the server, and the server's load."},
	TooMany: {"The mail server has too many connections of this account.",
		"Close other programs that use the account, or raise the server's limit; the desk needs three."},
	Throttled: {"The mail server has put a brake on this account.",
		"Wait: the desk asks less often by itself. If it comes back, raise poll_interval or ask the provider."},
	OverQuota: {"The mailbox is full.",
		"Delete what is not needed there, or raise its quota; new emails bounce until then."},
	NoFolder: {"A folder of the mailbox does not exist or may not be read.",
		"Check the names of the folders, in upper and lower case, or take the folder off the mailbox."},
	NoKey: {"Letters are to be signed (DKIM), and the key cannot be used.",
		"Put the desk's secret key back, or make another key: postern mailbox dkim, with the address. With --off letters leave unsigned."},
	Refused: {"The mail server refuses a command that the desk needs.",
		"See what it said; postern doctor names what a server must be able to do."},
	Strange: {"The mail server's answers cannot be understood.",
		"Check that host and port are those of a mail server and not of a web page or a proxy."},
}

// Words are what happened and what to do about it, a sentence each.
func (r Reason) Words() (summary, remedy string) {
	w, ok := reasons[r]
	if !ok {
		w = reasons[Refused]
	}
	return w.summary, w.remedy
}
