package policy

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/rules"
)

// TestLibrary runs the tests of the library's policies and of the helpers, and asks that they run every line.
func TestLibrary(t *testing.T) {
	helpers, err := filepath.Glob("helpers/*_test.rego")
	require.NoError(t, err)
	require.NotEmpty(t, helpers)
	set, err := Load(context.Background(), Options{Paths: append(helpers, "library"), Taken: rules.All()})
	require.NoError(t, err)
	covered := &Coverage{}
	results, err := set.Test(context.Background(), "", covered)
	require.NoError(t, err)
	require.NotEmpty(t, results)
	for _, r := range results {
		if r.Failed {
			t.Errorf("%s:%d: %s: %s %s", r.File, r.Line, r.Name, r.Why, r.Output)
		}
	}
	require.Empty(t, covered.Missed, "lines of policies that no test runs")
}
