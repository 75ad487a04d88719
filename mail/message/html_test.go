package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestHTMLText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, text string }{
		"paragraphs":   {"<p>one</p><p>two</p>", "one\n\ntwo"},
		"divs":         {"<div>one</div><div>two</div><div><br></div><div>three</div>", "one\ntwo\n\nthree"},
		"breaks":       {"one<br>two<br><br>three", "one\ntwo\n\nthree"},
		"white space":  {"  one \n\t two<b> three</b>four ", "one two threefour"},
		"entities":     {"&lt;b&gt; &amp;amp; &euro;&nbsp;5", "<b> &amp; € 5"},
		"link":         {`see <a href="https://x.example/a">our page</a>.`, "see our page <https://x.example/a>."},
		"bare link":    {`<a href="https://x.example/">x.example</a> <a href="https://x.example/a">https://x.example/a</a>`, "x.example https://x.example/a"},
		"other links":  {`<a href="mailto:a@x.example">Ann</a> <a href="javascript:alert(1)">x</a> <a name="y">y</a>`, "Ann x y"},
		"list":         {"<ul><li>one</li><li>two<ol><li>a<li>b</ol></ul>end", "- one\n- two\n  1. a\n  2. b\nend"},
		"table":        {"<table><tr><th>a</th><th>b</th></tr><tr><td><p>1</p></td><td>2</td></tr></table>", "a | b\n1 | 2"},
		"quote":        {"yes<blockquote>one<br>two<blockquote>three</blockquote></blockquote>no", "yes\n> one\n> two\n>> three\nno"},
		"hidden":       {"<head><title>x</title><style>p{}</style></head><script>alert(1)</script>text<!-- y -->", "text"},
		"preformatted": {"<pre>a\n  b\n</pre>c", "a\n  b\nc"},
		"image":        {`<img src="cid:a" alt="a logo"><img src="b">`, "[a logo]"},
		"unclosed":     {"<div><p>one<div>two", "one\ntwo"},
		"Outlook":      {`<p class="MsoNormal">one</p><p class="MsoNormal">two</p>`, "one\ntwo"},
		"no end":       {"one <b", "one"},
		"empty":        {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := htmlText(c.page); got != c.text {
				t.Errorf("%q gives %q, want %q", c.page, got, c.text)
			}
		})
	}
}

func TestSanitizeHTML(t *testing.T) {
	t.Parallel()
	kept := map[string]string{
		`<p>one <b>two</b></p>`:                          `<p>one <b>two</b></p>`,
		`<img src="cid:logo@x" alt="a">`:                 `<img src="cid:logo@x" alt="a">`,
		`<table><tr><td colspan="2">a</td></tr></table>`: `<table><tr><td colspan="2">a</td></tr></table>`,
	}
	for in, want := range kept {
		if got := sanitizeHTML(in); got != want {
			t.Errorf("%s gives %s", in, got)
		}
	}
	for _, in := range []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<a href="javascript:alert(1)">x</a>`, `<p onclick="alert(1)">x</p>`,
		`<iframe src="https://evil.example"></iframe>`, `<form action="https://evil.example"><input></form>`, `<style>p{background:url(https://evil.example)}</style>`,
		`<p style="background:url(https://evil.example)">x</p>`, `<img src="https://evil.example/pixel.gif">`, `<img srcset="https://evil.example/a 2x">`,
		`<svg><script>alert(1)</script></svg>`, `<link rel="stylesheet" href="https://evil.example">`, `<meta http-equiv="refresh" content="0;url=https://evil.example">`,
		`<body background="https://evil.example">x</body>`, `<video src="https://evil.example" poster="https://evil.example"></video>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`,
		`<base href="https://evil.example">`, `<object data="https://evil.example"></object>`, `<td background="https://evil.example">x</td>`, `<math><mi xlink:href="javascript:alert(1)">x</mi></math>`,
	} {
		got := strings.ToLower(sanitizeHTML(in))
		for _, bad := range []string{"alert", "evil.example", "javascript", "<form", "<style", "style=", "onerror", "data:"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s keeps %s: %s", in, bad, got)
			}
		}
	}
	got := sanitizeHTML(`<a href="https://x.example/a">x</a>`)
	for _, want := range []string{"nofollow", "noreferrer", "noopener", `target="_blank"`} {
		if !strings.Contains(got, want) {
			t.Errorf("a link without %s: %s", want, got)
		}
	}
}

func FuzzHTML(f *testing.F) {
	f.Add("<p>one<blockquote>two</p><ul><li>three<table><tr><td>a</td><td>b")
	f.Add("<a href=x><pre>\n\n<br><hr></pre><div class=gmail_quote><blockquote class=gmail_quote>")
	f.Add("<title><script></title>text")
	f.Fuzz(func(t *testing.T, page string) {
		if text := htmlText(page); CleanText(text) != text {
			t.Errorf("%q gives %q, which is not clean", page, text)
		}
		// What is safe must not become unsafe when it is read again.
		once := sanitizeHTML(page)
		if strings.Contains(strings.ToLower(once), "<script") {
			t.Errorf("%q keeps a script: %q", page, once)
		}
	})
}

// The sanitiser leaves what the policy leaves of the whole page.
func FuzzSanitize(f *testing.F) {
	for _, page := range []string{
		"<p align=left dir=ltr class=x>a &amp; \"b\" 'c'</p><P ALIGN=evil>d", "<a>x</a><a href='https://x.example/?a=1&b=2'>y</a><a href=javascript:alert(1)>z</a></a>",
		"<img src=cid:1 alt=a><img src=https://x.example/1.png><img/><br/><br><hr width=1>", "<script>a<b</script>b<style>c</style>d<title>e</title>f</title>g",
		"<iframe>a<p>b</iframe>c</iframe>d<object>e</object>f<noscript><p>g</noscript>h", "<!doctype html><!-- a -->b<td colspan=2 width=10%>c<td colspan=x>d",
		"<x-y a=b><span style=x>a</span></x-y><font color=red>b</font>\r\nc\x00d<p", "<a name=x>a<a href=/relative>b</a>c</a>d<script/>e<style/>f", `<a title="&lt;" href="https://x.example/?a&amp;b&lt;&gt;c">x</a><p class="&quot;&amp;&lt;" align="&#99;enter">y`, "<textarea><p>a</textarea><plaintext>b<p>c",
	} {
		f.Add(page)
	}
	var many strings.Builder
	for i := range maxJudged + 2 {
		fmt.Fprintf(&many, "<a href=https://x.example/%d>a</a>", i)
	}
	f.Add(many.String() + "<p align=left>b")
	f.Fuzz(func(t *testing.T, page string) {
		want := htmlPolicy().Sanitize(page)
		if strings.TrimSpace(page) == "" {
			want = sanitizeHTML(page) // the policy gives white space back as it is
		}
		if got := sanitizeHTML(page); got != want {
			t.Errorf("%q gives %q, the policy gives %q", page, got, want)
		}
	})
}
