package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The columns that a file may have, in any order.
var (
	clientColumns  = []string{"client", "client_ref", "domains", "language", "time_zone"}
	contactColumns = []string{"name", "email", "phone", "relationship", "crm_ref", "tags", "kind"}
)

// lineProblem is why a line cannot be imported.
type lineProblem struct {
	line          int
	column, words string
}

func (p lineProblem) String() string {
	if p.column == "" {
		return fmt.Sprintf("line %d: %s", p.line, p.words)
	}
	return fmt.Sprintf("line %d, column %s: %s", p.line, p.column, p.words)
}

// sheetReader reads a CSV file as spreadsheets write it: UTF-8 with or without a mark, or UTF-16 with one;
// separated by commas, semicolons or tabs.
type sheetReader struct {
	file    *os.File
	csv     *csv.Reader
	name    string
	skipped int // lines before the headers
	headers []string
}

// longestCell bounds what a cell may hold, in bytes.
const longestCell = 1000

func openSheet(name string) (*sheetReader, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, onePathError(err)
	}
	r := &sheetReader{file: file, name: name}
	text := bufio.NewReaderSize(transform.NewReader(file, unicode.BOMOverride(transform.Nop)), 64<<10)
	if err := r.begin(text); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

func (r *sheetReader) close() { _ = r.file.Close() }

// begin finds the separator and reads the headers.
func (r *sheetReader) begin(text *bufio.Reader) error {
	first, err := firstLine(text)
	if err != nil {
		return err
	}
	comma := rune(separatorOf(first))
	if named, ok := bytes.CutPrefix(first, []byte("sep=")); ok && len(named) == 1 { // spreadsheets say so to each other
		comma, r.skipped = rune(named[0]), 1
		if _, err := text.ReadString('\n'); err != nil {
			return errors.New("it has no line of headers")
		}
	}
	r.csv = csv.NewReader(text)
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = comma, -1, true
	headers, err := r.csv.Read()
	if err != nil {
		return r.mend(err)
	}
	return r.take(headers)
}

func firstLine(text *bufio.Reader) ([]byte, error) {
	head, err := text.Peek(4096)
	if err != nil && err != io.EOF {
		return nil, err
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	first = bytes.TrimRight(first, "\r")
	switch {
	case len(first) == 0:
		return nil, errors.New("it has no line of headers; the first line names the columns, such as: client,name,email")
	case bytes.IndexByte(first, 0) >= 0:
		return nil, errors.New("it is neither UTF-8 nor UTF-16 with a byte order mark; save it as CSV UTF-8")
	}
	return bytes.Clone(first), nil
}

// separatorOf is what stands most often in the headers, which hold none of them otherwise.
func separatorOf(first []byte) byte {
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if bytes.Count(first, []byte{c}) > bytes.Count(first, []byte{best}) {
			best = c
		}
	}
	return best
}

func (r *sheetReader) take(headers []string) error {
	var unknown, twice []string
	for _, h := range headers {
		name := strings.ToLower(strings.TrimSpace(h))
		switch {
		case !slices.Contains(clientColumns, name) && !slices.Contains(contactColumns, name):
			unknown = append(unknown, fmt.Sprintf("%q", h))
		case slices.Contains(r.headers, name):
			twice = append(twice, name)
		}
		r.headers = append(r.headers, name)
	}
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("unknown columns %s; there are %s", strings.Join(unknown, ", "), strings.Join(append(slices.Clone(clientColumns), contactColumns...), ", "))
	case len(twice) > 0:
		return fmt.Errorf("columns that are there twice: %s", strings.Join(twice, ", "))
	}
	return nil
}

// next is the cells of the next line by column, io.EOF at the end. Lines without any words are left out; a cell that
// cannot be kept is a problem.
func (r *sheetReader) next() (line int, cells map[string]string, problems []lineProblem, err error) {
	for {
		record, err := r.csv.Read()
		if err == io.EOF {
			return 0, nil, nil, err
		}
		if err != nil {
			return 0, nil, nil, fmt.Errorf("%s: %w", r.name, r.mend(err))
		}
		line, _ = r.csv.FieldPos(0)
		line += r.skipped
		cells = make(map[string]string, len(record))
		for i, cell := range record {
			cell = strings.TrimSpace(cell)
			switch {
			case cell == "":
			case i >= len(r.headers):
				problems = append(problems, lineProblem{line, "", fmt.Sprintf("it has %d cells, the headers name %d", len(record), len(r.headers))})
			default:
				if why := unkeepable(cell); why != "" {
					problems = append(problems, lineProblem{line, r.headers[i], why})
				}
				cells[r.headers[i]] = cell
			}
		}
		if len(cells) > 0 || len(problems) > 0 {
			return line, cells, problems, nil
		}
	}
}

func unkeepable(cell string) string {
	switch {
	case len(cell) > longestCell:
		return fmt.Sprintf("a cell has at most %d bytes", longestCell)
	case !utf8.ValidString(cell):
		return "these are no UTF-8 characters; save the file as CSV UTF-8"
	case strings.ContainsFunc(cell, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "a cell is one line without control characters"
	}
	return ""
}

// mend says where a file cannot be taken apart. Nothing behind that place can be trusted.
func (r *sheetReader) mend(err error) error {
	var where *csv.ParseError
	if !errors.As(err, &where) {
		return err
	}
	return fmt.Errorf("line %d, character %d: a quote is not closed, or stands within a cell without quotes; mend the file", where.Line+r.skipped, where.Column)
}
