// Schemagen reduces the CustomResourceDefinitions of the istio.io/api module to what the manifest loader checks.
// It is run by "go generate" in the manifest package.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api").Output()
	if err != nil {
		return fmt.Errorf("finding the istio.io/api module: %w", err)
	}
	crds, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "kubernetes", "customresourcedefinitions.gen.yaml"))
	if err != nil {
		return fmt.Errorf("reading the CRDs: %w", err)
	}
	reduced, err := reduce(crds)
	if err != nil {
		return err
	}
	return os.WriteFile(file, reduced, 0o644)
}

type crd struct {
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema struct{ Properties map[string]crdSchema } `yaml:"openAPIV3Schema"`
			}
		}
	}
}

// crdSchema is what matters of a structural schema.
type crdSchema struct {
	Type                 string
	Properties           map[string]crdSchema
	Items                *crdSchema
	AdditionalProperties *crdSchema `yaml:"additionalProperties"`
	Enum                 []string
	Pattern              string
	Required             []string
	OneOf                []crdSchema `yaml:"oneOf"`
	AllOf                []crdSchema `yaml:"allOf"`
	AnyOf                []crdSchema `yaml:"anyOf"`
	Not                  *crdSchema
	Minimum              *float64
	Maximum              *float64
	MinLength            int `yaml:"minLength"`
	MaxLength            int `yaml:"maxLength"`
	MinItems             int `yaml:"minItems"`
	MaxItems             int `yaml:"maxItems"`
	Nullable             bool
	Open                 bool                    `yaml:"x-kubernetes-preserve-unknown-fields"`
	Rules                []struct{ Rule string } `yaml:"x-kubernetes-validations"`
}

// node is the reduced schema; the keys are those of manifest's schema type.
type node struct {
	Type     string         `json:"t,omitempty"`
	Props    map[string]int `json:"p,omitempty"`
	Items    *int           `json:"i,omitempty"`
	Values   *int           `json:"v,omitempty"`
	Enum     []string       `json:"e,omitempty"`
	Pattern  string         `json:"r,omitempty"`
	Required []string       `json:"q,omitempty"`
	OneOf    [][]string     `json:"o,omitempty"`
	Min      *float64       `json:"lo,omitempty"`
	Max      *float64       `json:"hi,omitempty"`
	MinLen   int            `json:"sl,omitempty"`
	MaxLen   int            `json:"sh,omitempty"`
	MinItems int            `json:"il,omitempty"`
	MaxItems int            `json:"ih,omitempty"`
	Nullable bool           `json:"n,omitempty"`
	Open     bool           `json:"x,omitempty"`
	Duration bool           `json:"d,omitempty"`
}

type set struct {
	Kinds map[string]map[string]int `json:"kinds"`
	Nodes []json.RawMessage         `json:"nodes"`
	known map[string]int
}

func reduce(crds []byte) ([]byte, error) {
	out := set{Kinds: map[string]map[string]int{}, known: map[string]int{}}
	dec := yaml.NewDecoder(bytes.NewReader(crds))
	for {
		var c crd
		err := dec.Decode(&c)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("parsing the CRDs: %w", err)
		}
		for _, v := range c.Spec.Versions {
			key := c.Spec.Group + "/" + c.Spec.Names.Kind
			spec, err := out.add(v.Schema.OpenAPIV3Schema.Properties["spec"])
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", key, v.Name, err)
			}
			if out.Kinds[key] == nil {
				out.Kinds[key] = map[string]int{}
			}
			out.Kinds[key][v.Name] = spec
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, err
	}
	// A line per node keeps the diff of an update readable.
	return bytes.ReplaceAll(b.Bytes(), []byte("},{"), []byte("},\n{")), nil
}

// add stores a schema and what it holds, equal ones once, and gives its index.
func (s *set) add(c crdSchema) (int, error) {
	n := node{
		Type: c.Type, Enum: c.Enum, Pattern: c.Pattern, Required: c.Required, Min: c.Minimum, Max: c.Maximum,
		MinLen: c.MinLength, MaxLen: c.MaxLength, MinItems: c.MinItems, MaxItems: c.MaxItems, Nullable: c.Nullable, Open: c.Open,
	}
	for _, name := range slices.Sorted(maps.Keys(c.Properties)) {
		i, err := s.add(c.Properties[name])
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if n.Props == nil {
			n.Props = map[string]int{}
		}
		n.Props[name] = i
	}
	var err error
	if n.Items, err = s.addChild(c.Items); err != nil {
		return 0, err
	}
	if n.Values, err = s.addChild(c.AdditionalProperties); err != nil {
		return 0, err
	}
	if n.OneOf, err = exclusive(c); err != nil {
		return 0, err
	}
	n.rules(c)
	text, err := json.Marshal(n)
	if err != nil {
		return 0, err
	}
	if i, ok := s.known[string(text)]; ok {
		return i, nil
	}
	s.known[string(text)] = len(s.Nodes)
	s.Nodes = append(s.Nodes, text)
	return len(s.Nodes) - 1, nil
}

func (s *set) addChild(c *crdSchema) (*int, error) {
	if c == nil {
		return nil, nil
	}
	i, err := s.add(*c)
	return &i, err
}

// rules translates the two CEL rules that are worth it: they stand on hundreds of fields.
func (n *node) rules(c crdSchema) {
	for _, r := range c.Rules {
		switch r.Rule {
		case "duration(self) >= duration('1ms')":
			n.Duration = true
		case "0 < self && self <= 65535":
			low, high := 1.0, 65535.0
			n.Min, n.Max = &low, &high
		}
	}
}

// exclusive reads the one form of oneOf that Istio's CRDs use: none of these keys, or exactly one of them.
func exclusive(c crdSchema) ([][]string, error) {
	var groups [][]string
	all := c.AllOf
	if len(c.OneOf) > 0 {
		all = append(all, crdSchema{OneOf: c.OneOf})
	}
	for _, part := range all {
		var group []string
		for i, alternative := range part.OneOf {
			if i == 0 && alternative.Not != nil && len(alternative.Not.AnyOf) == len(part.OneOf)-1 {
				continue
			}
			if i == 0 || len(alternative.Required) != 1 {
				return nil, errors.New("a oneOf of a form that the generator does not know")
			}
			group = append(group, alternative.Required[0])
		}
		groups = append(groups, group)
	}
	if len(c.AnyOf) > 0 || c.Not != nil {
		return nil, errors.New("an anyOf or not of a form that the generator does not know")
	}
	return groups, nil
}
