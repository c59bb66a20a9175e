package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/stretchr/testify/require"
)

// TestPolicies runs fixtures/policies/*.txtar as gatelint policy test does: each case with its own policies.
func TestPolicies(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/policies/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		comment, cases, err := want.Read(file)
		require.NoError(t, err)
		require.NotEmpty(t, comment, "%s does not say why its cases exist", file)
		for _, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.Name, func(t *testing.T) {
				differences, err := runFixture(&flags{}, c)
				require.NoError(t, err)
				for _, d := range differences {
					t.Error(d)
				}
			})
		}
	}
}
