// Package message turns the raw bytes of one email into meaning: who wrote to
// whom, what is new in it, what it carries and whether a person sent it. It
// knows no network and no database, looks at the clock only to stay within its
// time, and no input makes it fail or panic.
package message

import "time"

// Email is what one raw email means. All text is valid UTF-8 without NUL or
// other control characters than line feed and tab, so PostgreSQL takes it.
type Email struct {
	ContentKey [32]byte // see the function of this name
	MessageID  string   // without <>; "" when absent or unusable
	InReplyTo  []string // message ids without <>, no empties
	References []string // message ids without <>, oldest first, at most 100

	From, Sender   Address
	ReplyTo        []Address
	To, Cc         []Address
	DeliveredTo    []string // Delivered-To, X-Original-To, Envelope-To and the like, topmost first
	Lists          []string // the mailing lists it came by: List-Post addresses and List-Id values, lower-case
	ReturnPath     string   // without <>
	NullReturnPath bool     // Return-Path: <> (RFC 5321 section 4.5.5)

	Subject string
	Date    time.Time // zero when absent or unreadable
	Charset string    // of the body, as declared, lower-case; "" when undeclared

	Text      string // the whole body as text
	Reply     string // the new text only; never empty where Text is not. Lines with > are quotes kept between answers
	Cut       string // what Reply leaves out: quotes and what introduces them
	Signature string // the sender's signature, which Reply leaves out too
	Forwarded string // the text of forwarded emails, inline or attached
	HTML      string // sanitised; "" when the email has no HTML

	Attachments []Attachment

	Class      Class
	Reasons    []string // why that class, in words
	Importance Importance
	Spam       bool // a filter on the way marked it as spam

	SuppressReply bool // the sender asks for no automatic answer

	Token    string   // the ticket token of a plus-address, with its prefix: "t-" and 32 characters of base32
	Tags     []string // every plus-address tag among the recipients, lower-case
	Problems []string // the defects met, in words
	Raw      bool     // some of Text is bytes as they came, since nothing better was found in them

	header header // as it came, for Headers
}

// Address is a mailbox as its writer wrote it. Compare addresses only after
// NormalizeAddress.
type Address struct{ Name, Address string }

// Attachment is one file that came with an email.
type Attachment struct {
	Name      string // a bare file name, never empty, safe to show; not unique within an email
	Type      string // the media type without parameters, lower-case
	Size      int64  // bytes after the transfer encoding was taken off
	SHA256    [32]byte
	Inline    bool   // shown within the text rather than listed below it
	ContentID string // without <>; what cid: links in HTML name
}

// Class says what kind of email it is.
type Class string

// The classes. Parse never sets ClassOwnLoop: only the caller knows which
// addresses and message ids are ours.
const (
	ClassHuman          Class = "human"
	ClassAutoReply      Class = "auto_reply"
	ClassBounce         Class = "bounce"
	ClassDelayNotice    Class = "delay_notice"
	ClassFeedbackReport Class = "feedback_report"
	ClassReceipt        Class = "receipt"
	ClassCalendarReply  Class = "calendar_reply"
	ClassOwnLoop        Class = "own_loop"
	ClassList           Class = "list"
	ClassNoReply        Class = "no_reply"
	ClassSpam           Class = "spam"
)

// Importance is the sender's own opinion; "" when there is none or it is normal.
type Importance string

// The importances that say something.
const (
	ImportanceHigh Importance = "high"
	ImportanceLow  Importance = "low"
)

// Limits bound what one email may cost. Beyond a limit Parse goes on with what
// it has and names the limit in Problems.
type Limits struct {
	Depth       int           // nested multiparts and messages
	Parts       int           // parts in all
	Header      int64         // bytes of one header block
	Text        int64         // bytes of text, and of HTML, that are kept
	Total       int64         // bytes of the raw email that are read
	Time        time.Duration // time spent parsing, without the time spent in keep
	Attachments int64         // decoded bytes handed to keep; what exceeds them is only hashed and counted
}

// DefaultLimits suit a worker that parses several emails at once.
func DefaultLimits() Limits {
	return Limits{
		Depth: 20, Parts: 500,
		Header: 256 << 10, Text: 1 << 20, Total: 50 << 20,
		Time:        5 * time.Second,
		Attachments: 50 << 20,
	}
}
