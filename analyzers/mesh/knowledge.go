package mesh

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Complete says for which kinds, and in which namespaces, the input is all there is.
type Complete struct {
	All   bool
	Kinds map[string]map[string]bool // kind -> namespace ("*" for all)
}

// Everything closes all kinds in all namespaces.
func Everything() Complete { return Complete{All: true} }

// ParseComplete reads KIND[/NAMESPACE],…; the empty text closes everything.
func ParseComplete(text string) Complete {
	if text == "" || text == "true" {
		return Everything()
	}
	c := Complete{Kinds: map[string]map[string]bool{}}
	for _, part := range splitList(text) {
		kind, ns, ok := strings.Cut(part, "/")
		if !ok {
			ns = "*"
		}
		if c.Kinds[kind] == nil {
			c.Kinds[kind] = map[string]bool{}
		}
		c.Kinds[kind][ns] = true
	}
	return c
}

// And closes what either of two closes.
func (c Complete) And(other Complete) Complete {
	out := Complete{All: c.All || other.All, Kinds: map[string]map[string]bool{}}
	for _, kinds := range []map[string]map[string]bool{c.Kinds, other.Kinds} {
		for kind, namespaces := range kinds {
			if out.Kinds[kind] == nil {
				out.Kinds[kind] = map[string]bool{}
			}
			for ns := range namespaces {
				out.Kinds[kind][ns] = true
			}
		}
	}
	return out
}

// Covers tells whether every object of the kind in the namespace is known.
func (c Complete) Covers(kind, namespace string) bool {
	return c.All || c.Kinds[kind]["*"] || namespace != "" && c.Kinds[kind][namespace]
}

// State is what is known of a reference.
type State int

const (
	Unknown State = iota
	Found
	Suspect
	Missing
)

// Resolution is what a reference that names nothing in the World resolves to: Found is what is assumed to exist elsewhere.
type Resolution struct {
	State State
	// Instead is what was found in its stead, for a suspect or missing reference: the near name, the namespace that has it.
	Instead *manifest.Object
	Near    string // the nearest name, "" if none is close
	Meant   bool   // nothing but Near can be meant
	Why     string // the positive sign, for a suspect reference: a clause
}

// candidates are the objects of one kind where one looks for a reference.
type candidates struct {
	kind      string
	where     Name
	names     func() map[string]*manifest.Object // those of the kind in the namespace
	elsewhere *manifest.Object                   // the very name in another stated namespace
}

// judge decides a reference that was not found.
func (w *World) judge(c candidates) Resolution {
	r := Resolution{State: Unknown}
	if w.assume.has(c.kind, c.where) {
		return Resolution{State: Found}
	}
	if manifest.Placeholder(c.where.Name) || manifest.Placeholder(c.where.Namespace) {
		return r
	}
	near := w.near.of(c.kind+"/"+c.where.Namespace, c.names)
	if r.Near = near.nearest(c.where.Name); r.Near != "" {
		r.Instead = near.names[r.Near]
		r.Meant = c.elsewhere == nil && Meant(c.where.Name, near.candidates(c.where.Name))
	}
	switch {
	case c.kind == "Secret" && (w.unread[c.where.Namespace] || w.unread[""]): // it may be the one
	case w.complete.Covers(c.kind, c.where.Namespace) && c.where.Namespace != "":
		r.State = Missing
	case w.gone.objects[IDOf(c.kind, c.where.Namespace, c.where.Name)] && !w.rendered[c.where.Namespace]:
		r.State, r.Why = Suspect, taken
	case c.where.Namespace == "":
	case r.Near != "" && slip(c.where.Name, r.Near):
		r.State, r.Why = Suspect, "a name close to it is there"
	case c.elsewhere != nil && c.elsewhere.Namespace != "":
		r.State, r.Why = Suspect, "that name is in namespace "+c.elsewhere.Namespace
	case len(near.names) > 0 && !w.variants[c.where.Namespace] && !w.rendered[c.where.Namespace]:
		r.State, r.Why = Suspect, "others of its kind are in namespace "+c.where.Namespace
	}
	if r.Instead == nil {
		r.Instead = c.elsewhere
	}
	return r
}

func namesIn[T any](x nameIndex[T], namespace string, object func(T) *manifest.Object) map[string]*manifest.Object {
	names := map[string]*manifest.Object{}
	for name, byNS := range x {
		if v, ok := byNS[namespace]; ok {
			if o := object(v); o != nil {
				names[name] = o
			}
		}
	}
	return names
}

// JudgeGateway says what is known of a gateway reference that names nothing in the World.
func (w *World) JudgeGateway(n Name) Resolution {
	c := candidates{kind: "Gateway", where: n, names: func() map[string]*manifest.Object {
		return namesIn(w.gateways, n.Namespace, func(g *Gateway) *manifest.Object { return g.Object })
	}}
	for _, ns := range manifest.Keys(w.gateways[n.Name]) {
		if c.elsewhere == nil && ns != "" {
			c.elsewhere = w.gateways[n.Name][ns].Object
		}
	}
	return w.judge(c)
}

