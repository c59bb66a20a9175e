package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"github.com/gatelint/gatelint/rules"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// A config can speak of the rules that its policies bring, and a rule that none of them brings is told.
func TestConfigOfPolicies(t *testing.T) {
	for rule, fault := range map[string]string{"host-ownership": "", "host-ownershp": `c.yaml:2:9: unknown rule "host-ownershp"; did you mean "host-ownership"?`} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		text := "version: 1\nrules: {" + rule + ": warning}\nistio: {clusterDomain: example.internal}\npolicies: {library: [host-ownership]}\n"
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		o := Options{Config: file}
		config, err := o.config()
		require.NoError(t, err)
		_, mesh, err := o.load(config)
		require.NoError(t, err)
		require.Equal(t, "example.internal", mesh.ClusterDomain)
		p, err := o.policies(config, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		p.metrics = NewMetrics(prometheus.NewRegistry(), admission.NewEngine(nil, mesh))
		if err := p.load(context.Background()); fault != "" {
			require.ErrorContains(t, err, fault)
			continue
		}
		require.Equal(t, rules.Warning, *p.basis.Load().Settings.Rules[rule].Severity)
	}
}
