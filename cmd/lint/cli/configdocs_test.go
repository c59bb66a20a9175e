package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/fixtures/guide"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

const configPage = "../../../docs/configuration.md"

// TestConfigDocs keeps the list of keys fresh, runs every command of the page in some script, and reads every config that it shows.
func TestConfigDocs(t *testing.T) {
	data, err := os.ReadFile(configPage)
	require.NoError(t, err)
	before, had, after, found := guide.Generated(string(data), "rules/settings/schema.json")
	require.True(t, found)
	keys := keysAsMarkdown(t)
	if *update {
		require.NoError(t, os.WriteFile(configPage, []byte(before+keys+after), 0o644))
		return
	}
	require.Equal(t, keys, had, "go test ./cmd/lint/cli -run ConfigDocs -update")
	ran := scriptCommands(t)
	ran["gatelint config schema"] = true
	code, out, _ := execute(rules.All(), "", "config", "schema")
	require.Equal(t, exitClean, code)
	require.Equal(t, string(settings.Schema), out)
	page, err := guide.Read(configPage)
	require.NoError(t, err)
	for _, s := range page.Steps {
		require.Contains(t, ran, s.Command, "no script of fixtures/cli runs it")
	}
	configs := 0
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		if strings.HasPrefix(m[1], "version: 1\n") {
			configs++
			_, err := settings.Parse([]byte(m[1]), "c", rules.All())
			require.NoError(t, err, m[1])
		}
	}
	require.Greater(t, len(page.Steps), 10)
	require.Greater(t, configs, 10)
}

func scriptCommands(t *testing.T) map[string]bool {
	ran := map[string]bool{}
	files, err := filepath.Glob("../../../fixtures/cli/*.txtar")
	require.NoError(t, err)
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for _, f := range ar.Files {
			if f.Name == "run" {
				for _, line := range strings.Split(string(f.Data), "\n") {
					ran[line] = true
				}
			}
		}
	}
	return ran
}

// keysAsMarkdown is a section for each key of the schema: what it means, the keys below it, an example.
func keysAsMarkdown(t *testing.T) string {
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal(settings.Schema, &doc))
	root := doc.Content[0]
	s := schemaDocs{defs: entry(root, "$defs")}
	var b strings.Builder
	properties := entry(root, "properties")
	for i := 0; i < len(properties.Content); i += 2 {
		name, p := properties.Content[i].Value, properties.Content[i+1]
		fmt.Fprintf(&b, "\n### `%s`\n\n%s: %s.%s\n", name, capital(s.kind(p)), s.text(p, "description"), s.byDefault(p, " Default: ", "."))
		s.rows = nil
		s.below(name, p)
		if len(s.rows) > 0 {
			fmt.Fprintf(&b, "\n| key | | |\n|---|---|---|\n%s", strings.Join(s.rows, ""))
		}
		var example bytes.Buffer
		e := yaml.NewEncoder(&example)
		e.SetIndent(2)
		value := entry(p, "examples").Content[0]
		block(value)
		pair := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: name}, value}}
		require.NoError(t, e.Encode(pair))
		text := example.String()
		if name != "version" {
			text = "version: 1\n" + text
		}
		fmt.Fprintf(&b, "\n```yaml\n%s```\n", text)
	}
	return b.String() + "\n"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// block has a value of the schema, which is JSON, written as YAML is by hand: short lists in one line.
func block(n *yaml.Node) {
	plain := true
	for _, c := range n.Content {
		block(c)
		plain = plain && c.Kind == yaml.ScalarNode
	}
	n.Style = 0
	if n.Kind == yaml.SequenceNode && plain {
		n.Style = yaml.FlowStyle
	}
}

type schemaDocs struct {
	defs *yaml.Node
	rows []string
}

func (s *schemaDocs) resolved(n *yaml.Node) *yaml.Node {
	if ref := entry(n, "$ref"); ref != nil {
		return entry(s.defs, strings.TrimPrefix(ref.Value, "#/$defs/"))
	}
	return n
}

// text is a string of a schema, or of the one it refers to.
func (s *schemaDocs) text(n *yaml.Node, key string) string {
	for _, x := range []*yaml.Node{n, s.resolved(n)} {
		if v := entry(x, key); v != nil {
			return v.Value
		}
	}
	return ""
}

func (s *schemaDocs) byDefault(n *yaml.Node, before, after string) string {
	if text := s.text(n, "default"); text != "" {
		return before + "`" + text + "`" + after
	}
	return ""
}

// kind says in words what a value is.
func (s *schemaDocs) kind(n *yaml.Node) string {
	n = s.resolved(n)
	if c := entry(n, "const"); c != nil {
		return "`" + c.Value + "`"
	}
	if enum := entry(n, "enum"); enum != nil {
		var names []string
		for _, v := range enum.Content {
			if v.Value != "false" {
				names = append(names, "`"+v.Value+"`")
			}
		}
		return strings.Join(names, ", ")
	}
	if one := entry(n, "oneOf"); one != nil {
		var kinds []string
		for _, v := range one.Content {
			kinds = append(kinds, s.kind(v))
		}
		return strings.Join(kinds, ", or ")
	}
	kind := entry(n, "type")
	if kind.Kind == yaml.SequenceNode { // the rest are other scalars, or null
		kind = kind.Content[0]
	}
	switch {
	case kind.Value == "string":
		return "text"
	case kind.Value == "boolean":
		return "`true` or `false`"
	case kind.Value == "array":
		return "a list"
	case kind.Value == "integer":
		return "a whole number"
	}
	return "a mapping"
}

// below enters the keys that stand under a value.
func (s *schemaDocs) below(at string, n *yaml.Node) {
	n = s.resolved(n)
	if one := entry(n, "oneOf"); one != nil {
		for _, v := range one.Content {
			s.below(at, v)
		}
	}
	if items := entry(n, "items"); items != nil {
		s.below(at+"[]", items)
	}
	if values := entry(n, "additionalProperties"); values != nil && values.Kind == yaml.MappingNode {
		name := "NAME"
		if entry(n, "propertyNames") != nil {
			name = "RULE"
		}
		s.below(at+"."+name, values)
	}
	if patterns := entry(n, "patternProperties"); patterns != nil {
		for i := 0; i < len(patterns.Content); i += 2 {
			own := schemaDocs{defs: s.defs}
			own.below(at+"."+strings.Trim(patterns.Content[i].Value, "^$"), patterns.Content[i+1])
			for _, row := range own.rows { // else as of other names
				if strings.Contains(row, ".params.") {
					s.rows = append(s.rows, row)
				}
			}
		}
	}
	properties := entry(n, "properties")
	for i := 0; properties != nil && i < len(properties.Content); i += 2 {
		name, p := at+"."+properties.Content[i].Value, properties.Content[i+1]
		s.rows = append(s.rows, fmt.Sprintf("| `%s` | %s | %s%s |\n", name, s.kind(p), s.text(p, "description"), s.byDefault(p, "; default ", "")))
		s.below(name, p)
	}
}
