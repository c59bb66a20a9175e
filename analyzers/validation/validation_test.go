package validation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/validation"
	"github.com/gatelint/gatelint/fixtures/refused"
)

// TestCases holds Check to the table of istiod's verdicts: what it refuses, it refuses at the field that was set.
func TestCases(t *testing.T) {
	cases, err := refused.Cases()
	require.NoError(t, err)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			set := manifest.Parse("case.yaml", []byte(c.YAML), manifest.Options{})
			require.Len(t, set.Objects, 1)
			byschema := false
			for _, f := range set.Faults {
				byschema = byschema || f.Rule == "invalid-value"
			}
			require.Equal(t, c.Verdict == refused.Schema, byschema, "%v", set.Faults)
			got := validation.Check(set.Objects[0])
			if c.Verdict != refused.Refused {
				require.Empty(t, got)
				return
			}
			require.NotEmpty(t, got, "istiod refuses it")
			here := manifest.FieldPath(c.Path...)
			for _, r := range got {
				at := manifest.FieldPath(r.Path...)
				require.True(t, strings.HasPrefix(at, here) || strings.HasPrefix(here, at), "%s is told of %s", here, at)
				require.NotContains(t, r.Message, "invalid")
				require.NotContains(t, r.Message, "\n")
			}
		})
	}
}
