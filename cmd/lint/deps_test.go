package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The linter stays small: of what talks to Kubernetes it has what --cluster needs, and nothing that only the webhook does. The types of
// Kubernetes' own API alone would double it.
func TestNothingOfTheWebhookIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(out)) {
		for _, prefix := range []string{"k8s.io/api/", "k8s.io/client-go/kubernetes", "k8s.io/client-go/informers", "sigs.k8s.io/controller-runtime", "github.com/prometheus/", "github.com/gatelint/gatelint/cmd/webhook"} {
			require.False(t, strings.HasPrefix(pkg, prefix), pkg)
		}
	}
}
