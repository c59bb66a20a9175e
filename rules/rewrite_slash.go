package rules

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

var rewriteSlash = &Rule{
	Name: "rewrite-slash", Severity: Info, Admission: Off, Elsewhere: Off, Since: "0.1.0",
	Doc: `A rewrite that doubles a slash or swallows one

Envoy puts rewrite.uri in the place of the matched prefix and leaves the rest of the path as it is. With the prefix /api and the
rewrite / the request /api/users arrives as //users, which many servers answer with 404; with the prefix /api/ and the rewrite
/v2 it arrives as /v2users.

The usual pair is silent: a match on /api/ before a match on /api, both rewritten to /, since the second takes only /api itself.

Fix: end the prefix and the rewrite alike; for a rewrite to / put a match on /api/ before the one on /api.`,
	Run: func(p *Pass) {
		for _, v := range p.World.VirtualServices {
			earlier := map[string]bool{} // prefixes that matches before have
			for i, h := range v.Spec.Http {
				p.slashes(v, h, i, earlier)
			}
		}
	},
}

// slashes reports the first match of a rule whose prefix does not end as the rewrite does.
func (p *Pass) slashes(v *mesh.VirtualService, h *networking.HTTPRoute, i int, earlier map[string]bool) {
	path := []any{"spec", "http", i, "rewrite", "uri"}
	to := h.GetRewrite().GetUri()
	forwards := to != "" && h.Delegate == nil && h.Redirect == nil && h.DirectResponse == nil && h.Rewrite.UriRegexRewrite == nil
	told := false
	for j, m := range h.GetMatch() {
		prefix := m.GetUri().GetPrefix()
		if prefix == "" {
			continue
		}
		if arrives := rewritten(prefix, to); forwards && !told && arrives != "" && !earlier[prefix+"/"] && v.Known(path...) {
			told = true
			at := []any{"spec", "http", i, "match", j, "uri", "prefix"}
			asked := strings.TrimSuffix(prefix, "/") + "/users"
			p.Report(Fault{
				On: v.Object, Path: path, Severity: Info, Words: prefix + " to " + to,
				Message: fmt.Sprintf("prefix %q and its rewrite %q differ by the last slash: %q arrives as %q", prefix, to, asked, arrives),
				Ends:    []End{{v.Object, at, "this prefix is replaced"}},
			})
		}
		earlier[prefix] = true
	}
}

// rewritten is the path under a prefix as it arrives if the last slash is one too many or one too few, else "". A rewrite that
// ends in another sign than a letter or digit means what it does: "/?path=", "/v2-".
func rewritten(prefix, to string) string {
	switch {
	case prefix == "/" || manifest.Placeholder(prefix) || manifest.Placeholder(to):
	case strings.HasSuffix(prefix, "/") && alphanumeric(to[max(0, len(to)-1):]):
		return to + "users"
	case !strings.HasSuffix(prefix, "/") && strings.HasSuffix(to, "/"):
		return to + "/users"
	}
	return ""
}

func alphanumeric(c string) bool {
	return c != "" && (c >= "a" && c <= "z" || c >= "A" && c <= "Z" || c >= "0" && c <= "9")
}
