package message

import (
	"regexp"
	"strings"
)

// The words by which mail programs introduce what they quote, language by
// language. They are facts about those programs; extend them freely.

// wroteLast are verbs that end an introduction: "On Monday Ann wrote:".
const wroteLast = `wrote|writes|sent|said|replied|a [ée]crit|escribi[óo]|escreveu|ha scritto|scrisse|schrieb|schreef|` +
	`het volgende geschreven|geschreven|skrev|skrev f[öo]ljande|napisa[łl](?:\(a\)|a)?|napsal(?:\(a\)|a)?|nap[íi]sal(?:\(a\)|a)?|` +
	`пише|пишет|написал(?:\(а\)|а)?|написав(?:\(ла\)|ла)?|написа(?:\(ла\))?|kirjoitti|[íi]rta|yazd[ıi]|[şs]unu yazd[ıi]|a scris|je napisao(?:\/la)?|` +
	`je napisala|napisao je|napisao|έγραψε|ra[šs][ėe]|rakst[īi]ja|kirjutas|skrifa[ðd]i|va escriure|idatzi du|vi[ếe]t|đã viết|menulis|` +
	`写道|寫道|写到|のメール|さんは書きました|作成|님이 작성|작성|כתב(?:/ה)?|كتب|เขียนว่า|เขียน`

// wroteMiddle are verbs that the name or the date may follow: "Ann schrieb am Montag:".
const wroteMiddle = `schrieb|schreef|skrev|escribi[óo]|escreveu|ha scritto|a [ée]crit|napisa[łl](?:\(a\)|a)?|kirjoitti|napsal(?:\(a\)|a)?|` +
	`написал(?:\(а\)|а)?|пишет|пише|[íi]rta|yazd[ıi]|heeft|a scris|en dato skrev`

var (
	lastVerbs   = newPhrases(wroteLast)
	middleVerbs = newPhrases(wroteMiddle)

	dateStart = regexp.MustCompile(`^(?:\d{4}[-./年]|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}|\d{1,2}\.? (?:de )?\p{L}{2,}\.?,? (?:de )?\d{4})`)

	// 2016-03-03 17:21 GMT+01:00 Some One
	gmtIntro = regexp.MustCompile(`^\d{4}-\d{2}-\d{2} \d{1,2}:\d{2} (?:GMT|UTC)[+-]\d{1,2}:\d{2} \S.{0,80}$`)
	// 2011/4/7 Some One <some@example.com>
	dateAddressIntro = regexp.MustCompile(`^\d{4}[-/]\d{1,2}[-/]\d{1,2} .{0,100}<[^<>\s]+@[^<>\s]+>:?$`)
	// ---- On Wed, 24 Feb 2021 ann@example.com wrote ----
	dashedIntro = regexp.MustCompile(`(?i)^-{2,}\s*\S.{2,200}\s(?:` + wroteLast + `)\s*:?\s*-{2,}$`)
	// text On Wed, Apr 4, 2012 at 3:59 PM, bob@example.com wrote:
	sharedLine = regexp.MustCompile(`^(.*\S?)[\s-]*\b(On (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, .{6,200} wrote:)$`)
)

// introWords begin introductions: prepositions before a date, and weekdays.
var introWords = wordSet(`on at le am op el em il den d på w dnia dne dňa a la в у στις pada vào ngày 在 於 于 dana pe ti su data u kl date`,
	`mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday`,
	`lun mar mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche`,
	`mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonntag`,
	`пн вт ср чт пт сб вс нд понедельник вторник среда четверг пятница суббота воскресенье`,
	`pon wt śr czw pt sob niedz man tir tirs ons tor to tors fre lør søn mån lör sön ma wo vr za zo ke seg ter qua qui sex sáb dom`)

func wordSet(lists ...string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for word := range strings.FieldsSeq(list) {
			set[word] = true
		}
	}
	return set
}

// The separators above an email that follows whole.
const originalWords = `original message|original appointment|reply message|original e-?mail|message d'origine|message original|mensaje original|` +
	`mensagem original|messaggio originale|urspr[üu]ngliche nachricht|original-?nachricht|originalmeddelande|ursprungligt meddelande|` +
	`oprindelig (?:meddelelse|besked)|opprinnelig melding|alkuper[äa]inen viesti|oorspronkelijk bericht|wiadomość oryginalna|` +
	`oryginalna wiadomość|p[ůu]vodn[íi] zpr[áa]va|p[ôo]vodn[áa] spr[áa]va|eredeti [üu]zenet|исходное сообщение|оригинальное сообщение|` +
	`первоначальное сообщение|вихідне повідомлення|orijinal mesaj|özgün ileti|mesaj original|izvirno sporočilo|izvorna poruka|` +
	`αρχικό μήνυμα|原始邮件|原始郵件|邮件原件|原始信件|元のメッセージ|original message|원본 메시지|원본 메일|thư gốc|pesan asli`

