package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// FieldPath prints a path of field names and list indexes: spec.http[2].route[0], metadata.annotations["a.b/c"].
func FieldPath(path ...any) string {
	var b strings.Builder
	for _, e := range path {
		switch e := e.(type) {
		case int:
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(e))
			b.WriteByte(']')
		case string:
			if !plainName(e) {
				b.WriteByte('[')
				b.WriteString(strconv.Quote(e))
				b.WriteByte(']')
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(e)
		default:
			panic(fmt.Sprintf("manifest: a path holds strings and ints, not %T", e))
		}
	}
	return b.String()
}

func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// Nearest is the candidate that is at most two edits away, and fewer than half of the name's length; "" if none is.
// Letter case alone does not count: "credentialname" means "credentialName" however often they differ.
func Nearest(name string, candidates []string) string {
	best, distance := "", 3
	if 2*distance > len(name) {
		distance = (len(name) + 1) / 2
	}
	for _, c := range candidates {
		if c == name {
			continue
		}
		if strings.EqualFold(c, name) {
			return c
		}
		// Of two equally near ones the smaller wins, whatever their order.
		if d := Edits(name, c, distance); d < distance || d == distance && best != "" && c < best {
			best, distance = c, d
		}
	}
	return best
}

// Edits is the number of insertions, deletions, replacements and swaps of neighbours between two strings;
// more than the limit, it is some number above the limit.
func Edits(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// ParsePath reads what FieldPath prints: spec.http[2].route[0], metadata.annotations["a.b/c"], there also without the quotes, as kubectl
// has it. ok is false for anything else.
func ParsePath(text string) (path []any, ok bool) {
	for rest := text; rest != ""; {
		if rest[0] != '[' {
			if len(path) > 0 {
				if rest, ok = strings.CutPrefix(rest, "."); !ok {
					return nil, false
				}
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, false
			}
			path, rest = append(path, rest[:end]), rest[end:]
			continue
		}
		if quoted, err := strconv.QuotedPrefix(rest[1:]); err == nil {
			name, _ := strconv.Unquote(quoted)
			path, rest = append(path, name), rest[1+len(quoted):]
		} else {
			inside, _, _ := strings.Cut(rest[1:], "]")
			if n, err := strconv.ParseUint(inside, 10, 31); err == nil {
				path = append(path, int(n))
			} else if strings.ContainsAny(inside, "./") && !strings.ContainsAny(inside, `["`) {
				path = append(path, inside)
			} else {
				return nil, false
			}
			rest = rest[1+len(inside):]
		}
		if rest, ok = strings.CutPrefix(rest, "]"); !ok {
			return nil, false
		}
	}
	return path, len(path) > 0
}
