package settings

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Policies say which policies in Rego there are and what they may do. Paths are relative to the config's folder.
type Policies struct {
	Paths      []string
	Library    []string // names of policies that gatelint brings
	Namespaces []string // packages under which policies are evaluated; none: gatelint
	Allow      []string // builtin functions allowed by name
	BundleKey  string   // a file with the public key that bundles are signed for
	Params     map[string]map[string]any
}

// ReadPolicies reads only what a config file says of policies. They are loaded first, as the rest of the config can name their rules.
func ReadPolicies(file, shown string) (Policies, error) {
	var out Policies
	data, err := os.ReadFile(file)
	if err != nil {
		return out, nil // Load says what is wrong with the file
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		return out, yamlError(shown, err)
	}
	p := &parser{file: shown}
	root := target(doc.Content[0])
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "policies" {
			out = p.policies(root.Content[i+1])
			p.there(root.Content[i+1], filepath.Dir(file))
		}
	}
	if p.err != nil {
		return out, p.err
	}
	return out, nil
}

// there refuses paths to nothing.
func (p *parser) there(n *yaml.Node, dir string) {
	if n = target(n); n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "paths" {
				p.there(n.Content[i+1], dir)
			}
		}
		return
	}
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for _, item := range list {
		name := target(item).Value
		if strings.HasPrefix(name, "library:") {
			continue
		}
		full := name
		if !filepath.IsAbs(full) {
			full = filepath.Join(dir, full)
		}
		if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
			p.fail(item, "policies: %s does not exist", name)
		}
	}
}

// policies reads a list of paths, or a mapping.
func (p *parser) policies(n *yaml.Node) (out Policies) {
	if target(n).Kind != yaml.MappingNode {
		out.Paths = p.strings(n, "policies")
		return out
	}
	p.mapping(n, "policies", keys{
		"paths":      func(n *yaml.Node) { out.Paths = p.strings(n, "policies.paths") },
		"library":    func(n *yaml.Node) { out.Library = p.strings(n, "policies.library") },
		"namespaces": func(n *yaml.Node) { out.Namespaces = p.strings(n, "policies.namespaces") },
		"allow":      func(n *yaml.Node) { out.Allow = p.strings(n, "policies.allow") },
		"bundleKey":  func(n *yaml.Node) { out.BundleKey = p.str(n, "policies.bundleKey") },
		"params":     func(n *yaml.Node) { out.Params = p.params(n) },
	})
	return out
}

func (p *parser) params(n *yaml.Node) map[string]map[string]any {
	out := map[string]map[string]any{}
	p.each(n, "policies.params", func(key, value *yaml.Node) {
		p.each(value, "policies.params."+key.Value, func(*yaml.Node, *yaml.Node) {})
		if p.err != nil {
			return
		}
		plain, err := Plain(value)
		if err != nil {
			p.fail(value, "policies.params.%s: %v", key.Value, err)
			return
		}
		out[key.Value], _ = plain.(map[string]any)
	})
	return out
}
