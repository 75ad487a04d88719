package message

import (
	"strings"
	"testing"
)

func never() bool { return false }

func TestExtractReply(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, reply, signature string }{
		"nothing to cut":        {"Hello\n\nAnn", "Hello\n\nAnn", ""},
		"empty":                 {"", "", ""},
		"quote below":           {"Yes\n\nOn 2 May 2026, at 10:00, Ann <a@x.example> wrote:\n> no?", "Yes", ""},
		"quote above":           {"On 2 May 2026, at 10:00, Ann <a@x.example> wrote:\n> no?\n\nYes", "Yes", ""},
		"answers between":       {"> one?\nyes\n> two?\nno", "yes\n> two?\nno", ""},
		"only a quote":          {"> one\n> two", "> one\n> two", ""},
		"only a signature":      {"-- \nAnn", "--\nAnn", ""},
		"signature":             {"Yes\n-- \nAnn\nAcme", "Yes", "--\nAnn\nAcme"},
		"telephone":             {"Yes\n\nSent from my iPhone", "Yes", "Sent from my iPhone"},
		"telephone, German":     {"Ja\n\nVon meinem iPhone gesendet", "Ja", "Von meinem iPhone gesendet"},
		"telephone, French":     {"Oui\n\nEnvoyé de mon iPhone", "Oui", "Envoyé de mon iPhone"},
		"only a telephone":      {"Sent from my iPhone", "Sent from my iPhone", ""},
		"closing":               {"Yes\n\nKind regards,\nAnn Lee\nAcme", "Yes", "Kind regards,\nAnn Lee\nAcme"},
		"closing, then text":    {"Regards,\n" + strings.Repeat("a long line of text that says something to somebody somewhere, and then more of it\n", 3), strings.TrimSpace("Regards,\n" + strings.Repeat("a long line of text that says something to somebody somewhere, and then more of it\n", 3)), ""},
		"own delimiter":         {"Yes\n\n##- Please write above this line -##\n\nold", "Yes", ""},
		"original message":      {"Yes\n\n-----Original Message-----\nFrom: a@x.example\n\nold", "Yes", ""},
		"fields, English":       {"Yes\n\nFrom: Ann <a@x.example>\nSent: Monday\nTo: Bob\nSubject: x\n\nold", "Yes", ""},
		"fields, Dutch":         {"Ja\n\nVan: Ann <a@x.example>\nVerzonden: maandag\nAan: Bob\nOnderwerp: x\n\noud", "Ja", ""},
		"fields, Turkish":       {"Evet\n\nKimden: Ann <a@x.example>\nGönderilme Tarihi: Pazartesi\nKime: Bob\nKonu: x\n\neski", "Evet", ""},
		"fields, Japanese":      {"はい\n\n差出人: Ann <a@x.example>\n送信日時: 2026年5月2日\n宛先: Bob\n件名: x\n\n古い", "はい", ""},
		"fields after a rule":   {"Yes\n________________________________\nFrom: Ann <a@x.example>\nSent: Monday\nSubject: x\n\nold", "Yes", ""},
		"a journey":             {"Please book\n\nFrom: Paris\nTo: London\nDate: 2 May\n\nThanks", "Please book\n\nFrom: Paris\nTo: London\nDate: 2 May\n\nThanks", ""},
		"German":                {"Ja\n\nAm 02.05.2026 um 10:00 schrieb Ann Lee <a@x.example>:\nalt", "Ja", ""},
		"French":                {"Oui\n\nLe sam. 2 mai 2026 à 10:00, Ann Lee <a@x.example> a écrit\u00a0:\nvieux", "Oui", ""},
		"Spanish":               {"Sí\n\nEl sáb, 2 may 2026 a las 10:00, Ann (<a@x.example>) escribió:\nviejo", "Sí", ""},
		"Italian":               {"Sì\n\nIl giorno sab 2 mag 2026 alle ore 10:00 Ann <a@x.example> ha scritto:\nvecchio", "Sì", ""},
		"Portuguese":            {"Sim\n\nEm sáb., 2 de mai. de 2026 às 10:00, Ann <a@x.example> escreveu:\nvelho", "Sim", ""},
		"Dutch":                 {"Ja\n\nOp za 2 mei 2026 om 10:00 schreef Ann <a@x.example>:\noud", "Ja", ""},
		"Swedish":               {"Ja\n\nDen lör 2 maj 2026 kl 10:00 skrev Ann <a@x.example>:\ngammal", "Ja", ""},
		"Danish":                {"Ja\n\nDen lør. 2. maj 2026 kl. 10.00 skrev Ann <a@x.example>:\ngammel", "Ja", ""},
		"Polish":                {"Tak\n\nsob., 2 maj 2026 o 10:00 Ann <a@x.example> napisał(a):\nstare", "Tak", ""},
		"Czech":                 {"Ano\n\nso 2. 5. 2026 v 10:00 odesílatel Ann <a@x.example> napsal:\nstaré", "Ano", ""},
		"Hungarian":             {"Igen\n\nAnn <a@x.example> ezt írta (időpont: 2026. máj. 2., Szo, 10:00):\nrégi", "Igen", ""},
		"Russian":               {"Да\n\nсб, 2 мая 2026 г. в 10:00, Ann <a@x.example>:\nстарое", "Да", ""},
		"Ukrainian":             {"Так\n\nсб, 2 трав. 2026 р. о 10:00 Ann <a@x.example> пише:\nстаре", "Так", ""},
		"Finnish":               {"Kyllä\n\nla 2. toukok. 2026 klo 10.00 Ann (a@x.example) kirjoitti:\nvanha", "Kyllä", ""},
		"Turkish":               {"Evet\n\nAnn <a@x.example>, 2 May 2026 Cmt, 10:00 tarihinde şunu yazdı:\neski", "Evet", ""},
		"Chinese":               {"好\n\nAnn <a@x.example> 于2026年5月2日周六 10:00写道：\n旧", "好", ""},
		"Japanese":              {"はい\n\n2026年5月2日(土) 10:00 Ann <a@x.example>:\n古い", "はい", ""},
		"Korean":                {"네\n\n2026년 5월 2일 (토) 오전 10:00, Ann <a@x.example>님이 작성:\n옛", "네", ""},
		"Vietnamese":            {"Vâng\n\nVào Th 7, 2 thg 5, 2026 vào lúc 10:00 Ann <a@x.example> đã viết:\ncũ", "Vâng", ""},
		"a person's sentence":   {"On 5 May I wrote to you about the invoice:\n\nit is wrong", "On 5 May I wrote to you about the invoice:\n\nit is wrong", ""},
		"a list with a colon":   {"These are the 3 things:\n- a\n- b", "These are the 3 things:\n- a\n- b", ""},
		"begin forwarded":       {"See\n\nBegin forwarded message:\n\n> From: a", "See", ""},
		"signature, then quote": {"Yes\n--\nAnn\n\nOn 2 May 2026 at 10:00 Bob <b@x.example> wrote:\n> no?", "Yes", "--\nAnn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := extractReply(c.text, never)
			if x.reply != c.reply || x.signature != c.signature {
				t.Errorf("reply %q, signature %q; want %q, %q", x.reply, x.signature, c.reply, c.signature)
			}
		})
	}
}

