package settings

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"
)

// Namespaces states the namespace of manifests that leave it out, per path. The first glob that matches decides.
type Namespaces []PathNamespace

// PathNamespace is the namespace of the files that a glob matches.
type PathNamespace struct{ Glob, Namespace string }

// For gives the namespace of a file, named as the globs name it; "" when none is stated.
func (x Namespaces) For(file string) string {
	for _, e := range x {
		if Match(e.Glob, file) {
			return e.Namespace
		}
	}
	return ""
}

// Match tells whether a glob matches a file or a folder it lies in. "**" stands for any number of folders; a slash at the end says
// nothing, "." is everything below.
func Match(glob, file string) bool {
	if glob = path.Clean(glob); glob == "." {
		return !strings.HasPrefix(file, "../")
	}
	return doublestar.MatchUnvalidated(glob, file) || doublestar.MatchUnvalidated(glob+"/**", file)
}

// namespaces reads one namespace for all files, or a mapping of globs to namespaces.
func (p *parser) namespaces(n *yaml.Node) Namespaces {
	if target(n).Kind != yaml.MappingNode && !isNull(target(n)) {
		return Namespaces{{Glob: "**", Namespace: p.name(n, "namespace", p.scalar(n, "namespace"), CheckNamespace)}}
	}
	out := Namespaces{}
	p.each(n, "namespace", func(key, value *yaml.Node) {
		p.glob(key, key.Value)
		in := "namespace." + key.Value
		out = append(out, PathNamespace{Glob: key.Value, Namespace: p.name(value, in, p.scalar(value, in), CheckNamespace)})
	})
	return out
}

func (p *parser) globs(n *yaml.Node, in string) []string {
	return p.texts(n, in, p.glob)
}

// escape is a backslash with what stands behind it: before a sign it takes the sign's meaning, before a letter or digit it is meant to part
// folders.
var escape = regexp.MustCompile(`\\.`)

// CheckGlob refuses a text that is no glob, and those that match no file.
func CheckGlob(text string) error {
	slashed := escape.ReplaceAllStringFunc(text, func(e string) string {
		if c, _ := utf8.DecodeRuneInString(e[1:]); unicode.IsLetter(c) || unicode.IsNumber(c) {
			return "/" + e[1:]
		}
		return e
	})
	switch {
	case text == "" || !doublestar.ValidatePattern(text):
		return fmt.Errorf("%q is no glob", text)
	case slashed != text:
		return fmt.Errorf(`"%s" parts folders by a backslash, which matches none: write "%s"`, text, slashed)
	case text[0] == '!':
		return fmt.Errorf("%q takes nothing back: a glob is not negated by \"!\"", text)
	}
	return nil
}

func (p *parser) glob(n *yaml.Node, text string) {
	if err := CheckGlob(text); err != nil {
		p.fail(n, "%v", err)
	} else if path.IsAbs(text) {
		p.fail(n, "%q is an absolute path: globs are relative to the folder of the config, such as deploy/**", text)
	}
}
