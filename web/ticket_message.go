package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// The bounds of what a message brings along.
const (
	maxFileBytes   = 25 << 20 // of all together
	maxFileNameLen = 200      // bytes
)

// ticketMessages adds to threads.
type ticketMessages struct {
	tickets *tickets.Service
	blobs   *blob.Store
}

// NewMessage is what staff write on a ticket.
type NewMessage struct {
	Visibility  string          `json:"visibility" enum:"internal,everyone" doc:"everyone sends the requester a letter"`
	Body        string          `json:"body" minLength:"1" doc:"Plain text, at most 1 MiB"`
	Cc          []string        `json:"cc,omitempty" nullable:"false" maxItems:"20" doc:"Addresses that join the thread"`
	Attachments []NewAttachment `json:"attachments,omitempty" nullable:"false" maxItems:"50" doc:"At most 25 MiB together"`
}

// NewAttachment is a file to send along.
type NewAttachment struct {
	Name          string `json:"name" minLength:"1" maxLength:"200"`
	Type          string `json:"type,omitempty" maxLength:"200" doc:"Media type; application/octet-stream where absent"`
	ContentBase64 string `json:"content_base64" doc:"Standard base64 with padding"`
}

type newMessageInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body NewMessage
}

func (s ticketMessages) post(ctx context.Context, in *newMessageInput) (*made[Message], error) {
	cc, err := readPeople(in.Body.Cc, "body.cc")
	if err != nil {
		return nil, err
	}
	files := &fileSet{bytes: map[blob.Sum]*blob.Spool{}, left: maxFileBytes}
	defer files.close()
	for i, a := range in.Body.Attachments {
		content := base64.NewDecoder(base64.StdEncoding, strings.NewReader(a.ContentBase64))
		if err := files.add(a.Name, a.Type, content); err != nil {
			return nil, refusedFile(err, fmt.Sprintf("body.attachments[%d]", i))
		}
	}
	if err := files.store(ctx, s.blobs); err != nil {
		return nil, err
	}
	m, err := s.tickets.Post(ctx, actorOf(ctx), in.ID, tickets.Post{Visibility: in.Body.Visibility,
		Body: message.CleanText(in.Body.Body), Cc: cc, Files: files.files, Bytes: files.bytes})
	if err != nil {
		return nil, err
	}
	stored, err := s.tickets.Files(ctx, actorOf(ctx), m)
	return &made[Message]{Location: "/v1/tickets/" + in.ID.String(), Body: showMessage(m, stored)}, err
}

// fileSet is files on their way into the store.
type fileSet struct {
	files []tickets.File
	bytes map[blob.Sum]*blob.Spool
	left  int64 // bytes that there is room for
}

var errFilesTooLarge = errors.New("the files are too large")

// add reads one file to its end.
func (f *fileSet) add(name, mediaType string, content io.Reader) error {
	spool, err := blob.NewSpool(io.LimitReader(content, f.left+1))
	if err != nil {
		return err
	}
	if _, twice := f.bytes[spool.Sum()]; twice {
		spool.Close()
		spool = f.bytes[spool.Sum()]
	}
	f.bytes[spool.Sum()] = spool
	if f.left -= spool.Size(); f.left < 0 {
		return errFilesTooLarge
	}
	f.files = append(f.files, tickets.File{Name: fileName(name), Type: safeMediaType(mediaType), Size: spool.Size(), Sum: spool.Sum()})
	return nil
}

func (f *fileSet) store(ctx context.Context, blobs *blob.Store) error {
	spools := make([]*blob.Spool, 0, len(f.bytes))
	for _, s := range f.bytes {
		spools = append(spools, s)
	}
	if len(spools) == 0 {
		return nil
	}
	return blobs.Put(ctx, spools...)
}

func (f *fileSet) close() {
	for _, s := range f.bytes {
		s.Close() // read-only by now: nothing can be lost
	}
}

// refusedFile says what is wrong with a file; a failure of ours stays one.
func refusedFile(err error, field string) error {
	var corrupt base64.CorruptInputError
	switch {
	case errors.Is(err, errFilesTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, codeAttachmentsTooLarge,
			fmt.Sprintf("The attachments together may have %d MiB.", maxFileBytes>>20)).in(field)
	case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusUnprocessableEntity, codeInvalidAttachment, "content_base64 is not standard base64.").in(field)
	}
	return err
}

// fileName is a name without folders, as it may be stored and shown.
func fileName(name string) string {
	name = line(name)
	if cut := strings.LastIndexAny(name, `/\`); cut >= 0 {
		name = name[cut+1:]
	}
	name = strings.TrimLeft(name, ". ")
	if len(name) > maxFileNameLen {
		name = strings.ToValidUTF8(name[:maxFileNameLen], "")
	}
	if name == "" {
		return "attachment"
	}
	return name
}

// safeMediaType is the sender's word for what the bytes are, where it can stand in a letter.
func safeMediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(t, "/") || strings.HasPrefix(t, "multipart/") || strings.HasPrefix(t, "message/") {
		return "application/octet-stream"
	}
	return t
}