// Every line of the text is in the reply, in the cut or in the signature.
func TestReplyLosesNothing(t *testing.T) {
	t.Parallel()
	n := 0
	for _, path := range glob(t, corpusDir(t), "reply-*/emails/*.txt") {
		text := CleanText(string(read(t, path)))
		x := extractReply(text, never)
		all := squash(x.reply + x.cut + x.signature)
		for line := range strings.Lines(text) {
			if s := squash(line); s != "" && !isDelimiter(line) && !strings.Contains(all, s) {
				t.Errorf("%s: line %q is lost", path, line)
			}
		}
		n++
	}
	if n < 100 {
		t.Errorf("only %d files", n)
	}
}

func TestReplyOutOfTime(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("line\n", 300) + "On 2 May 2026, at 10:00, Ann <a@x.example> wrote:\n> no?"
	if x := extractReply(text, func() bool { return true }); x.reply != text {
		t.Errorf("%d of %d bytes", len(x.reply), len(text))
	}
}

func FuzzExtractReply(f *testing.F) {
	f.Add("Yes\n\nOn 2 May 2026, at 10:00, Ann <a@x.example> wrote:\n> no?\n\n-- \nAnn")
	f.Add("> a\n\nb\n-----Original Message-----\nFrom: a\n")
	f.Add("Ja\nVon: a@b\nGesendet: 1\nBetreff: x\n\nRegards,\nAnn\nSent from my phone")
	f.Add("reply On Wed, Apr 4, 2012 at 3:59 PM, bob@x.example wrote:\n##- -##")
	f.Fuzz(func(t *testing.T, text string) {
		text = CleanText(text)
		x := extractReply(text, never)
		if strings.TrimSpace(text) != "" && strings.TrimSpace(x.reply) == "" {
			t.Errorf("no reply in %q", text)
		}
		if len(x.reply) > len(text) {
			t.Errorf("a reply of %d bytes in a text of %d", len(x.reply), len(text))
		}
	})
}
