package outage

import (
	"slices"

	"github.com/postern-desk/postern/internal/words"
)

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

// known are the reasons that have words.
var known = []Reason{LoginRefused, SignInAgain, Unreachable, Untrusted, Silent, TooMany, Throttled, OverQuota, NoFolder, NoKey, Refused, Strange}

// Words are what happened and what to do about it, a sentence each. What programs are told is in English.
func (r Reason) Words(l words.Language) (summary, remedy string) {
	if !slices.Contains(known, r) {
		r = Refused
	}
	return l.T("outage." + string(r)), l.T("outage." + string(r) + "_remedy")
}
