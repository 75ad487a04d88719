package embedded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// The mail server keeps everything in one append-only file:
//
//	"PSTMAIL1", then records:
//	length  uint32  bytes of meta and raw together
//	crc     uint32  CRC-32C of all that follows in the record
//	kind    byte    what happened, see mail_change.go
//	size    uint32  bytes of meta
//	meta    JSON
//	raw     for a message: one trace header per recipient, then the email
//
// Integers are big-endian. Nothing is ever rewritten, so the place of a
// message's bytes stays what it was when it arrived. There is no compaction.
const (
	mailJournalName = "mail.journal"
	mailMagic       = "PSTMAIL1"
	mailRecordHead  = 4 + 4 + 1 + 4
	mailWriteBuffer = 256 << 10
)

var mailCRC = crc32.MakeTable(crc32.Castagnoli)

// mailRecord is one record on its way into the journal.
type mailRecord struct {
	kind byte
	meta []byte
	raw  [][]byte
}

// mailStored is one record found in the journal; raw stays in the file.
type mailStored struct {
	kind           byte
	meta           []byte
	rawAt, rawSize int64
}

type mailJournal struct {
	file   *os.File
	writer *bufio.Writer
	size   int64 // where the next record goes
	// broken is set for good once a write may have half happened: what the
	// kernel kept of it is unknown after a failed fsync.
	broken error
}

// openMailJournal gives every whole record in dir's journal to replay, in
// order, and returns the journal ready for more. A record that a crash tore is
// cut off, and the cut bytes are kept in a file beside it.
func openMailJournal(dir string, log *slog.Logger, replay func(mailStored) error) (*mailJournal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: mail directory: %w", err)
	}
	path := filepath.Join(dir, mailJournalName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embedded: mail journal: %w", err)
	}
	j := &mailJournal{file: f, writer: bufio.NewWriterSize(nil, mailWriteBuffer)}
	if err := j.load(log, replay); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: mail journal %s: %w", path, err), f.Close())
	}
	return j, nil
}

