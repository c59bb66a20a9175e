package policy

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

// metadata is what one METADATA block says under custom. A nil field is not said.
type metadata struct {
	loc       *ast.Location
	severity  *rules.Severity
	admission *rules.Decision
	ignorable *bool
	kinds     []string
	input     string
	params    map[string]any
}

var (
	metadataKeys = []string{"scope", "title", "description", "related_resources", "organizations", "authors", "schemas", "entrypoint", "custom", "compile", "labels"}
	customKeys   = []string{"severity", "kinds", "admission", "ignorable", "input", "params"}
)

// block reads one METADATA block. OPA takes any key: one that is nearly one of ours would be lost without a word.
func block(a *ast.Annotations, m *ast.Module) (metadata, Problems) {
	r := &metadataReader{out: metadata{loc: a.Location}, loc: a.Location}
	text, first := commentBelow(m, a.Location.Row)
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return r.out, nil // OPA's parser has read it, and has refused what cannot be read
	}
	r.shift = first - 1
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		r.near(key, metadataKeys, "")
		if slices.Contains(customKeys, key.Value) {
			r.fail(key, "METADATA %s stands under custom", key.Value)
		}
		if key.Value == "custom" && value.Kind == yaml.MappingNode {
			r.custom(value)
		}
	}
	return r.out, r.problems
}

var keyed = regexp.MustCompile(`^[a-z_]+\s*:`)

// miscalled tells of comments that are nearly METADATA: OPA takes the word in capitals only, and a block without gaps. The rest would be
// lost.
func miscalled(m *ast.Module) (out Problems) {
	for i, c := range m.Comments {
		word := strings.TrimSuffix(strings.TrimSpace(string(c.Text)), ":")
		if word == "METADATA" && c.Location.Col == 1 {
			if rest := severed(m, i); rest != nil {
				out = append(out, at(rest, "a mere comment: the METADATA of line %d end at the empty line before it", c.Location.Row))
			}
			continue
		}
		if word == "METADATA" || manifest.Nearest(word, []string{"METADATA"}) == "" {
			continue
		}
		if below, _ := commentBelow(m, c.Location.Row); keyed.MatchString(below) { // else it is prose
			out = append(out, at(c.Location, "%q is a mere comment: write METADATA", word))
		}
	}
	return out
}

// severed is the first comment behind a block of METADATA that goes on with it after empty lines; nil if none does.
func severed(m *ast.Module, first int) *ast.Location {
	end := m.Comments[first].Location.Row
	for _, c := range m.Comments[first+1:] {
		if c.Location.Row == end+1 {
			end++
			continue
		}
		word, _, _ := strings.Cut(strings.TrimSpace(string(c.Text)), ":")
		if !slices.Contains(metadataKeys, word) || !keyed.Match(bytes.TrimSpace(c.Text)) || statement(m, end, c.Location.Row) {
			return nil
		}
		return c.Location
	}
	return nil
}

// statement tells whether one begins between two lines.
func statement(m *ast.Module, after, before int) bool {
	between := func(l *ast.Location) bool { return l != nil && l.Row > after && l.Row < before }
	return between(m.Package.Location) || slices.ContainsFunc(m.Imports, func(i *ast.Import) bool { return between(i.Location) }) ||
		slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return between(r.Location) })
}

// commentBelow is the text of the comments that follow a line, and the first one's line.
func commentBelow(m *ast.Module, row int) (text string, first int) {
	byRow := map[int]string{}
	for _, c := range m.Comments {
		if c.Location != nil && c.Location.Col == 1 {
			byRow[c.Location.Row] = string(c.Text)
		}
	}
	var lines []string
	for n := row + 1; ; n++ {
		line, ok := byRow[n]
		if !ok {
			return strings.Join(lines, "\n"), row + 1
		}
		lines = append(lines, strings.TrimPrefix(line, " "))
	}
}

type metadataReader struct {
	out      metadata
	loc      *ast.Location
	shift    int
	problems Problems
}

func (r *metadataReader) fail(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, &Problem{File: r.loc.File, Line: n.Line + r.shift, Message: fmt.Sprintf(format, args...)})
}

// near refuses a key that is within two edits of a known one.
func (r *metadataReader) near(key *yaml.Node, known []string, in string) {
	if slices.Contains(known, key.Value) {
		return
	}
	if near := manifest.Nearest(key.Value, known); near != "" {
		r.fail(key, "unknown METADATA key %q%s; did you mean %q?", key.Value, in, near)
	}
}

func (r *metadataReader) custom(n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		r.near(key, customKeys, " under custom")
		switch key.Value {
		case "severity":
			if s, err := rules.ParseSeverity(value.Value); err != nil {
				r.fail(value, "custom.severity: %v", err)
			} else {
				r.out.severity = &s
			}
		case "admission":
			text := value.Value
			if value.Tag == "!!bool" && text == "false" {
				text = "off"
			}
			if d, err := rules.ParseDecision(text); err != nil {
				r.fail(value, "custom.admission: %v", err)
			} else {
				r.out.admission = &d
			}
		case "ignorable":
			var b bool
			if err := value.Decode(&b); err != nil || value.Tag != "!!bool" {
				r.fail(value, "custom.ignorable is %q, not true or false", value.Value)
			}
			r.out.ignorable = &b
		case "input":
			if r.out.input = value.Value; value.Value != "gatekeeper" {
				r.fail(value, "custom.input is %q: the only other input is \"gatekeeper\"", value.Value)
			}
		case "kinds":
			r.kinds(value)
		case "params":
			plain, err := settings.Plain(value)
			if r.out.params, _ = plain.(map[string]any); err != nil || r.out.params == nil {
				r.fail(value, "custom.params is no mapping of names to defaults")
			}
		}
	}
}

func (r *metadataReader) kinds(n *yaml.Node) {
	if err := n.Decode(&r.out.kinds); err != nil || n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail(n, "custom.kinds is no list of kinds")
		return
	}
	for i, k := range n.Content {
		if k.ShortTag() != "!!str" || k.Value == "" {
			r.fail(k, "custom.kinds: %q is no name of a kind", k.Value)
		} else if why := kindFault(k.Value); why != "" {
			r.fail(k, "custom.kinds: %s", why)
		}
		r.out.kinds[i] = kindKey(k.Value)
	}
	slices.Sort(r.out.kinds)
	r.out.kinds = slices.Compact(r.out.kinds)
}
