package settings

import (
	"path"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"go.yaml.in/yaml/v3"
)

func (p *parser) assume(n *yaml.Node) (a mesh.Assume) {
	p.mapping(n, "assume", keys{
		"secrets":  func(n *yaml.Node) { a.Secrets = p.named(n, "assume.secrets") },
		"gateways": func(n *yaml.Node) { a.Gateways = p.named(n, "assume.gateways") },
		"hosts": func(n *yaml.Node) {
			p.texts(n, "assume.hosts", func(n *yaml.Node, text string) {
				p.pattern(n, "assume.hosts", text)
				if !strings.ContainsAny(text, ".*") {
					p.fail(n, "assume.hosts: %q is no host in full, such as catalog.shop.svc.cluster.local", text)
				}
				a.Hosts = append(a.Hosts, strings.ToLower(text))
			})
		},
	})
	return a
}

// named reads patterns NAMESPACE/NAME.
func (p *parser) named(n *yaml.Node, in string) (out []mesh.Name) {
	p.texts(n, in, func(n *yaml.Node, text string) {
		p.pattern(n, in, text)
		ns, name, ok := strings.Cut(text, "/")
		if !ok || ns == "" || name == "" || strings.Contains(name, "/") {
			p.fail(n, "%s: %q is not NAMESPACE/NAME", in, text)
		}
		p.namespacePattern(n, in, ns)
		out = append(out, mesh.Name{Namespace: ns, Name: name})
	})
	return out
}

// pattern checks a pattern in which "*" stands for any text without a slash.
func (p *parser) pattern(n *yaml.Node, in, text string) {
	if _, err := path.Match(text, ""); err != nil {
		p.fail(n, "%s: %q is no pattern", in, text)
	}
}
