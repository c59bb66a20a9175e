package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The linter stays small: nothing that only the webhook needs reaches it.
func TestNothingOfKubernetesIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(out)) {
		for _, prefix := range []string{"k8s.io/", "sigs.k8s.io/controller-runtime", "github.com/prometheus/", "github.com/gatelint/gatelint/cmd/webhook"} {
			require.False(t, strings.HasPrefix(pkg, prefix), pkg)
		}
	}
}
