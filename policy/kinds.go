package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

var kindName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$`)

// kindFault says why a text names no kind of objects, as far as that can be told: others can define kinds. "" if it may.
func kindFault(text string) string {
	kind, group, dotted := strings.Cut(text, ".")
	own := manifest.GroupOf(kind)
	switch {
	case text == "*":
		return "without kinds a policy is run on all objects"
	case !kindName.MatchString(text):
		hint := ""
		if near := manifest.NearKind(text[strings.LastIndex(text, "/")+1:]); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return fmt.Sprintf("%q is no name of a kind, which is VirtualService, or Deployment.apps%s", text, hint)
	case dotted && own != "" && own != group && manifest.Nearest(group, []string{own}) != "":
		return fmt.Sprintf("unknown kind %q; did you mean %q?", text, kind+"."+own)
	case dotted && kindKey(text) == text:
		return ""
	}
	if near := manifest.NearKind(kind); near != "" && near != kind {
		return fmt.Sprintf("unknown kind %q; did you mean %q?", text, near)
	}
	return ""
}

// kindKey is a kind as objects are kept by: Istio's without its group.
func kindKey(text string) string { return mesh.KindName(mesh.IDOf(text, "", "")) }
