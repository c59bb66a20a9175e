package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
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
	archives := releaseArchives(t)
	for _, p := range plugin.Spec.Platforms {
		os, arch := p.Selector.MatchLabels["os"], p.Selector.MatchLabels["arch"]
		require.Equal(t, fmt.Sprintf("https://github.com/gatelint/gatelint/releases/download/v1.2.3/gatelint_v1.2.3_%s_%s.tar.gz", os, arch), p.URI)
		require.Contains(t, archives[path.Base(p.URI)], strings.TrimSuffix(p.Files[0].From, ".exe"))
		require.Contains(t, archives[path.Base(p.URI)], p.Files[1].From)
		require.Equal(t, p.Files[0].To, p.Bin)
		require.Equal(t, "LICENSE", p.Files[1].From)
		require.Equal(t, os == "windows", strings.HasSuffix(p.Bin, ".exe"))
	}
}

// releaseArchives are the archives that .goreleaser.yaml makes of tag v1.2.3, with the files in them. make release-check holds the
// file to goreleaser itself.
func releaseArchives(t *testing.T) map[string][]string {
	text, err := os.ReadFile("../../.goreleaser.yaml")
	require.NoError(t, err)
	var config struct {
		Builds []struct {
			ID, Binary, Main  string
			Env, Goos, Goarch []string
		}
		Archives []struct {
			IDs, Formats, Files []string
			Name                string `json:"name_template"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	out := map[string][]string{}
	for i, b := range config.Builds {
		require.Equal(t, []string{"CGO_ENABLED=0"}, b.Env, "binaries are static")
		require.FileExists(t, "../../"+b.Main+"/main.go")
		a := config.Archives[i]
		require.Equal(t, []string{b.ID}, a.IDs)
		require.Equal(t, []string{"tar.gz"}, a.Formats)
		name, err := template.New("name").Parse(a.Name)
		require.NoError(t, err)
		for _, system := range b.Goos {
			for _, arch := range b.Goarch {
				var s strings.Builder
				require.NoError(t, name.Execute(&s, map[string]string{"Tag": "v1.2.3", "Os": system, "Arch": arch}))
				out[s.String()+".tar.gz"] = append([]string{b.Binary}, a.Files...)
			}
		}
	}
	return out
}

// TestGoVersion holds the images that compile gatelint to the Go that it asks for.
func TestGoVersion(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	minor := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(string(mod))[1]
	for _, file := range []string{"Dockerfile", "docs/ci.md"} {
		text, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		images := regexp.MustCompile(`golang:(1\.\d+)`).FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, images, file)
		for _, m := range images {
			require.Equal(t, minor, m[1], file)
		}
	}
	for _, file := range []string{"README.md", "docs/getting-started.md"} {
		text, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		require.Contains(t, string(text), "Go "+minor+" or newer", file)
	}
}
