package manifest

import (
	"bytes"
	"strings"
)

// Placeholder tells a string that another program fills in later: ${NAME}, $(NAME), {{ … }} or SOPS's ENC[…] in it.
// Such a value is opaque: equal only to the same text, never a fault.
func Placeholder(s string) bool {
	_, _, _, ok := nextPlaceholder(s, 0)
	return ok
}

// nextPlaceholder finds the first placeholder at or after an offset, with its name.
func nextPlaceholder(s string, from int) (start, end int, name string, ok bool) {
	opened, template := true, true // false once no "}", no "}}" follows: looking for it again and again takes forever
	for i := from; i+2 < len(s); i++ {
		switch s[i] {
		case '$':
			closing := byte('}')
			if s[i+1] == '(' {
				closing = ')'
			} else if s[i+1] != '{' {
				continue
			}
			n := identifier(s[i+2:])
			j := i + 2 + n
			if n == 0 || j >= len(s) {
				continue
			}
			if s[j] == closing {
				return i, j + 1, s[i+2 : j], true
			}
			// ${NAME:-default} and its kin, as envsubst and Flux know them.
			if opened && closing == '}' && strings.IndexByte(":-=+?#%/^,", s[j]) >= 0 {
				if k := strings.IndexByte(s[j:], '}'); k >= 0 {
					return i, j + k + 1, s[i+2 : j], true
				}
				opened = false
			}
		case '{':
			if s[i+1] != '{' || !template {
				continue
			}
			if k := strings.Index(s[i+2:], "}}"); k >= 0 {
				return i, i + 2 + k + 2, strings.Trim(s[i+2:i+2+k], "- \t\n"), true
			}
			template = false
		case 'E':
			if i == 0 && strings.HasPrefix(s, "ENC[") && strings.HasSuffix(s, "]") {
				return 0, len(s), "ENC[…]", true
			}
		}
	}
	return 0, 0, "", false
}

func identifier(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.') {
			return i
		}
	}
	return len(s)
}

// expand puts in the values that are known.
func expand(s string, vars map[string]string) string {
	if len(vars) == 0 || strings.IndexByte(s, '$') < 0 {
		return s
	}
	var b strings.Builder
	last := 0
	for from := 0; ; {
		start, end, name, ok := nextPlaceholder(s, from)
		if !ok {
			break
		}
		from = end
		if value, known := vars[name]; known && s[start] == '$' {
			b.WriteString(s[last:start])
			b.WriteString(value)
			last = end
		}
	}
	b.WriteString(s[last:])
	return b.String()
}

// Stand-ins for braces: one private character for one, so that columns stay.
var (
	masking = strings.NewReplacer("{", "\uF6C1", "}", "\uF6C2")
	unmask  = strings.NewReplacer("\uF6C1", "{", "\uF6C2", "}")
)

// mask hides the braces of ${NAME}, and of a {{…}} that does not begin its value, from the YAML reader: inside
// [flow] lists and {flow} maps they are no YAML before the value is put in. It is nil if the text has none.
func mask(text []byte) []byte {
	if !bytes.Contains(text, []byte("${")) && !bytes.Contains(text, []byte("{{")) {
		return nil
	}
	s := string(text)
	var b bytes.Buffer
	last := 0
	for from := 0; ; {
		start, end, _, ok := nextPlaceholder(s, from)
		if !ok {
			break
		}
		from = end
		inner := s[start:end]
		if strings.ContainsAny(inner, "\n\"'") || inner[0] == '{' && (start == 0 || strings.IndexByte(" \t\n[{,:", s[start-1]) >= 0) {
			continue
		}
		b.WriteString(s[last:start])
		b.WriteString(masking.Replace(inner))
		last = end
	}
	b.WriteString(s[last:])
	return b.Bytes()
}
