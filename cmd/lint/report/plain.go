package report

import (
	"fmt"
	"strings"
	"unicode"
)

// Harmful tells characters that move the cursor or reorder text: a manifest must not steer the terminal, nor a reviewer.
func Harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// Plain makes text of manifests harmless on one line.
func Plain(text string) string {
	if strings.IndexFunc(text, Harmful) < 0 {
		return strings.ToValidUTF8(text, "\ufffd")
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case Harmful(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
