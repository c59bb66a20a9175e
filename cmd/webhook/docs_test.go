package main

import (
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var (
	span    = regexp.MustCompile("`(--[^`]+)`")
	setting = regexp.MustCompile(`--set(?:-file)? ([A-Za-z.]+)=`)
	config  = regexp.MustCompile("(?s)```yaml\n(version: 1\n.*?)```")
)

// TestGuide holds docs/webhook.md to the flags that there are, the chart's values and the config's keys. Its calls of gatelint run in
// cmd/lint, what is asked of the API server in cmd/webhook/e2e.
func TestGuide(t *testing.T) {
	page, err := os.ReadFile("../../docs/webhook.md")
	require.NoError(t, err)
	flags := 0
	for _, m := range span.FindAllStringSubmatch(string(page), -1) {
		switch name := regexp.MustCompile(`^--([a-z-]+)`).FindStringSubmatch(m[1])[1]; name {
		case "set", "set-file", "api-versions": // helm's
		case "help", "version":
			_, _, code := webhook(t, m[1])
			require.Zero(t, code, m[1])
		default:
			flags++
			isFlag(t, name, m[1])
		}
	}
	require.Greater(t, flags, 15)

	var values map[string]any
	data, err := os.ReadFile("deploy/helm/gatelint/values.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, &values))
	set := setting.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, set)
	for _, m := range set {
		at := any(values)
		for _, key := range strings.Split(m[1], ".") {
			require.Contains(t, at, key, "values.yaml has no %s", m[1])
			at = at.(map[string]any)[key]
		}
	}

	configs := config.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, configs)
	for _, m := range configs {
		_, err := settings.Parse([]byte(m[1]), "docs/webhook.md", rules.All())
		require.NoError(t, err)
	}
}

// isFlag parses a flag as the page has it, with the value if there is one.
func isFlag(t *testing.T, name, text string) {
	t.Setenv("POD_NAMESPACE", "gatelint-system")
	if strings.ContainsAny(text, "= ") {
		_, err := parse(silent(), strings.Fields(text))
		require.NoError(t, err, text)
		return
	}
	all := silent()
	_, err := parse(all, nil)
	require.NoError(t, err)
	require.NotNil(t, all.Lookup(name), text)
}

func silent() *flag.FlagSet {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return set
}