const forwardWords = `forwarded message|forwarded by .{1,60}|forwarded e-?mail|message transf[ée]r[ée]|message r[ée]exp[ée]di[ée]|weitergeleitete nachricht|` +
	`mensaje reenviado|mensagem (?:encaminhada|reencaminhada)|messaggio inoltrato|doorgestuurd bericht|vidarebefordrat meddelande|` +
	`videresendt (?:meddelelse|melding|e-mail|besked)|v[äa]litetty viesti|przekazana wiadomość|wiadomość przekazana dalej|` +
	`p[řr]eposlan[áa] zpr[áa]va|tov[áa]bb[íi]tott (?:levél|üzenet)|пересылаемое сообщение|пересланное сообщение|переслане повідомлення|` +
	`iletilen mesaj|yönlendirilen ileti|mesaj redirecționat|转发的邮件|轉寄郵件|转发邮件信息|転送メッセージ|전달된 메시지`

const beginForward = `begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|d[ée]but du message (?:r[ée]exp[ée]di[ée]|transf[ée]r[ée])|` +
	`inizio (?:del )?messaggio inoltrato|inicio del mensaje reenviado|in[íi]cio da mensagem (?:reencaminhada|encaminhada)|begin doorgestuurd bericht|` +
	`vidarebefordrat (?:brev|mejl)|videresendt besked|p[åa]begynner videresendt melding|начало переадресованного сообщения|下面是被转发的邮件|転送されたメッセージ`

var (
	originalLine  = regexp.MustCompile(`(?i)^[\s*_]*[-_=–—]{2,}\s*(?:` + originalWords + `)\s*[:：]?\s*[-_=–—]{2,}[\s*_]*$`)
	forwardLine   = regexp.MustCompile(`(?i)^[\s*_]*(?:[-_=–—]{2,}\s*(?:` + forwardWords + `)\s*[:：]?\s*[-_=–—]{2,}|(?:` + beginForward + `)\s*[:：])[\s*_]*$`)
	beginForwards = newPhrases(beginForward)
	// Our own letters ask to write above a line of this shape.
	ownDelimiter = regexp.MustCompile(`^[\s>*]*##-.*-##[\s*]*$`)
	// French webmails put this above the quoted fields.
	messageOf = regexp.MustCompile(`(?i)^[\s*]*message du\s*:?\s*\d`)
)

// The names of the fields that Outlook and its kin copy above a quoted email.
var fieldKinds = fieldKindsOf(map[string]string{
	"from": `from|de|von|da|van|fra|från|od|от|від|kimden|gönderen|lähettäjä|feladó|发件人|發件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람|보낸이|από|dari|pengirim|từ|` +
		`expéditeur|remitente|remetente|mittente|afzender|absender|отправитель|expeditor|de la|מאת|من|จาก`,
	"date": `sent|date|sent at|envoyé|envoyé le|gesendet|gesendet am|datum|inviato|inviato il|data|verzonden|sendt|dato|skickat|skickades|enviado|enviado el|enviado em|enviada|enviada em|` +
		`fecha|wysłano|data wysłania|отправлено|дата|дата отправки|надіслано|gönderildi|gönderilme|gönderilme tarihi|tarih|lähetetty|päivämäärä|elküldve|dátum|发送时间|发送日期|發送時間|寄件日期|` +
		`日期|日時|送信日時|보낸 날짜|보낸날짜|날짜|odesláno|odoslané|trimis|ημερομηνία|στάλθηκε|dikirim|tanggal|ngày|đã gửi|poslano|נשלח|التاريخ|วันที่`,
	"to": `to|à|a|an|aan|para|til|till|do|к|кому|kime|alıcı|vastaanottaja|címzett|收件人|收件者|宛先|받는 사람|받는사람|받는이|komu|za|către|προς|kepada|đến|destinataire|destinatario|` +
		`empfänger|ontvanger|אל|إلى|ถึง`,
	"subject": `subject|objet|sujet|betreff|oggetto|onderwerp|assunto|asunto|emne|ämne|temat|тема|konu|aihe|tárgy|主题|主題|主旨|件名|제목|předmět|predmet|subiect|θέμα|subjek|perihal|` +
		`chủ đề|zadeva|נושא|الموضوع|เรื่อง`,
	"other": `cc|copie|copie à|kopie|kopia|kopi|копия|копія|bcc|reply-to|replyto|répondre à|risposta|antwort an|importance|priorité|wichtigkeit|priority|抄送|참조|attachments|pièces jointes`,
})