func (j *mailJournal) load(log *slog.Logger, replay func(mailStored) error) error {
	if err := flockPatiently(j.file); err != nil {
		return fmt.Errorf("another mail server uses it: %w", err)
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	good, err := scanMailJournal(j.file, info.Size(), replay)
	if err != nil {
		return err
	}
	j.size = good
	if good < info.Size() {
		if err := j.cut(info.Size()); err != nil {
			return fmt.Errorf("cutting off the torn end: %w", err)
		}
		log.Warn("mail journal: cut off a torn end", "kept_bytes", good, "cut_bytes", info.Size()-good)
	}
	if good == 0 {
		return j.begin()
	}
	return nil
}

// begin writes the magic of a new journal and makes the file's name durable.
func (j *mailJournal) begin() error {
	if _, err := j.file.WriteAt([]byte(mailMagic), 0); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.size = int64(len(mailMagic))
	dir, err := os.Open(filepath.Dir(j.file.Name()))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// cut moves what lies behind the last whole record into a file of its own.
// None of it was ever acknowledged after a mere crash; after damage to the
// disk it may hold emails, and those are not ours to destroy.
func (j *mailJournal) cut(end int64) error {
	aside, err := os.OpenFile(fmt.Sprintf("%s.cut-%d", j.file.Name(), j.size),
		os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(aside, io.NewSectionReader(j.file, j.size, end-j.size))
	if err := errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	return j.file.Sync()
}

// append writes the records and returns where the raw bytes of each begin.
// When it returns, they are on the disk, all or (with an error) none.
func (j *mailJournal) append(records []mailRecord) ([]int64, error) {
	if j.broken != nil {
		return nil, j.broken
	}
	w := j.writer
	w.Reset(io.NewOffsetWriter(j.file, j.size))
	rawAt := make([]int64, len(records))
	end := j.size
	for i, r := range records {
		head, length := r.head()
		w.Write(head) // bufio keeps the first error for Flush
		w.Write(r.meta)
		for _, piece := range r.raw {
			w.Write(piece)
		}
		rawAt[i] = end + mailRecordHead + int64(len(r.meta))
		end += mailRecordHead + length
	}
	if err := w.Flush(); err != nil {
		// A full disk must not leave half a record for the next one to follow.
		if undo := j.file.Truncate(j.size); undo != nil {
			j.broken = fmt.Errorf("embedded: mail journal cannot be undone: %w", undo)
		}
		return nil, fmt.Errorf("embedded: mail journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		j.broken = fmt.Errorf("embedded: mail journal is not durable: %w", err)
		return nil, j.broken
	}
	j.size = end
	return rawAt, nil
}

func (r mailRecord) head() (head []byte, length int64) {
	length = int64(len(r.meta))
	for _, piece := range r.raw {
		length += int64(len(piece))
	}
	head = make([]byte, mailRecordHead)
	binary.BigEndian.PutUint32(head, uint32(length))
	head[8] = r.kind
	binary.BigEndian.PutUint32(head[9:], uint32(len(r.meta)))
	crc := crc32.Update(0, mailCRC, head[8:])
	crc = crc32.Update(crc, mailCRC, r.meta)
	for _, piece := range r.raw {
		crc = crc32.Update(crc, mailCRC, piece)
	}
	binary.BigEndian.PutUint32(head[4:], crc)
	return head, length
}

// scanMailJournal calls replay for each whole record of the first size bytes
// of r and returns where the whole ones end. It fails only for a file that is
// no journal of this format, or when replay does.
func scanMailJournal(r io.ReaderAt, size int64, replay func(mailStored) error) (good int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), mailWriteBuffer)
	magic := make([]byte, min(size, int64(len(mailMagic))))
	if _, err := io.ReadFull(in, magic); err != nil {
		return 0, err
	}
	if string(magic) != mailMagic[:len(magic)] {
		return 0, errors.New("the file is no journal of this version")
	}
	if size < int64(len(mailMagic)) {
		return 0, nil // the crash came while the file was made
	}
	good = int64(len(mailMagic))
	for {
		record, end, err := readMailRecord(in, good, size)
		if errors.Is(err, errMailTorn) {
			return good, nil
		}
		if err != nil {
			return good, err
		}
		if err := replay(record); err != nil {
			return good, fmt.Errorf("record at byte %d: %w", good, err)
		}
		good = end
	}
}

var errMailTorn = errors.New("the record is not whole")

// readMailRecord reads the record at byte at; lengths are checked against the
// end of the file before anything is allocated for them.
func readMailRecord(in *bufio.Reader, at, size int64) (mailStored, int64, error) {
	if size-at < mailRecordHead {
		return mailStored{}, 0, errMailTorn
	}
	head := make([]byte, mailRecordHead)
	if _, err := io.ReadFull(in, head); err != nil {
		return mailStored{}, 0, err
	}
	length := int64(binary.BigEndian.Uint32(head))
	metaSize := int64(binary.BigEndian.Uint32(head[9:]))
	end := at + mailRecordHead + length
	if end > size || metaSize > length {
		return mailStored{}, 0, errMailTorn
	}
	meta := make([]byte, metaSize)
	if _, err := io.ReadFull(in, meta); err != nil {
		return mailStored{}, 0, err
	}
	crc := crc32.New(mailCRC)
	crc.Write(head[8:])
	crc.Write(meta)
	if _, err := io.CopyN(crc, in, length-metaSize); err != nil {
		return mailStored{}, 0, err
	}
	if crc.Sum32() != binary.BigEndian.Uint32(head[4:]) {
		return mailStored{}, 0, errMailTorn
	}
	return mailStored{
		kind: head[8], meta: meta,
		rawAt: at + mailRecordHead + metaSize, rawSize: length - metaSize,
	}, end, nil
}

// Close lets go of the file. It unlocks first: a process that is just being
// forked elsewhere in the program holds the file, and so the lock, until it execs.
func (j *mailJournal) Close() error {
	return errors.Join(syscall.Flock(int(j.file.Fd()), syscall.LOCK_UN), j.file.Close())
}
