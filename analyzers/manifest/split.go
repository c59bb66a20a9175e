package manifest

import (
	"bytes"
	"strings"
)

// A chunk is the text of one document as cut out of a stream, before anything is parsed.
type chunk struct {
	text []byte
	line int // 1-based, in the file
}

// split cuts a stream at the lines "---" and "...", which nothing inside a document can contain.
// The marker line itself belongs to the document that it starts, since content may follow it on the same line.
func split(data []byte) []chunk {
	var chunks []chunk
	start, startLine := 0, 1
	cut := func(end, next, nextLine int) {
		if !blank(data[start:end]) {
			chunks = append(chunks, chunk{text: data[start:end:end], line: startLine})
		}
		start, startLine = next, nextLine
	}
	line := 1
	for i := 0; i < len(data); line++ {
		end := len(data)
		if j := bytes.IndexByte(data[i:], '\n'); j >= 0 {
			end = i + j + 1
		}
		switch {
		case marker(data[i:end], "---"):
			cut(i, i, line)
		case marker(data[i:end], "..."):
			cut(i, end, line+1)
		}
		i = end
	}
	cut(len(data), 0, 0)
	return chunks
}

func marker(line []byte, mark string) bool {
	if len(line) < 3 || line[0] != mark[0] || string(line[:3]) != mark {
		return false
	}
	return len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r' || line[3] == '\n'
}

// blank tells text that holds only comments, directives, white space and the marker of its own start.
func blank(text []byte) bool {
	if marker(text, "---") {
		text = text[3:]
	}
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte("%YAML")) && !bytes.HasPrefix(line, []byte("%TAG")) {
			return false
		}
		text = rest
	}
	return true
}

// renderedFrom is the template that "helm template" names at the head of a document, "" if it names none.
func renderedFrom(text []byte) string {
	for range 5 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		if name, ok := strings.CutPrefix(string(bytes.TrimSpace(line)), "# Source: "); ok {
			return strings.TrimSpace(name)
		}
		if len(line) > 0 && line[0] != '#' && line[0] != '-' && line[0] != '\r' {
			return ""
		}
		text = rest
	}
	return ""
}

// templateLine finds Go template syntax that stands where YAML expects structure: at the start of a line or of a value.
// It is asked about documents that do not parse; in those that do, the tree tells.
func templateLine(text []byte) int {
	inBlock := -1 // indentation of the line that opened a block scalar
	number := 0
	for len(text) > 0 {
		number++
		var raw []byte
		raw, text, _ = bytes.Cut(text, []byte("\n"))
		line := strings.TrimRight(string(raw), " \t\r")
		content := strings.TrimLeft(line, " ")
		indent := len(line) - len(content)
		if content == "" {
			continue
		}
		if inBlock >= 0 && indent > inBlock {
			continue
		}
		inBlock = -1
		for strings.HasPrefix(content, "- ") {
			content = strings.TrimLeft(content[2:], " ")
		}
		if content == "" || content[0] == '#' {
			continue
		}
		value := content
		if key, after, ok := strings.Cut(content, ": "); ok && !strings.ContainsAny(key, "\"'{#") {
			value = strings.TrimLeft(after, " ")
		}
		if strings.HasPrefix(value, "{{") || strings.HasPrefix(content, "{{") || strings.HasPrefix(content, "{%") {
			return number
		}
		if value != "" && (value[0] == '|' || value[0] == '>') && strings.Trim(value[1:], "+-0123456789") == "" {
			inBlock = indent
		}
	}
	return 0
}
