package manifest

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// explanations translate what the YAML library says into what to do. The first fragment that fits wins.
var explanations = []struct{ fragment, message string }{
	{"a second value follows", "a second value follows the end of the document: separate documents with ---"},
	{"exceeded max depth", "nested deeper than 1000 levels: no Kubernetes object is, split or flatten it"},
	{"mapping values are not allowed", "a \":\" stands where no key can: quote the value that holds it, or mend the indentation"},
	{"found character that cannot start any token", "this character cannot start a value: quote the value"},
	{"found a tab character", "a tab indents this line: YAML takes only spaces there"},
	{"did not find expected key", "this line fits no map or list above it: mend its indentation, or close what is open above"},
	{"did not find expected '-' indicator", "a list entry \"- \" is expected here: mend the indentation"},
	{"did not find expected ',' or ']'", "a comma or the closing \"]\" is missing before this place"},
	{"did not find expected ',' or '}'", "a comma or the closing \"}\" is missing before this place"},
	{"could not find expected ':'", "this line is no \"key: value\": add the colon, or indent it under the value it continues"},
	{"found unexpected end of stream", "a quote is opened here and never closed"},
	{"found unexpected document indicator", "a quote is opened here and never closed in this document"},
	{"unknown anchor", "an alias \"*name\" stands here without its anchor \"&name\": anchors do not reach across ---, quote a value that starts with *"},
	{"did not find expected alphabetic or numeric character", "\"*\" or \"&\" starts this value, which YAML takes for an alias or anchor: quote the value"},
	{"block sequence entries are not allowed", "\"- \" stands where no list can start: put the list on a line of its own, indented under its key"},
	{"did not find expected node content", "a value is expected here"},
	{"found unknown escape character", "a double-quoted string holds an escape that YAML does not know: double the backslash or use single quotes"},
	{"did not find expected hexdecimal number", "an escape in this double-quoted string lacks its digits: double the backslash or use single quotes"},
	{"did not find expected comment or line break", "nothing but a comment can follow \"|\" or \">\" on its line"},
	{"did not find URI escape", "a tag \"!\" starts this value: quote the value"},
	{"did not find expected <document start>", "the document is over before this line: start a new one with ---, or indent the line"},
	{"found undefined tag handle", "this value starts with \"!\", which YAML takes for a tag: quote the value"},
	{"did not find expected whitespace or line break", "a space is missing after the tag or anchor: quote a value that starts with !, & or *"},
	{"found a tab", "a tab stands where YAML takes only spaces"},
}

var dashTab = regexp.MustCompile(`^ *(?:- +)*- *\t`)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// explainYAML finds the place and the way out of an error of the YAML library.
func explainYAML(err error, text []byte) *problem {
	said := err.Error()
	m := yamlLine.FindStringSubmatch(said)
	raw := strings.TrimPrefix(said, m[0])
	if p := badBytes(text); p != nil {
		return p
	}
	p := &problem{line: 1}
	if m[1] != "" {
		n, _ := strconv.Atoi(m[1])
		p.line = int32(n)
	}
	if strings.HasPrefix(raw, "did not find expected") || strings.HasPrefix(raw, "unknown anchor") || m[1] == "" {
		p.said = said
	}
	src := newSource(text)
	p.line = min(max(p.line, 1), int32(len(src.lines)))
	p.message, p.cites = raw, true
	for _, e := range explanations {
		if strings.Contains(raw, e.fragment) {
			p.message, p.cites = e.message, false
			break
		}
	}
	p.indent(src)
	if tab := dashTab.FindString(src.line(int(p.line))); tab != "" && strings.Contains(raw, "cannot start any token") {
		p.col, p.message = int32(len(tab)), "a tab stands behind \"-\": put a space there"
	}
	return p
}

// ExplainYAML gives the place in a text of an error of the YAML library, and the way out.
func ExplainYAML(err error, text []byte) (line, column int, message string) {
	p := explainYAML(err, text)
	p.search(text)
	return int(p.line), int(p.col), p.message
}

// search puts the problem at the line that fails, where the library's is another one.
func (p *problem) search(text []byte) {
	if p.said != "" {
		p.line = failingLine(text, p.said)
		p.indent(newSource(text))
	}
}

// indent puts the problem at the first character of its line, or at a tab before that, which then is the problem.
func (p *problem) indent(src *source) {
	line := src.line(int(p.line))
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	p.col = int32(len(indent)) + 1
	if i := strings.IndexByte(indent, '\t'); i >= 0 {
		p.col = int32(i) + 1
		p.message, p.cites = "a tab indents this line: YAML takes only spaces there", false
	}
}

// failingLine finds the line at which the reader fails: the parser reports where the open map or list began, which is
// no help. It is the last line of the shortest beginning of the text that fails in the same way.
func failingLine(text []byte, said string) int32 {
	message := yamlLine.ReplaceAllString(said, "")
	ends := []int{}
	for i, c := range text {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(text))
	low, high := 0, len(ends)-1
	for low < high {
		middle := (low + high) / 2
		if failure(text[:ends[middle]]) == message {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return int32(low) + 1
}

func failure(text []byte) (message string) {
	defer func() {
		if recover() != nil {
			message = ""
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var n yaml.Node
	err := dec.Decode(&n)
	if err == nil {
		err = dec.Decode(&n)
		if err == nil {
			err = errSecondValue
		}
	}
	return yamlLine.ReplaceAllString(err.Error(), "")
}

// badBytes finds the first byte that no YAML text can hold.
func badBytes(text []byte) *problem {
	line, col := int32(1), int32(1)
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			return &problem{line: line, col: col, message: "this byte is no UTF-8: save the file as UTF-8"}
		case c == 0:
			return &problem{line: line, col: col, message: "a NUL byte stands here: this is no text, or it was saved as UTF-16 or UTF-32"}
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f, c >= 0x80 && c < 0xa0 && c != 0x85:
			return &problem{line: line, col: col, message: "the control character " + strconv.QuoteRuneToASCII(c) + " stands here, which YAML does not take: remove it"}
		}
		col++
		if c == '\n' {
			line, col = line+1, 1
		}
		i += size
	}
	return nil
}

var secretKind = regexp.MustCompile(`(?m)^\s*"?kind"?\s*:\s*["']?(Secret|SecretList)\b|[{,]\s*"kind"\s*:\s*"Secret"`)

// secretText tells a document that may hold the values of a Secret, though it cannot be parsed.
func secretText(text []byte) bool { return secretKind.Match(text) }

var quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// unquote removes what a message cites.
func unquote(message string) string {
	return strings.TrimSpace(quoted.ReplaceAllString(message, "the value"))
}

func mayHold(text []byte) bool {
	return bytes.Contains(text, []byte("${")) || bytes.Contains(text, []byte("$(")) ||
		bytes.Contains(text, []byte("{{")) || bytes.Contains(text, []byte("ENC["))
}