func fieldKindsOf(names map[string]string) map[string]string {
	kinds := map[string]string{}
	for kind, list := range names {
		for name := range strings.SplitSeq(list, "|") {
			kinds[name] = kind
		}
	}
	return kinds
}

// What a signature begins with that a program adds, or else holds.
var (
	mobileStarts = newPhrases(`sent|written|composed|typed|get|envoy[ée]|t[ée]l[ée]charge|obtenir|diese|von|mit|gesendet|outlook|enviad|obtener|obter|inviat|scarica|ottieni|` +
		`verzonden|verstuurd|skickat|sendt|l[äa]hetetty|wys[łl]an|отправлено|надіслано|odesl[áa]no|odoslan|trimis|从我的|发自我的|從我的|나의|yahoo|gmx|web\.de|proton`)
	mobileParts = []string{fold("gönderildi"), fold("gonderildi"), fold("küldve"), fold("kuldve"), "から送信"}
)

// Signatures that programs add, each a line of its own.
var mobileSignature = regexp.MustCompile(`(?i)^(?:[-–—_]{0,3}\s*)(?:` +
	`(?:sent|written|composed|typed) (?:from|via|with|by|on|using) (?:my )?\S.{0,60}|get outlook for \S.{0,40}|` +
	`envoy[ée] (?:de|depuis|à partir de|avec|par) \S.{0,60}|t[ée]l[ée]charge[rz] outlook pour \S.{0,40}|obtenir outlook pour \S.{0,40}|` +
	`(?:diese nachricht wurde )?(?:von|mit) mein\w* \S.{0,60}(?:gesendet|versendet|gesandt)|gesendet (?:von|mit|aus) \S.{0,60}|` +
	`(?:von|mit) \S.{0,60} gesendet|outlook f[üu]r \S.{0,20} beziehen|enviad[oa] (?:desde|do|de|con|com|a partir) \S.{0,60}|obtener outlook para \S.{0,40}|obter o outlook para \S.{0,40}|` +
	`inviat[oa] (?:da|dal|con) \S.{0,60}|scarica outlook per \S.{0,40}|ottieni outlook per \S.{0,40}|verzonden (?:vanaf|met|via|vanuit) \S.{0,60}|verstuurd (?:vanaf|met|vanuit) \S.{0,60}|` +
	`skickat fr[åa]n \S.{0,60}|sendt (?:fra|med) \S.{0,60}|l[äa]hetetty \S.{0,60}|wys[łl]an[eoya]{1,2} (?:z|za) \S.{0,60}|` +
	`отправлено (?:с|из|от|через) \S.{0,60}|надіслано (?:з|із|від) \S.{0,60}|odesl[áa]no (?:z|ze) \S.{0,60}|odoslan[ée] (?:z|zo) \S.{0,60}|` +
	`\S.{0,40}'?\w* (?:g[öo]nderildi|k[üu]ldve)|trimis (?:de pe|din) \S.{0,60}|从我的 ?\S.{0,30}发送|发自我的 ?\S.{0,30}|從我的 ?\S.{0,30}傳送|\S{1,20}から送信|나의 \S{1,20}에서 보냄|` +
	`(?:yahoo|gmx|web\.de|outlook|protonmail|proton mail)\b.{0,30}\bapp\b.{0,40})` +
	`(?:\s*[<(\[].*[>)\]])?[.!]?$`)

// Closings that only ever stand above a name.
var closings = newPhrases(`(?:best|kind|kindest|warm|warmest|with kind|with best|many)? ?regards|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|` +
	`mit freundlichen gr[üu](?:ß|ss)en|mit besten gr[üu](?:ß|ss)en|freundliche gr[üu](?:ß|ss)e|cordialement|bien cordialement|cordiali saluti|distinti saluti|` +
	`met vriendelijke groet(?:en)?|atentamente|saludos cordiales|atenciosamente|com os melhores cumprimentos|med v[äa]nliga? h[äa]lsning(?:ar)?|med venlig hilsen|` +
	`z powa[żz]aniem|s pozdravem|с уважением|з повагою`)

var forwardSubject = regexp.MustCompile(`(?i)^\s*(?:\[[^\]]{1,40}\]\s*)?(?:fwd?|wg|tr|rv|enc|i|vs|vb|vl|doorst|pd|przek|iлt|ilt|továbbítás|转发|轉寄|転送|전달)\s*[:：]`)

func isForwardSubject(s string) bool { return forwardSubject.MatchString(s) }

// isDelimiter is a line that only draws a line.
func isDelimiter(line string) bool {
	line = strings.TrimSpace(line)
	for _, r := range line {
		if !strings.ContainsRune("-_=*#+~>| \t", r) && !strings.ContainsRune("ᐧ·—–\u00a0\u200b", r) {
			return false
		}
	}
	return line != ""
}
