// Package settings says which rules run and how loud: the config file .gatelint.yaml and the two channels through which a
// finding is accepted, the annotation on the object and the comment in the file.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
)

// FileName is the name of the config file, looked for from the working directory upwards.
const FileName = ".gatelint.yaml"

// Config is what a config file says. Paths and globs are relative to Dir.
type Config struct {
	File      string // "" when there is no config file
	Dir       string
	Text      []byte // of the file
	Paths     []string
	Exclude   []string
	Rules     map[string]Setting
	Complete  string // as --complete takes it; "" says nothing
	Worlds    []World
	Namespace Namespaces
	Istio     Istio
	Admission Admission

	Context    []string // paths that are read beside, as with --with
	FailOn     string   // as --fail-on takes it; "" says nothing
	Baseline   string   // a file
	Assume     mesh.Assume
	Exceptions []*Ignore // one for each rule of an entry
	Overrides  []Override
	Policies   Policies
	// Known are the rules that there are, those of policies with them; nil: the built-in ones.
	Known []*rules.Rule
}

// Setting is how loud a rule is. A nil field leaves the rule's own value.
type Setting struct {
	Off       bool
	Severity  *rules.Severity
	Admission *rules.Decision
	NoIgnore  bool // ignores in manifests do not count
	Params    map[string]int
}

// World is one explicit set of manifests that live in one cluster together.
type World struct {
	Name      string
	Paths     []string
	With      []string
	Namespace Namespaces
	Vars      map[string]string
	Complete  string
}

// Istio is what the manifests do not say about the control plane.
type Istio struct {
	Version                 string
	ClusterDomain           string
	RootNamespace           string
	MeshConfig              string // a file
	ScopeGatewayToNamespace bool
	Revision                string
}

// Error is a mistake in a config file, with its place.
type Error struct {
	File         string
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors are the mistakes in a config file, in the order of the file.
type Errors []*Error

func (list Errors) Error() string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Error()
	}
	return strings.Join(out, "\n")
}

// Unwrap gives the mistakes one by one.
func (list Errors) Unwrap() (out []error) {
	for _, e := range list {
		out = append(out, e)
	}
	return out
}

// sorted has a mistake once that several aliases lead to.
func (list Errors) sorted() Errors {
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(list, func(a, b *Error) bool { return *a == *b })
}

// Find gives the config file that counts in a folder: the one there or in the nearest folder above; "" if there is none. What has its
// name but cannot be read is for Load to refuse.
func Find(dir string) (string, error) {
	for {
		file := filepath.Join(dir, FileName)
		_, err := os.Lstat(file)
		switch {
		case err == nil:
			return file, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("looking for %s: %w", FileName, err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

// Misnamed gives a file in a folder, or in the nearest folder above, whose name is nearly that of a config; "" if there is none.
func Misnamed(dir string) string {
	for {
		for _, name := range []string{".gatelint.yml", "gatelint.yaml", "gatelint.yml", ".gatelint.json"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
				return filepath.Join(dir, name)
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// Read reads the text of a config file, once: it can be a pipe. shown is how messages name it.
func Read(file, shown string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		if info, _ := os.Stat(file); info != nil && info.IsDir() {
			return nil, fmt.Errorf("reading the config: %s is a folder", shown)
		}
		if info, _ := os.Lstat(file); info != nil && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading the config: %s is a symbolic link to a file that is not there", shown)
		}
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			path.Path = shown
		}
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	return data, nil
}

// Load makes a config of the text of a file. wrong keeps its policies from loading, nil if nothing does: names of rules are not judged
// then, as policies bring some. Its error is wrong with all else that is, and what could be read is there beside it.
func Load(data []byte, file, shown string, list []*rules.Rule, wrong error) (*Config, error) {
	c, errs := parse(data, shown, list, wrong != nil)
	c.Dir, c.Text, c.Known = filepath.Dir(file), data, list
	var said Errors
	if errors.As(wrong, &said) {
		return c, append(said, errs...).sorted()
	}
	if len(errs) > 0 {
		wrong = errors.Join(wrong, errs)
	}
	return c, wrong
}

// Param is a parameter of a rule.
func (c *Config) Param(rule string, param rules.Param) int {
	if n, ok := c.Rules[rule].Params[param.Key]; ok {
		return n
	}
	return param.Default
}

// Select gives the rules that run: all but those that the config turns off, or only those named; less those disabled.
func (c *Config) Select(list []*rules.Rule, only, disable []string) []*rules.Rule {
	named := func(names []string, name string) bool {
		for _, n := range names {
			if n == name {
				return true
			}
		}
		return false
	}
	var out []*rules.Rule
	for _, r := range list {
		wanted := !c.Rules[r.Name].Off || c.onSomewhere(r.Name)
		if len(only) > 0 {
			wanted = named(only, r.Name)
		}
		if wanted && !named(disable, r.Name) {
			out = append(out, r)
		}
	}
	return out
}

// All are the rules that there are.
func (c *Config) All() []*rules.Rule {
	if c.Known == nil {
		return rules.All()
	}
	return c.Known
}

// Find gives the rule of a name, nil if there is none.
func (c *Config) Find(name string) *rules.Rule {
	for _, r := range c.All() {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Severity gives the severity of a finding under the config. The configured severity stands for the one that the rule gives
// a proven fault: what the rule itself rates lower is never raised, and a suspect fault is a warning at most.
func (c *Config) Severity(f rules.Finding, own rules.Severity) rules.Severity {
	want := c.setting(f.Rule, f.Pos.File).Severity
	if want == nil {
		return f.Severity
	}
	got := f.Severity
	if got >= own || got > *want {
		got = *want
	}
	if f.Suspect {
		got = min(got, rules.Warning)
	}
	return got
}
