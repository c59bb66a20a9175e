package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
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
	// Places say where in the file a name stands, as messages have it: library:NAME, policies.allow.NAME, policies.params.NAME.KEY and what is
	// within that, with numbers for the elements of lists.
	Places map[string]manifest.Pos
}

// ReadPolicies reads only what a config file says of policies. They are loaded first, as the rest of the config can name their rules.
// What could be read is there beside the mistakes.
func ReadPolicies(data []byte, file, shown string) (out Policies, wrong Errors) {
	root, wrong := rootOf(data, shown)
	if len(wrong) > 0 {
		return out, wrong
	}
	p := &parser{file: shown, dir: filepath.Dir(file)}
	p.each(root, "", func(key, value *yaml.Node) {
		if key.Value == "policies" {
			out = p.policies(value)
		}
	})
	return out, p.errs.sorted()
}

// policies reads a list of paths, or a mapping.
func (p *parser) policies(n *yaml.Node) (out Policies) {
	out.Places = map[string]manifest.Pos{}
	// place notes where something stands that only those can judge who read policies.
	place := func(n *yaml.Node, name string) {
		out.Places[name] = manifest.Pos{File: p.file, Line: n.Line, Column: n.Column}
	}
	path := func(n *yaml.Node, name string) {
		place(n, name)
		p.there(n, name)
	}
	if target(n).Kind != yaml.MappingNode {
		out.Paths = p.texts(n, "policies", path)
		return out
	}
	p.mapping(n, "policies", keys{
		"paths": func(n *yaml.Node) { out.Paths = p.texts(n, "policies.paths", path) },
		"library": func(n *yaml.Node) {
			out.Library = p.texts(n, "policies.library", func(n *yaml.Node, name string) { place(n, library+name) })
		},
		"namespaces": func(n *yaml.Node) { out.Namespaces = p.strings(n, "policies.namespaces") },
		"allow": func(n *yaml.Node) {
			out.Allow = p.texts(n, "policies.allow", func(n *yaml.Node, name string) { place(n, "policies.allow."+name) })
		},
		"bundleKey": func(n *yaml.Node) {
			out.BundleKey = p.str(n, "policies.bundleKey")
			place(n, "policies.bundleKey")
		},
		"params": func(n *yaml.Node) { out.Params = p.params(n, place) },
	})
	return out
}

// library stands before the name of a policy that gatelint brings.
const library = "library:"

// there refuses a path to nothing, once the folder of the config is known.
func (p *parser) there(n *yaml.Node, name string) {
	if p.dir == "" || strings.HasPrefix(name, library) {
		return
	}
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(p.dir, full)
	}
	if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
		p.fail(n, "policies: %s does not exist", name)
	}
}

func (p *parser) params(n *yaml.Node, place func(*yaml.Node, string)) map[string]map[string]any {
	out := map[string]map[string]any{}
	p.each(n, "policies.params", func(key, value *yaml.Node) {
		in := "policies.params." + key.Value
		name := strings.ReplaceAll(key.Value, "_", "-") // of the rule; the package's has _
		of := "policies.params." + name
		if _, twice := out[name]; twice {
			p.fail(key, "policies.params: %s is there twice, with - and with _", name)
			return
		}
		place(key, of)
		p.each(value, in, func(key, value *yaml.Node) {
			place(key, of+"."+key.Value)
			within(value, of+"."+key.Value, place)
		})
		if p.bad {
			return
		}
		plain, err := Plain(value)
		if err != nil {
			p.fail(value, "%s: %v", in, err)
			return
		}
		out[name], _ = plain.(map[string]any)
	})
	return out
}

// within notes where each part of a value stands. What an alias stands for is elsewhere.
func within(n *yaml.Node, name string, place func(*yaml.Node, string)) {
	for i, e := range n.Content {
		in := name + "." + strconv.Itoa(i)
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			in = name + "." + n.Content[i-1].Value
			place(n.Content[i-1], in)
		} else {
			place(e, in)
		}
		within(e, in, place)
	}
}
