package manifest

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

//go:generate go run ./schemagen schema.json

// schemaJSON is what the API server checks of Istio's kinds, reduced from the CRDs of the istio.io/api module.
//
//go:embed schema.json
var schemaJSON []byte

// A schema is one node of a structural schema. Other nodes are named by their index:
// the same part occurs in all versions of a kind and often twice in one.
type schema struct {
	Type     string         `json:"t,omitempty"`
	Props    map[string]int `json:"p,omitempty"`
	Items    *int           `json:"i,omitempty"`
	Values   *int           `json:"v,omitempty"` // additionalProperties
	Enum     []string       `json:"e,omitempty"`
	Pattern  string         `json:"r,omitempty"`
	Required []string       `json:"q,omitempty"`
	OneOf    [][]string     `json:"o,omitempty"` // in each group at most one may be set
	Min      *float64       `json:"lo,omitempty"`
	Max      *float64       `json:"hi,omitempty"`
	MinLen   int            `json:"sl,omitempty"`
	MaxLen   int            `json:"sh,omitempty"`
	MinItems int            `json:"il,omitempty"`
	MaxItems int            `json:"ih,omitempty"`
	Nullable bool           `json:"n,omitempty"`
	Open     bool           `json:"x,omitempty"` // x-kubernetes-preserve-unknown-fields
	Duration bool           `json:"d,omitempty"` // a duration of at least 1ms

	names   []string // of Props, sorted
	pattern func() *regexp.Regexp
}

type schemaSet struct {
	Kinds map[string]map[string]int `json:"kinds"` // "group/Kind" → version → the schema of spec
	Nodes []*schema                 `json:"nodes"`
}

// schemas are read when the first Istio object comes along.
var schemas = sync.OnceValue(func() *schemaSet {
	var s schemaSet
	if err := json.Unmarshal(schemaJSON, &s); err != nil {
		panic("manifest: the embedded schema does not parse: " + err.Error())
	}
	for _, n := range s.Nodes {
		n.names = Keys(n.Props)
		if n.Pattern != "" {
			n.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(n.Pattern) })
		}
	}
	return &s
})

// kindsOf are the kinds of an API group, sorted; none for a group that is not Istio's.
func (s *schemaSet) kindsOf(group string) []string {
	var kinds []string
	for _, k := range Keys(s.Kinds) {
		if len(k) > len(group) && k[:len(group)] == group && k[len(group)] == '/' {
			kinds = append(kinds, k[len(group)+1:])
		}
	}
	return kinds
}

// groupOf is the group of Istio's that has a kind: no two have the same.
func (s *schemaSet) groupOf(kind string) (string, bool) {
	for k := range s.Kinds {
		if group, name, _ := strings.Cut(k, "/"); name == kind {
			return group, true
		}
	}
	return "", false
}

// Kinds are the kinds of Istio's networking API.
func Kinds() []string { return schemas().kindsOf(networkingGroup) }

// JSONSchema is the schema of an object of Istio's, as JSON Schema, by its kind, with or without its group behind a dot; nil for any
// other kind.
func JSONSchema(kind string) map[string]any {
	s := schemas()
	name, group, dotted := strings.Cut(kind, ".")
	own, ok := s.groupOf(name)
	if !ok || dotted && group != own {
		return nil
	}
	versions := s.Kinds[own+"/"+name]
	names := Keys(versions)
	text, open := map[string]any{"type": "string"}, map[string]any{"type": "object"}
	meta := map[string]any{"labels": open, "annotations": open, "generation": map[string]any{"type": "integer"}}
	for _, key := range [...]string{"name", "namespace", "generateName", "uid", "resourceVersion", "selfLink", "creationTimestamp", "deletionTimestamp"} {
		meta[key] = text
	}
	for _, key := range [...]string{"finalizers", "ownerReferences", "managedFields"} {
		meta[key] = map[string]any{"type": "array"}
	}
	return map[string]any{"type": "object", "properties": map[string]any{
		"apiVersion": text, "kind": text, "status": open,
		"metadata": map[string]any{"type": "object", "properties": meta},
		"spec":     s.json(versions[names[0]]),
	}}
}

// json prints a schema, of which only the names and types are told.
func (s *schemaSet) json(i int) map[string]any {
	n := s.Nodes[i]
	out := map[string]any{}
	if n.Type != "" {
		out["type"] = n.Type
	}
	if len(n.Props) > 0 && !n.Open {
		props := make(map[string]any, len(n.Props))
		for name, child := range n.Props {
			props[name] = s.json(child)
		}
		out["properties"] = props
	}
	if n.Items != nil {
		out["items"] = s.json(*n.Items)
	}
	return out
}
