package message

import (
	"encoding/hex"
	"time"
)

// Explanation is one line of `postern mail explain --json`.
type Explanation struct {
	Path        string                `json:"path"`
	Class       Class                 `json:"class,omitempty"`
	Reasons     []string              `json:"reasons,omitempty"`
	MessageID   string                `json:"message_id,omitempty"`
	InReplyTo   []string              `json:"in_reply_to,omitempty"`
	References  []string              `json:"references,omitempty"`
	From        *ExplainedAddress     `json:"from,omitempty"`
	To          []ExplainedAddress    `json:"to,omitempty"`
	Cc          []ExplainedAddress    `json:"cc,omitempty"`
	Subject     string                `json:"subject,omitempty"`
	Date        time.Time             `json:"date,omitzero"`
	Charset     string                `json:"charset,omitempty"`
	Text        string                `json:"text,omitempty"`
	Reply       string                `json:"reply,omitempty"`
	Cut         string                `json:"cut,omitempty"`
	Signature   string                `json:"signature,omitempty"`
	Forwarded   string                `json:"forwarded,omitempty"`
	HTML        string                `json:"html,omitempty"`
	Attachments []ExplainedAttachment `json:"attachments,omitempty"`
	Token       string                `json:"token,omitempty"`
	Priority    any                   `json:"priority,omitempty"` // {level, reasons}: filled by the caller
	Problems    []string              `json:"problems,omitempty"`
}

// ExplainedAddress is an Address in an Explanation.
type ExplainedAddress struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
}

// ExplainedAttachment is an Attachment in an Explanation, its hash in hex.
type ExplainedAttachment struct {
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Inline bool   `json:"inline,omitempty"`
}

// Explain says what Parse made of the email in the file path.
func Explain(path string, e *Email) Explanation {
	x := Explanation{
		Path: path, Class: e.Class, Reasons: e.Reasons,
		MessageID: e.MessageID, InReplyTo: e.InReplyTo, References: e.References,
		To: explainAddresses(e.To), Cc: explainAddresses(e.Cc),
		Subject: e.Subject, Date: e.Date.UTC(), Charset: e.Charset,
		Text: e.Text, Reply: e.Reply, Cut: e.Cut, Signature: e.Signature, Forwarded: e.Forwarded, HTML: e.HTML,
		Token: e.Token, Problems: e.Problems,
	}
	if e.From != (Address{}) {
		x.From = &ExplainedAddress{e.From.Name, e.From.Address}
	}
	for _, a := range e.Attachments {
		x.Attachments = append(x.Attachments, ExplainedAttachment{a.Name, a.Type, a.Size, hex.EncodeToString(a.SHA256[:]), a.Inline})
	}
	return x
}

func explainAddresses(as []Address) []ExplainedAddress {
	var out []ExplainedAddress
	for _, a := range as {
		out = append(out, ExplainedAddress(a))
	}
	return out
}
