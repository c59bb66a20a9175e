package routing

import (
	"strings"
)

// Covers tells whether every name that b stands for is one of a: "*.x" covers "a.x" and "*.y.x", "*" covers all.
// Comparison is case-sensitive, as in istiod (pkg/config/host/name.go, SubsetOf).
func Covers(a, b string) bool {
	if !strings.HasPrefix(a, "*") {
		return a == b
	}
	if strings.HasPrefix(b, "*") {
		return len(b) >= len(a) && strings.HasSuffix(b[1:], a[1:])
	}
	return strings.HasSuffix(b, a[1:])
}

// Intersect gives the more specific of two host names if one covers the other (pkg/config/host/names.go, Intersection).
func Intersect(a, b string) (string, bool) {
	switch {
	case Covers(a, b):
		return b, true
	case Covers(b, a):
		return a, true
	}
	return "", false
}

// serverHost is a server's host entry with the namespace rewritten as istiod does before it merges
// (pilot/pkg/model/gateway.go, sanitizeServerHostNamespace). Namespace "*" means any.
type serverHost struct {
	Namespace string
	Host      string
	Index     int // index in spec.servers[i].hosts
}

// String is the text that istiod compares for duplicates.
func (h serverHost) String() string {
	if h.Namespace == "*" {
		return h.Host
	}
	return h.Namespace + "/" + h.Host
}

func serverHosts(hosts []string, namespace string) []serverHost {
	out := make([]serverHost, 0, len(hosts))
	for i, h := range hosts {
		ns, name, ok := strings.Cut(h, "/")
		switch {
		case !ok:
			ns, name = "*", h
		case ns == ".":
			ns = namespace
		case ns == "*" && name == "*":
			return []serverHost{{Namespace: "*", Host: "*", Index: i}}
		}
		out = append(out, serverHost{Namespace: ns, Host: name, Index: i})
	}
	return out
}

// Allows tells whether a VirtualService of a namespace may use the entry; unstated namespaces are compatible with any.
func (h serverHost) Allows(namespace string) bool {
	return h.Namespace == "*" || h.Namespace == namespace || h.Namespace == "" || namespace == ""
}

// hostSet finds the entries of a server that meet a host at the cost of the hits, however many hosts the server lists.
type hostSet struct {
	all   []serverHost
	exact map[string][]int
	wild  map[string][]int // by the part after "*"
}

func newHostSet(all []serverHost) *hostSet {
	x := &hostSet{all: all, exact: map[string][]int{}, wild: map[string][]int{}}
	for i, h := range all {
		if suffix, ok := strings.CutPrefix(h.Host, "*"); ok {
			x.wild[suffix] = append(x.wild[suffix], i)
		} else {
			x.exact[h.Host] = append(x.exact[h.Host], i)
		}
	}
	return x
}

// meeting gives the indexes of entries that cover host or that host covers.
func (x *hostSet) meeting(host string) []int {
	suffix, wild := strings.CutPrefix(host, "*")
	if wild {
		var out []int
		for i, h := range x.all {
			if Covers(host, h.Host) || Covers(h.Host, host) {
				out = append(out, i)
			}
		}
		return out
	}
	out := append([]int(nil), x.exact[host]...)
	for i := range len(suffix) + 1 {
		out = append(out, x.wild[suffix[i:]]...)
	}
	return out
}

// intersect gives the hosts that a VirtualService of a namespace gets on the server, each once
// (pkg/config/host/names.go, Intersection and NamesForNamespace).
func (x *hostSet) intersect(namespace string, hosts []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, h := range hosts {
		for _, i := range x.meeting(h) {
			sh := x.all[i]
			if !sh.Allows(namespace) {
				continue
			}
			if name, ok := Intersect(sh.Host, h); ok && !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}
