package admission

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page that every denial links to exists: GitHub makes an anchor of a heading by lower case, hyphens, and no punctuation.
func TestHelp(t *testing.T) {
	_, anchor, found := strings.Cut(help, "docs/webhook.md#")
	require.True(t, found)
	page, err := os.ReadFile("../../../docs/webhook.md")
	require.NoError(t, err)
	var anchors []string
	for line := range strings.Lines(string(page)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			anchors = append(anchors, strings.NewReplacer(" ", "-", ",", "", "\n", "").Replace(strings.ToLower(title)))
		}
	}
	require.Contains(t, anchors, anchor)
	for _, link := range strings.Split(string(page), "](#")[1:] {
		link, _, _ = strings.Cut(link, ")")
		require.Contains(t, anchors, link, "a link within the page")
	}
}
