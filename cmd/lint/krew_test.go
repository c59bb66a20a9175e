package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestKrew fills in the krew manifest as a release does, and holds it to what krew asks of one.
func TestKrew(t *testing.T) {
	text, err := os.ReadFile("../../.krew.yaml")
	require.NoError(t, err)
	archive := func(uri, tag string) string {
		return fmt.Sprintf("uri: %s\n    sha256: %064d", strings.ReplaceAll(uri, "{{ .TagName }}", tag), 0)
	}
	filled, err := template.New("krew").Funcs(template.FuncMap{"addURIAndSha": archive}).Parse(string(text))
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, filled.Execute(&b, map[string]string{"TagName": "v1.2.3"}))
	var plugin struct {
		APIVersion, Kind string
		Metadata         struct{ Name string }
		Spec             struct {
			Version, Homepage, ShortDescription, Description, Caveats string

			Platforms []struct {
				Selector         struct{ MatchLabels map[string]string }
				URI, SHA256, Bin string
				Files            []struct{ From, To string }
			}
		}
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(b.String()), &plugin), b.String())
	require.Equal(t, "krew.googlecontainertools.github.com/v1alpha2", plugin.APIVersion)
	require.Equal(t, "gatelint", plugin.Metadata.Name)
	require.Equal(t, "v1.2.3", plugin.Spec.Version)
	require.LessOrEqual(t, len(plugin.Spec.ShortDescription), 50)
	require.Len(t, plugin.Spec.Platforms, 6)
	for _, p := range plugin.Spec.Platforms {
		os, arch := p.Selector.MatchLabels["os"], p.Selector.MatchLabels["arch"]
		require.Equal(t, fmt.Sprintf("https://github.com/gatelint/gatelint/releases/download/v1.2.3/gatelint_v1.2.3_%s_%s.tar.gz", os, arch), p.URI)
		require.Equal(t, p.Files[0].To, p.Bin)
		require.Equal(t, "LICENSE", p.Files[1].From)
		require.Equal(t, os == "windows", strings.HasSuffix(p.Bin, ".exe"))
	}
}
