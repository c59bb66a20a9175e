package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

func (a *app) showCommand() *cobra.Command {
	f := &flags{}
	var cmd *cobra.Command
	cmd = a.lintFlags(f, "show [PATH...]", "Print the config as flags, environment and file make it, and where each value comes from", func(args []string) error {
		r, err := a.request(f, args)
		if err != nil {
			return err
		}
		x := &effective{flags: f, file: r.config.File}
		if err := x.read(r.config.Text); err != nil {
			return failure{err}
		}
		x.overlay(r, a)
		x.defaults()
		text := x.text(cmd)
		if idle := a.idle(f, r.config); idle != "" {
			text += "# " + idle + "\n"
		}
		return a.print(text)
	})
	return cmd
}

// effective is a config as YAML, the origin of each value behind it.
type effective struct {
	flags *flags
	file  string
	root  *yaml.Node
}

// read begins with what the file says.
func (x *effective) read(text []byte) error {
	x.root = &yaml.Node{Kind: yaml.MappingNode}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("reading the config: %w", err)
	}
	if len(doc.Content) > 0 && doc.Content[0].Kind == yaml.MappingNode {
		x.root = x.plain(doc.Content[0])
	}
	return nil
}

// plain copies a node without comments, aliases and style.
func (x *effective) plain(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value}
	if n.Kind == yaml.ScalarNode {
		out.LineComment = fmt.Sprintf("# %s:%d", x.file, n.Line)
	}
	for i, c := range n.Content {
		c = x.plain(c)
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			c.LineComment = ""
		}
		out.Content = append(out.Content, c)
	}
	return out
}

// overlay enters what flags and variables say.
func (x *effective) overlay(r *request, a *app) {
	f := x.flags
	list := func(key string, replace bool, items []string, origin string) {
		if len(items) == 0 {
			return
		}
		n := x.at(key)
		if replace || n.Kind != yaml.SequenceNode {
			old := *n
			*n = yaml.Node{Kind: yaml.SequenceNode}
			if old.Kind == yaml.ScalarNode && !replace {
				n.Content = append(n.Content, &old)
			}
		}
		for _, item := range items {
			n.Content = append(n.Content, scalar(item, origin))
		}
	}
	list("paths", true, r.paths, "the command line")
	list("exclude", false, f.exclude, f.said("exclude"))
	list("context", false, f.with, f.said("with"))
	for _, s := range []struct{ key, flag, value string }{
		{"fail-on", "fail-on", f.failOn},
		{"baseline", "baseline", f.baseline},
		{"complete", "complete", strings.Join(f.complete, ",")},
		{"namespace", "namespace", f.namespace},
		{"istio.clusterDomain", "cluster-domain", f.clusterDomain},
		{"istio.rootNamespace", "root-namespace", f.rootNamespace},
		{"istio.meshConfig", "mesh-config", f.meshConfig},
		{"istio.revision", "revision", f.revision},
	} {
		if s.value != "" {
			*x.at(s.key) = *scalar(s.value, f.said(s.flag))
		}
	}
	for _, rule := range a.rules {
		switch {
		case slices.Contains(f.disable, rule.Name):
			*x.at("rules." + rule.Name) = *scalar("off", f.said("disable"))
		case len(f.only) > 0 && !slices.Contains(f.only, rule.Name):
			*x.at("rules." + rule.Name) = *scalar("off", f.said("only"))
		}
	}
}

// defaults enters what holds where nothing is said.
func (x *effective) defaults() {
	if n := x.at("version"); n.Kind == 0 {
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "1", LineComment: "# default"}
	}
	for _, d := range [][2]string{{"fail-on", "error"}, {"istio.version", settings.Release}, {"istio.clusterDomain", "cluster.local"}} {
		if n := x.at(d[0]); n.Kind == 0 {
			*n = *scalar(d[1], "default")
		}
	}
	if x.get("worlds") == nil {
		if n := x.at("paths"); n.Kind == 0 {
			*n = yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{scalar(".", "default")}}
		}
	}
	if x.get("istio.meshConfig") == nil {
		if n := x.at("istio.rootNamespace"); n.Kind == 0 {
			*n = *scalar("istio-system", "default, unless a MeshConfig in the input says another")
		}
	}
}

func scalar(value, origin string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, LineComment: "# " + origin}
	if value == "true" { // of complete
		n.Tag = "!!bool"
	}
	return n
}

// get gives the value of a key, keys of inner mappings behind dots; nil if there is none.
func (x *effective) get(key string) *yaml.Node {
	n := x.root
	for _, name := range strings.Split(key, ".") {
		if n = entry(n, name); n == nil {
			return nil
		}
	}
	return n
}

// at is get, with what is missing made: a node without kind, to be filled in.
func (x *effective) at(key string) *yaml.Node {
	n := x.root
	for _, name := range strings.Split(key, ".") {
		if n.Kind != yaml.MappingNode {
			*n = yaml.Node{Kind: yaml.MappingNode}
		}
		next := entry(n, name)
		if next == nil {
			next = &yaml.Node{}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, next)
		}
		n = next
	}
	return n
}

func entry(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Kind == yaml.MappingNode && n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// text prints the config, keys in the order of the schema, and below it the flags that no key stands for.
func (x *effective) text(cmd *cobra.Command) string {
	var b bytes.Buffer
	switch {
	case x.file == "":
		fmt.Fprintln(&b, "# no config file")
	case filepath.Dir(x.file) == ".":
		fmt.Fprintf(&b, "# config: %s\n", x.file)
	default:
		fmt.Fprintf(&b, "# config: %s; paths and globs in it are relative to its folder\n", x.file)
	}
	x.sort()
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	_ = e.Encode(x.root) // into memory, of nodes that are well formed
	without := []string{"config", "no-config", "exclude", "with", "complete", "fail-on", "baseline", "namespace", "cluster-domain", "root-namespace", "mesh-config", "revision", "only", "disable", "help", "version"}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case slices.Contains(without, f.Name):
		case x.flags.from[f.Name] != "":
			fmt.Fprintf(&b, "# %s=%s\n", x.flags.from[f.Name], f.Value)
		case f.Changed:
			fmt.Fprintf(&b, "# --%s=%s\n", f.Name, f.Value)
		}
	})
	return b.String()
}

func (x *effective) sort() {
	var schema struct{ Properties yaml.Node }
	_ = yaml.Unmarshal(settings.Schema, &schema) // a test reads it
	rank := map[string]int{}
	for i := 0; i < len(schema.Properties.Content); i += 2 {
		rank[schema.Properties.Content[i].Value] = i
	}
	var pairs [][2]*yaml.Node
	for i := 0; i+1 < len(x.root.Content); i += 2 {
		if x.root.Content[i+1].Kind != 0 {
			pairs = append(pairs, [2]*yaml.Node(x.root.Content[i:i+2]))
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]*yaml.Node) int { return cmp.Compare(rank[a[0].Value], rank[b[0].Value]) })
	x.root.Content = nil
	for _, p := range pairs {
		x.root.Content = append(x.root.Content, p[:]...)
	}
}
