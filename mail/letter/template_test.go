package letter

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-desk/postern/internal/words"
)

func TestOwnTemplateWritesTheLetter(t *testing.T) {
	t.Parallel()
	own, err := CompileTemplate("answer", "Hi!\n{{body}}\n{{if link}}See {{link}}{{else}}no link{{end}}\n{{quoted_by}}\n{{quoted}}",
		`<h2 title="{{subject}}">{{desk}}</h2><p>{{body}}</p><a href="{{link}}">here</a>{{/* why */}}<div>{{quoted}}</div>`)
	if err != nil {
		t.Fatal(err)
	}
	a := answer
	a.Template, a.Accent, a.Logo = own, "#0b6e4f", "https://desk.example/l.png"
	r, err := RenderAnswer(a)
	goldenRendered(t, "own", r, err)
	a.Subject, a.Link, a.Quoted.Text, a.Desk = `"><script>`, "javascript:alert(1)", "<img src=x onerror=y>", "<b>"
	r, err = RenderAnswer(a)
	if err != nil || r.Failed != nil {
		t.Fatal(err, r.Failed)
	}
	checkHarmless(t, strings.ReplaceAll(r.HTML, `<img src="https://desk.example/l.png" alt="&lt;b&gt;" height="40" style="height:40px;max-width:100%;border:0">`, ""))
	bare, err := CompileTemplate("acknowledgement", "Hello {{name}}", "")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := RenderAcknowledgement(Acknowledgement{Look: Look{Template: bare}, ContactName: "Ann"}); err != nil || r.HTML != "" ||
		r.Text != (Look{}).ReplyLine()+"\n\nHello Ann" {
		t.Errorf("%q %q %v", r.Text, r.HTML, err)
	}
}

// Tried: what a template language can do beyond naming variables, and HTML that no mail program shows.
func TestTemplateIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"{{range body}}x{{end}}":                     "not allowed",
		"{{printf \"%1000000d\" 1}}":                 "not defined; there are desk",
		"{{define \"a\"}}{{template \"a\"}}{{end}}x": "not allowed",
		"{{block \"a\" .}}x{{end}}":                  "not allowed",
		"{{template \"text\"}}":                      "not allowed",
		"{{with body}}x{{end}}":                      "not allowed",
		"{{.}}":                                      "not allowed",
		"{{$x := body}}{{$x}}":                       "not allowed",
		"{{body | html}}":                            "not defined",
		"{{body body}}":                              "not allowed",
		"a\nb {{nobody}}":                            "text:2",
		"{{if body}}":                                "unexpected EOF",
		" \n":                                        "text: a letter has a text",
		strings.Repeat("x", maxTemplate+1):           "at most 64 KiB",
	} {
		if _, err := CompileTemplate("answer", text, ""); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.60q: %v, want %q", text, err, reason)
		}
	}
	for markup, reason := range map[string]string{
		"<script>{{body}}</script>":   "<script> is not allowed",
		"</BODY>":                     "<body> is not allowed",
		"<p onclick={{body}} {{if}}":  "missing value",
		"{{if body}}<a href='{{end}}": "end in different contexts",
	} {
		if _, err := CompileTemplate("answer", "x", markup); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", markup, err, reason)
		}
	}
}

// TestBuiltinSavedAsOwnWritesTheSameLetter is why the words of the product may be shown as a template to begin with.
func TestBuiltinSavedAsOwnWritesTheSameLetter(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		for _, l := range words.All {
			text, markup, err := Builtin(kind, l)
			if err != nil {
				t.Fatal(err)
			}
			own, err := CompileTemplate(kind, text, markup)
			if err != nil {
				t.Fatalf("%s in %s: %v", kind, l, err)
			}
			for _, look := range []Look{{Language: l}, {Language: l, Accent: "#0b6e4f"}} {
				ours, err1 := Sample(kind, look, "Desk")
				look.Template = own
				theirs, err2 := Sample(kind, look, "Desk")
				if diff := cmp.Diff(ours, theirs); err1 != nil || err2 != nil || diff != "" {
					t.Errorf("%s in %s: %v %v\n%s", kind, l, err1, err2, diff)
				}
			}
			if strings.Contains(text+markup, "{{letter.") || strings.Contains(text+markup, "{{outage.") {
				t.Errorf("%s in %s leaves a sentence out:\n%s", kind, l, text)
			}
		}
	}
	if _, _, err := Builtin("nothing", words.English); err == nil {
		t.Error("there are words of no letter")
	}
}

// TestEveryVariableHasAValue writes all of them down, in text and HTML.
func TestEveryVariableHasAValue(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		var all strings.Builder
		for _, name := range Variables[kind] {
			all.WriteString(name + "=[{{" + name + "}}]\n")
		}
		own, err := CompileTemplate(kind, all.String(), "<p>"+all.String()+"</p>")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Sample(kind, Look{Template: own, Accent: "#0b6e4f"}, "Desk")
		if err != nil || r.Failed != nil {
			t.Fatal(err, r.Failed)
		}
		for _, name := range Variables[kind] {
			if empty := name + "=[]"; strings.Contains(r.Text+r.HTML, empty) && name != "sends" {
				t.Errorf("%s: %s is empty in the sample:\n%s%s", kind, name, r.Text, r.HTML)
			}
		}
		if strings.Contains(r.Text+r.HTML, "no value") {
			t.Errorf("%s: a variable has no value:\n%s%s", kind, r.Text, r.HTML)
		}
	}
}

// TestFailingTemplateFallsBack breaks each kind: no letter is lost to a template.
func TestFailingTemplateFallsBack(t *testing.T) {
	t.Parallel()
	long, err := CompileTemplate("answer", strings.Repeat("{{body}}", 100), "")
	if err != nil {
		t.Fatal(err)
	}
	a := answer
	a.Template, a.Body = long, strings.Repeat("x", 1<<20)
	if r, err := RenderAnswer(a); err != nil || !errors.Is(r.Failed, errTooLong) || !strings.Contains(r.Text, "Bo Larsen") {
		t.Errorf("failed %v, %v: %.100q", r.Failed, err, r.Text)
	}
}

// FuzzTemplate compiles what an administrator may type and writes a letter with what compiles.
func FuzzTemplate(f *testing.F) {
	f.Add("{{body}} {{if link}}{{link}}{{end}}", `<a href="{{link}}">{{subject}}</a>`)
	f.Add("{{range body}}", "<style>{{body}}</style>")
	f.Fuzz(func(t *testing.T, text, markup string) {
		own, err := CompileTemplate("answer", text, markup)
		if err != nil {
			return
		}
		a := answer
		a.Template = own
		if r, err := RenderAnswer(a); err != nil || !strings.HasPrefix(r.Text, a.ReplyLine()) {
			t.Errorf("%v: %q", err, r.Text)
		}
	})
}
