package embedded

import (
	"errors"
	"math"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	mailDNSPlain = 512  // bytes that every client takes by UDP, RFC 1035 4.2.1
	mailDNSMost  = 1232 // and what we take, for it passes every network unfragmented
	mailDNSTTL   = 60   // seconds
	mailDNSText  = 255  // bytes of one character-string, RFC 1035 3.3
)

// mailDNSAnswers turns questions into answers.
type mailDNSAnswers struct {
	text []string        // the record in character-strings
	root dnsmessage.Name // the owner of OPT
}

// mailDNSQuestion is what a query asks and how large an answer it takes.
type mailDNSQuestion struct {
	header  dnsmessage.Header
	asked   []dnsmessage.Question // none or one
	edns    bool
	size    int // by UDP
	outcome dnsmessage.RCode
}

func newMailDNSAnswers(record string) (a mailDNSAnswers, err error) {
	for len(record) > mailDNSText {
		a.text, record = append(a.text, record[:mailDNSText]), record[mailDNSText:]
	}
	a.text = append(a.text, record)
	a.root, err = dnsmessage.NewName(".")
	return a, err
}

// udp returns nil for what deserves no answer: garbage, or an answer, which two
// servers would send each other for ever.
func (a mailDNSAnswers) udp(query []byte) []byte {
	q, ok := readMailDNSQuestion(query)
	if !ok {
		return nil
	}
	answer := a.answer(q, false)
	if len(answer) > q.size {
		answer = a.answer(q, true)
	}
	return answer
}

func (a mailDNSAnswers) tcp(query []byte) []byte {
	q, ok := readMailDNSQuestion(query)
	if !ok {
		return nil
	}
	q.size = math.MaxUint16
	return a.answer(q, false)
}

func readMailDNSQuestion(query []byte) (q mailDNSQuestion, ok bool) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil || header.Response {
		return q, false
	}
	q = mailDNSQuestion{header: header, size: mailDNSPlain}
	if header.OpCode != 0 {
		q.outcome = dnsmessage.RCodeNotImplemented
		return q, true
	}
	if err := q.read(&p); err != nil {
		q.outcome = dnsmessage.RCodeFormatError
	}
	return q, true
}

func (q *mailDNSQuestion) read(p *dnsmessage.Parser) error {
	question, err := p.Question()
	if err != nil {
		return err
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) {
		return errors.New("more than one question") // nobody answers these
	}
	q.asked = []dnsmessage.Question{question}
	if err := errors.Join(p.SkipAllAnswers(), p.SkipAllAuthorities()); err != nil {
		return err
	}
	for {
		extra, err := p.AdditionalHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
		if err != nil {
			return err
		}
		if extra.Type == dnsmessage.TypeOPT {
			// RFC 6891 6.2.3: the class is the size, and less than 512 means 512.
			q.edns, q.size = true, max(int(extra.Class), mailDNSPlain)
		}
		if err := p.SkipAdditional(); err != nil {
			return err
		}
	}
}

// answer is nil only for a name that does not fit, which no parsed one is.
func (a mailDNSAnswers) answer(q mailDNSQuestion, truncated bool) []byte {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: q.header.ID, Response: true, OpCode: q.header.OpCode, RecursionDesired: q.header.RecursionDesired,
		// Without it an empty answer would look like a server's that does not know.
		Authoritative: true, Truncated: truncated, RCode: q.outcome,
	})
	b.EnableCompression()
	err := b.StartQuestions()
	for _, question := range q.asked {
		err = errors.Join(err, b.Question(question), b.StartAnswers())
		if !truncated && q.outcome == dnsmessage.RCodeSuccess && isMailKey(question) {
			head := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: mailDNSTTL}
			err = errors.Join(err, b.TXTResource(head, dnsmessage.TXTResource{TXT: a.text}))
		}
	}
	if q.edns {
		head := dnsmessage.ResourceHeader{Name: a.root}
		err = errors.Join(err, b.StartAdditionals(), head.SetEDNS0(mailDNSMost, q.outcome, false), b.OPTResource(head, dnsmessage.OPTResource{}))
	}
	whole, finish := b.Finish()
	if err != nil || finish != nil {
		return nil
	}
	return whole
}

// isMailKey tells whether a question is for <selector>._domainkey.<any domain>.
// No other name is denied (NXDOMAIN): every domain has a key below it, and RFC
// 8020 would take that away together with the domain.
func isMailKey(q dnsmessage.Question) bool {
	domain, found := strings.CutPrefix(strings.ToLower(q.Name.String()), mailSelector+"._domainkey.")
	return found && domain != "" && domain != "." && q.Type == dnsmessage.TypeTXT && q.Class == dnsmessage.ClassINET
}
