package rules

import (
	"reflect"
	"strings"
	"time"
)

// The bounds of what a condition is asked about, so that no email makes it slow. What is beyond is left out.
const (
	MaxText     = 32 << 10 // bytes of the new text
	MaxLine     = 1 << 10  // bytes of any other text
	MaxElements = 40       // of any list
)

// Facts is what a condition may ask about an email; the tags are the names that it uses. Lists are never nil.
type Facts struct {
	From         string            `expr:"from"`        // the sender's address, lower-case
	FromName     string            `expr:"from_name"`   // as the sender writes it
	FromDomain   string            `expr:"from_domain"` // what stands behind the @
	To           []string          `expr:"to"`          // addresses, lower-case
	Cc           []string          `expr:"cc"`
	Subject      string            `expr:"subject"`
	Text         string            `expr:"text"` // what is new in it: no quotes, no signature
	Attachments  []Attachment      `expr:"attachments"`
	Headers      map[string]string `expr:"headers"` // by lower-case name; of a field that comes several times, one a line
	Size         int               `expr:"size"`    // bytes of the whole email
	Importance   string            `expr:"importance"`
	Class        string            `expr:"class"`
	Authenticity string            `expr:"authenticity"`
	Mailbox      string            `expr:"mailbox"` // the support address that it came to
	Contact      Contact           `expr:"contact"`
	Client       Client            `expr:"client"`
	IsReply      bool              `expr:"is_reply"` // it continues a ticket
	IsNew        bool              `expr:"is_new"`   // it opens one
	Hour         int               `expr:"hour"`     // 0 to 23, when it arrived, in the desk's time zone
	Weekday      string            `expr:"weekday"`  // monday to sunday
}

// Attachment is one file of the email.
type Attachment struct {
	Name string `expr:"name"`
	Type string `expr:"type"` // the media type, lower-case
	Size int    `expr:"size"` // bytes
}

// Contact is who has the sender's address.
type Contact struct {
	Known bool     `expr:"known"` // it was there before this email
	Name  string   `expr:"name"`
	Tags  []string `expr:"tags"`
}

// Client is whose contact that is.
type Client struct {
	Known bool   `expr:"known"`
	ID    string `expr:"id"`
	Name  string `expr:"name"`
	Ref   string `expr:"ref"` // in the CRM
}

// Arrived sets the hour and the weekday.
func (f *Facts) Arrived(at time.Time, zone *time.Location) {
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	f.Hour, f.Weekday = at.Hour(), strings.ToLower(at.Weekday().String())
}

// Bound cuts what is longer than the bounds, at whole characters.
func (f *Facts) Bound() {
	for _, s := range []*string{&f.From, &f.FromName, &f.FromDomain, &f.Subject, &f.Importance, &f.Class, &f.Authenticity,
		&f.Mailbox, &f.Contact.Name, &f.Client.ID, &f.Client.Name, &f.Client.Ref} {
		*s = cut(*s, MaxLine)
	}
	f.Text = cut(f.Text, MaxText)
	f.To, f.Cc, f.Contact.Tags = lines(f.To), lines(f.Cc), lines(f.Contact.Tags)
	files := make([]Attachment, min(len(f.Attachments), MaxElements))
	for i := range files {
		files[i] = f.Attachments[i]
		files[i].Name, files[i].Type = cut(files[i].Name, MaxLine), cut(files[i].Type, MaxLine)
	}
	f.Attachments = files
	for name, value := range f.Headers {
		f.Headers[name] = cut(value, MaxLine)
	}
}

func lines(all []string) []string {
	out := make([]string, min(len(all), MaxElements))
	for i := range out {
		out[i] = cut(all[i], MaxLine)
	}
	return out
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// Names lists what a condition may ask about, with the type of each.
func Names() map[string]string {
	names := map[string]string{}
	nameFields(names, "", reflect.TypeFor[Facts]())
	return names
}

func nameFields(names map[string]string, prefix string, of reflect.Type) {
	for field := range of.Fields() {
		name := prefix + field.Tag.Get("expr")
		switch t := field.Type; t.Kind() {
		case reflect.Struct:
			nameFields(names, name+".", t)
		case reflect.Slice:
			if names[name] = "list of " + wordOf(t.Elem()); t.Elem().Kind() == reflect.Struct {
				nameFields(names, name+"[].", t.Elem())
			}
		default:
			names[name] = wordOf(t)
		}
	}
}

func wordOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	case reflect.Map:
		return "texts by name"
	case reflect.Struct:
		return strings.ToLower(t.Name()) + "s"
	case reflect.Slice:
		return "list of " + wordOf(t.Elem())
	}
	return "text"
}