// JudgeDelegate says what is known of a delegate reference that names nothing in the World.
func (w *World) JudgeDelegate(n Name) Resolution {
	c := candidates{kind: "VirtualService", where: n, names: func() map[string]*manifest.Object {
		return namesIn(w.virtuals, n.Namespace, func(v *VirtualService) *manifest.Object {
			if !v.IsDelegate() {
				return nil
			}
			return v.Object
		})
	}}
	for _, ns := range manifest.Keys(w.virtuals[n.Name]) {
		if c.elsewhere == nil && ns != "" {
			c.elsewhere = w.virtuals[n.Name][ns].Object
		}
	}
	return w.judge(c)
}

// Secrets gives the Secrets that a name in a namespace can mean; an unstated namespace finds by name alone.
func (w *World) Secrets(n Name) []*Secret { return w.secrets.find(n) }

// JudgeSecret says what is known of a Secret that is not there.
func (w *World) JudgeSecret(n Name) Resolution {
	c := candidates{kind: "Secret", where: n, names: func() map[string]*manifest.Object {
		return namesIn(w.secrets, n.Namespace, func(s *Secret) *manifest.Object {
			if !s.CouldServe() {
				return nil
			}
			return s.Object
		})
	}}
	for _, ns := range manifest.Keys(w.secrets[n.Name]) {
		if c.elsewhere == nil && ns != "" {
			c.elsewhere = w.secrets[n.Name][ns].Object
		}
	}
	return w.judge(c)
}

// JudgeHost says what is known of a destination host that no service has. sibling tells that another destination of the
// same weighted route and namespace was found.
func (w *World) JudgeHost(host string, sibling bool) Resolution {
	if w.assume.host(host) {
		return Resolution{State: Found}
	}
	n, kube := w.kubeName(host)
	if !kube {
		return w.judgeExternal(host)
	}
	c := candidates{kind: "Service", where: n, names: func() map[string]*manifest.Object {
		names := map[string]*manifest.Object{}
		for name, all := range w.kube {
			for _, s := range all {
				if s.Namespace == n.Namespace {
					names[name] = s.Object
				}
			}
		}
		return names
	}}
	for _, s := range w.kube[n.Name] {
		if c.elsewhere == nil && s.Namespace != "" {
			c.elsewhere = s.Object
		}
	}
	r := w.judge(c)
	if r.State == Unknown && sibling && n.Namespace != "" {
		r.State, r.Why = Suspect, "another destination of the same route is there"
	}
	return r
}

// judgeExternal decides a host outside the cluster domain: it belongs to no namespace, only ServiceEntries can have it.
func (w *World) judgeExternal(host string) Resolution {
	r := Resolution{}
	if manifest.Placeholder(host) {
		return r
	}
	index := w.near.of("ServiceEntry", func() map[string]*manifest.Object {
		names := map[string]*manifest.Object{}
		for h, all := range w.hosts {
			if all[0].Entry != nil {
				names[h] = all[0].Object
			}
		}
		return names
	})
	if near := index.nearest(host); near != "" && slip(host, near) {
		r.Near, r.Instead, r.Meant = near, index.names[near], Meant(host, index.candidates(host))
		r.State, r.Why = Suspect, "a host close to it is there"
	}
	// name.namespace and name.namespace.svc stay literal: they look like a Service and are none (semantics 3.2).
	if name, rest, ok := strings.Cut(host, "."); ok && r.State == Unknown {
		ns := strings.TrimSuffix(rest, ".svc")
		for _, s := range w.kube[name] {
			if s.Namespace == ns && ns != "" {
				r.State, r.Near, r.Instead = Suspect, s.Host, s.Object
				r.Why = "it is not expanded because it has a dot, and Service " + s.ID().String() + " has the host " + s.Host
			}
		}
	}
	switch {
	case w.closedExternal(host):
		r.State = Missing
	case w.gone.hosts[host]:
		r.State, r.Why = Suspect, taken
	}
	return r
}

// closedExternal tells whether every service that could have a host outside the cluster domain is known. That of a multi-cluster
// Service, no list tells: it comes with ServiceExports and ENABLE_MCS_HOST of istiod (pilot/pkg/features/experimental.go).
func (w *World) closedExternal(host string) bool {
	return w.complete.All || w.complete.Covers("ServiceEntry", "") && !strings.HasSuffix(host, ".svc.clusterset.local")
}

// HostClosed tells whether every service that could have the host is known.
func (w *World) HostClosed(host string) bool {
	if w.assume.host(host) {
		return false
	}
	if n, kube := w.kubeName(host); kube {
		return n.Namespace != "" && w.complete.Covers("Service", n.Namespace)
	}
	return w.closedExternal(host)
}

// HostNamespace is the namespace of a Kubernetes Service's host, "" for any other.
func (w *World) HostNamespace(host string) string {
	n, _ := w.kubeName(host)
	return n.Namespace
}

// HasVariants tells whether the namespace holds objects of which several files have different versions.
func (w *World) HasVariants(namespace string) bool { return w.variants[namespace] }

// Closed tells whether the kind is fully known in the namespace: what is assumed to exist elsewhere is not known.
func (w *World) Closed(kind, namespace string) bool {
	return w.complete.Covers(kind, namespace) && !w.assume.some(kind, namespace)
}

// Assumed tells whether an object that the World lacks is assumed to exist.
func (w *World) Assumed(kind string, n Name) bool { return w.assume.has(kind, n) }

// Namespaces are the stated namespaces of the input, sorted.
func (w *World) Namespaces() []string { return manifest.Keys(w.namespaces) }

// Count is the number of objects of a kind in a stated namespace.
func (w *World) Count(kind, namespace string) int { return w.kinds[kind][namespace] }
