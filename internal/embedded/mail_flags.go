package embedded

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// systemFlags are the flags of RFC 3501 2.3.2 that clients may set; \Recent is
// the server's.
var systemFlags = []imap.Flag{
	imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagSeen, imap.FlagDraft,
}

// hasFlag compares without case (RFC 3501 2.3.2).
func hasFlag(flags []imap.Flag, flag imap.Flag) bool {
	return slices.ContainsFunc(flags, func(f imap.Flag) bool { return strings.EqualFold(string(f), string(flag)) })
}

// settableFlags leaves out system flags that do not exist or are not the
// client's to set; keywords are any other word.
func settableFlags(flags []imap.Flag) []imap.Flag {
	kept := []imap.Flag{}
	for _, flag := range flags {
		if !strings.HasPrefix(string(flag), `\`) || hasFlag(systemFlags, flag) {
			kept = append(kept, flag)
		}
	}
	return kept
}

// changeFlags returns a new list and leaves the old one as it was.
func changeFlags(old []imap.Flag, op imap.StoreFlagsOp, change []imap.Flag) []imap.Flag {
	kept := []imap.Flag{}
	if op != imap.StoreFlagsSet {
		for _, flag := range old {
			if op == imap.StoreFlagsAdd || !hasFlag(change, flag) {
				kept = append(kept, flag)
			}
		}
	}
	if op == imap.StoreFlagsDel {
		return kept
	}
	for _, flag := range change {
		if !hasFlag(kept, flag) {
			kept = append(kept, flag)
		}
	}
	return kept
}

func (f *mailFolder) count(flag imap.Flag) (n uint32) {
	for _, m := range f.messages {
		if hasFlag(m.flags, flag) {
			n++
		}
	}
	return n
}

// allFlags lists the system flags and every keyword in use.
func (f *mailFolder) allFlags() []imap.Flag {
	all := slices.Clone(systemFlags)
	for _, m := range f.messages {
		for _, flag := range m.flags {
			if !hasFlag(all, flag) {
				all = append(all, flag)
			}
		}
	}
	return all
}
