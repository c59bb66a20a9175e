package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmbeddedSchemaIsFresh(t *testing.T) {
	file := filepath.Join(t.TempDir(), "schema.json")
	require.NoError(t, run(file))
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	got, err := os.ReadFile("../schema.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run go generate in analyzers/manifest")
}
