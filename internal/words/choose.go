package words

import (
	"golang.org/x/text/language"
)

var matcher = language.NewMatcher([]language.Tag{language.English, language.German, language.French, language.Spanish})

// maxAccept bounds what is read of an Accept-Language header.
const maxAccept = 500

// Valid reports whether a text is a language tag (BCP 47), of a language that the desk speaks or of another.
func Valid(tag string) bool {
	_, err := language.Parse(tag)
	return err == nil && len(tag) <= 35
}

// Speaks finds the language for a tag such as de-CH, or for a whole Accept-Language header (RFC 9110 section
// 12.5.4). ok is false where the desk speaks none of those.
func Speaks(tags string) (l Language, ok bool) {
	switch l := Language(tags); l {
	case English, German, French, Spanish: // nearly always
		return l, true
	case "":
		return English, false
	}
	if len(tags) > maxAccept {
		return English, false
	}
	wanted, weights, err := language.ParseAcceptLanguage(tags)
	if err != nil {
		return English, false
	}
	for i, tag := range wanted {
		if weights[i] == 0 {
			continue // "not this one"
		}
		if _, index, confidence := matcher.Match(tag); confidence >= language.High || confidence == language.Low && sameBase(tag, index) {
			return All[index], true
		}
	}
	return English, false
}

// sameBase takes de-AT for German however far a table says that the two are apart.
func sameBase(tag language.Tag, index int) bool {
	base, _ := tag.Base()
	return base.String() == string(All[index])
}

// First is the language of the first tag that names one, English where none does.
func First(tags ...string) Language {
	for _, tag := range tags {
		if l, ok := Speaks(tag); ok {
			return l
		}
	}
	return English
}
