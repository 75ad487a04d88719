package main_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// sheetFile writes a CSV file for the program.
func sheetFile(t *testing.T, text string) string { return file(t, "contacts.csv", text) }

func (s *service) importContacts(t *testing.T, text string, more ...string) (out, errs string, status int) {
	t.Helper()
	return command(t, s.settings, append([]string{"contacts", "import", sheetFile(t, text)}, more...)...)
}

// Tried: rehearsed, imported, imported again, and changed in two cells.
func TestContactsImportSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	text := "Client,client_ref,domains,time_zone,name,email,crm_ref,tags,kind\n" +
		"Acme,A-1,acme.example; acme.org,Europe/Paris,Ann,Ann@acme.example,P-1,vip,\n" +
		"Acme,,,,\"Bob \"\"B\"\"\",bob@acme.example,,,\n" +
		"Beta,,,,,,,,\n" +
		",,,,Cid,cid@x.example,,,person\n"
	list := "line 2: create client A-1\nline 4: create client Beta\nline 2: create contact Ann of A-1\nline 3: create contact Bob \"B\" of A-1\nline 5: create contact Cid\n"
	if out, errs, status := s.importContacts(t, text, "--dry-run"); status != 0 || !strings.HasPrefix(out, list) || s.count(t, "select count(*) from clients") != 0 {
		t.Errorf("rehearsed with status %d: %s%s", status, out, errs)
	}
	if out, errs, status := s.importContacts(t, text); status != 0 || out != "clients: 2 created, 0 updated, 0 as they are\ncontacts: 3 created, 0 updated, 0 as they are\n" {
		t.Errorf("imported with status %d: %s%s", status, out, errs)
	}
	entries := s.count(t, "select count(*) from audit_entries")
	if out, _, _ := s.importContacts(t, text); out != "clients: 0 created, 0 updated, 2 as they are\ncontacts: 0 created, 0 updated, 3 as they are\n" || s.count(t, "select count(*) from audit_entries") != entries {
		t.Errorf("the second time: %s", out)
	}
	changed := strings.NewReplacer("Europe/Paris", "Europe/Rome", "Cid", "Sid").Replace(text)
	if out, _, _ := s.importContacts(t, changed, "--dry-run"); !strings.Contains(out, `line 2: update client A-1: time_zone: "Europe/Paris" -> "Europe/Rome"`) ||
		!strings.Contains(out, `line 5: update contact Sid: name: "Cid" -> "Sid"`) || !strings.Contains(out, "line 3: contact Bob \"B\" of A-1 is so already: nothing") {
		t.Errorf("changed: %s", out)
	}
	if got := s.count(t, "select count(*) from webhook_events where type = 'contact.created'"); got != 3 {
		t.Errorf("%d events", got)
	}
}

// Tried: each mistake on a line of its own. Nothing is done until they are mended, or left out by a flag.
func TestContactsImportNamesEveryMistake(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	text := "client;client_ref;domains;time_zone;name;email;crm_ref;tags\n" +
		"Acme;;;;Ann;ann@acme.example;;\n" +
		";;x.example;;Bob;bob@x.example;;\n" +
		"Acme;;acme.example;;Cid;no address;;\n" +
		"Acme;;;;Dan;;;\n" +
		"Acme;;;;Ann again;ANN@acme.example;;\n" +
		"Beta;;;Mars/North;Eve;eve@beta.example;;\n" +
		"Acme;;;;Fay;fay@acme.example;;friend\n" +
		"Gus;;\"a\nb\";;;;;\n" +
		"Acme;;;;Hal;hal@acme.example;;;;extra\n" +
		"Beta;;;;Ida;ida@beta.example;;\n" +
		"Ref;R-1;;;;;;\nOther;R-1;;;;;;\n"
	mistakes := []string{"line 3, column domains: this is said of a client", `line 4, column email: "no address" is not an email address`,
		"line 5, column email: a contact needs an email address or a crm_ref", "line 6: it is about the same contact as line 2",
		"line 7, column time_zone: the time zone must be an IANA name", "line 8, column tags: tags of a contact are",
		"line 9, column domains: a cell is one line", "line 11: it has 10 cells, the headers name 8",
		"line 12, column client: the client Beta cannot be imported", `line 14, column client: line 13 says "Ref" of this client`}
	for _, flag := range []string{"--dry-run", ""} {
		args := strings.Fields(flag)
		_, errs, status := s.importContacts(t, text, args...)
		if status != 1 || strings.Count(errs, "\n") != len(mistakes)+1 || s.count(t, "select count(*) from clients") != 0 {
			t.Errorf("%q: status %d\n%s", flag, status, errs)
		}
		for _, m := range mistakes {
			if !strings.Contains(errs, m) {
				t.Errorf("%q: %q is missing in\n%s", flag, m, errs)
			}
		}
	}
	out, errs, status := s.importContacts(t, text, "--skip-invalid")
	if status != 1 || !strings.Contains(errs, "10 lines are wrong: left out") || out != "clients: 2 created, 0 updated, 0 as they are\ncontacts: 1 created, 0 updated, 0 as they are\n" {
		t.Errorf("with --skip-invalid status %d: %s%s", status, out, errs)
	}
	for text, want := range map[string]string{
		"client,nmae,emial\nAcme,x,y\n":       `unknown columns "nmae", "emial"; there are client,`,
		"name,email,NAME\n":                   "columns that are there twice: name",
		"":                                    "it has no line of headers",
		"name,email\nAnn,a@x.example\n\"Bob,": "line 3, character",
		"n\x00a\x00":                          "save it as CSV UTF-8",
	} {
		if _, errs, status := s.importContacts(t, text); status != 1 || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: status %d, want %q: %s", text, status, want, errs)
		}
	}
}

// Tried: the files that spreadsheets write.
func TestContactsImportReadsSpreadsheets(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	utf16File := func(order binary.AppendByteOrder, text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	row := func(n int, sep string) string {
		return strings.ReplaceAll(fmt.Sprintf("name;email;relationship\r\n\"Zoë, né %d\";zoe%d@x.example;\"Ça va\"\r\n\r\n;;\r\n", n, n), ";", sep)
	}
	for i, text := range []string{row(0, ","), "\ufeff" + row(1, ";"), row(2, "\t"), utf16File(binary.LittleEndian, row(3, "\t")), utf16File(binary.BigEndian, row(4, ";")), "sep=|\r\n" + row(5, "|")} {
		if out, errs, status := s.importContacts(t, text); status != 0 || !strings.Contains(out, "contacts: 1 created") {
			t.Errorf("file %d: status %d: %s%s", i, status, out, errs)
		}
		if s.count(t, fmt.Sprintf("select count(*) from contacts where name = 'Zoë, né %d' and email_norm = 'zoe%d@x.example' and relationship = 'Ça va'", i, i)) != 1 {
			t.Errorf("file %d came in otherwise", i)
		}
	}
	if _, errs, status := s.importContacts(t, "name,email\nZo\xeb,zoe@x.example\n"); status != 1 || !strings.Contains(errs, "line 2, column name: these are no UTF-8") {
		t.Errorf("Latin-1: status %d: %s", status, errs)
	}
}
