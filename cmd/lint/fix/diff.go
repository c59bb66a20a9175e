package fix

import (
	"fmt"
	"path/filepath"
	"strings"
)

const (
	around = 3   // lines that are shown around a change
	widest = 400 // lines within which two texts must meet again
)

// Diff is the unified diff of a file's text, as patch -p1 and git apply read it; "" if both are the same. A line of the old text that
// hidden tells of (from 0) is not shown around a change.
func Diff(name string, before, after []byte, hidden func(line int) bool) string {
	a, b := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	var out strings.Builder
	changes := compare(a, b)
	for i := 0; i < len(changes); {
		j := i + 1
		for j < len(changes) && changes[j].from-changes[j-1].to <= 2*around && !between(changes[j-1].to, changes[j].from, hidden) {
			j++
		}
		hunk(&out, a, b, changes[i:j], hidden)
		i = j
	}
	if out.Len() == 0 {
		return ""
	}
	old, now := name, name
	if filepath.IsLocal(filepath.FromSlash(name)) {
		old, now = "a/"+name, "b/"+name
	}
	return fmt.Sprintf("--- %s\n+++ %s\n%s", quoted(old), quoted(now), out.String())
}

// quoted is a file name in the head of a diff as "git apply" and patch read it (git's quote.c and apply.c): in quotes if a byte would end
// it or cannot be seen, with a tab after a space, where patch would else look for a time.
func quoted(name string) string {
	if !strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f || c == '"' || c == '\\' }) {
		if strings.Contains(name, " ") {
			name += "\t"
		}
		return name
	}
	out := []byte{'"'}
	for _, c := range []byte(name) {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ' || c == 0x7f:
			out = fmt.Appendf(out, "\\%03o", c)
		default:
			out = append(out, c)
		}
	}
	return string(append(out, '"'))
}

func between(from, to int, hidden func(int) bool) bool {
	for ; from < to; from++ {
		if hidden(from) {
			return true
		}
	}
	return false
}

// change says that lines [from, to) became the lines [start, end).
type change struct{ from, to, start, end int }

// compare finds the changes from the top; where two texts part, they meet again at the nearest line that is the same in both.
func compare(a, b []string) (out []change) {
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		c := change{from: i, start: j}
		c.to, c.end = meet(a, b, i, j)
		out = append(out, c)
		i, j = c.to, c.end
	}
	return out
}

func meet(a, b []string, i, j int) (int, int) {
	same := func(x, y int) bool { return x == len(a) && y == len(b) || x < len(a) && y < len(b) && a[x] == b[y] }
	for distance := 1; distance <= widest; distance++ {
		for y := j; y <= j+distance; y++ { // what was taken out first
			if x := i + distance - (y - j); x <= len(a) && y <= len(b) && same(x, y) && (x == len(a) || same(x+1, y+1)) {
				return x, y
			}
		}
	}
	return len(a), len(b)
}

func hunk(out *strings.Builder, a, b []string, changes []change, hidden func(int) bool) {
	first, last := changes[0], changes[len(changes)-1]
	lead, trail := 0, 0
	for lead < min(around, first.from) && !hidden(first.from-lead-1) {
		lead++
	}
	for last.to+trail < len(a) && trail < around && a[last.to+trail] != "" && !hidden(last.to+trail) {
		trail++
	}
	var body strings.Builder
	old, now := 0, 0
	lines := func(mark string, list []string) (n int) {
		for _, text := range list {
			if text == "" {
				continue // after the last end of line
			}
			body.WriteString(mark + text)
			if n++; !strings.HasSuffix(text, "\n") {
				body.WriteString("\n\\ No newline at end of file\n")
			}
		}
		return n
	}
	at := first.from - lead
	for _, c := range changes {
		n := lines(" ", a[at:c.from])
		old, now = old+n+lines("-", a[c.from:c.to]), now+n+lines("+", b[c.start:c.end])
		at = c.to
	}
	n := lines(" ", a[at:at+trail])
	place := func(line, n int) string {
		if n == 0 {
			line-- // as diff says where nothing is left
		}
		return fmt.Sprintf("%d,%d", line, n)
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n%s", place(first.from-lead+1, old+n), place(first.start-lead+1, now+n), body.String())
}
