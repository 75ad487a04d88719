package letter

// Rendered is a letter's words: they go into Subject, Text, HTML and Auto of a
// Letter. Subject is one line without control characters.
type Rendered struct {
	Subject, Text, HTML string
	Auto                Auto
}
