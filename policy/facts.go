package policy

import (
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// facts are what policies read under data.gatelint.mesh while one object is looked at.
type facts struct {
	*model
	object  *manifest.Object
	request *Request                               // nil in the linter
	live    *Live                                  // nil where the tables hold everything
	found   func(*manifest.Object) []rules.Finding // of built-in rules; nil: they did not run
	known   sync.Map                               // what was looked up for one policy is there for the next: ast.Value by path, nil where nothing is
}

// model is what is looked up in one World. Its indexes are made when the first policy asks.
type model struct {
	tables *routing.Tables
	// keyed tells that a whole kind is never read: in admission a verdict must not cost what the mesh holds.
	keyed bool

	namesOnce    sync.Once
	virtuals     map[mesh.Name]*mesh.VirtualService
	gateways     map[mesh.Name]*mesh.Gateway
	hostsOnce    sync.Once
	hosts        map[string]*claims
	settings     ast.Value // of the MeshConfig
	settingsOnce sync.Once
	wholes       sync.Map // kinds that a policy reads whole, made once for all objects: ast.Value by path
}

func (m *model) names() {
	m.namesOnce.Do(func() {
		m.virtuals, m.gateways = map[mesh.Name]*mesh.VirtualService{}, map[mesh.Name]*mesh.Gateway{}
		for _, v := range m.tables.World.VirtualServices {
			m.virtuals[v.ID()] = v
		}
		for _, g := range m.tables.World.Gateways {
			if !g.Ingress {
				m.gateways[g.ID()] = g
			}
		}
	})
}

// index is one part of data.gatelint.mesh: values by so many keys.
type index struct {
	keys   []string // what the keys are, for messages
	get    func(f *facts, keys []string) any
	each   func(f *facts, prefix []string, yield func(keys ...string))
	schema map[string]any // JSON Schema of a value; nil: any
}

var indexes = map[string]index{
	"objects":         {[]string{"KIND", "NAMESPACE", "NAME"}, (*facts).objectAt, (*facts).eachObject, nil},
	"by_host":         {[]string{"HOST"}, (*facts).claimsAt, (*facts).eachHost, claimsSchema()},
	"virtualservices": {[]string{"NAMESPACE", "NAME"}, (*facts).virtualServiceAt, (*facts).eachVirtualService, virtualServiceSchema()},
	"gateways":        {[]string{"NAMESPACE", "NAME"}, (*facts).gatewayAt, (*facts).eachGateway, gatewaySchema()},
	"namespaces":      {[]string{"NAME"}, (*facts).namespaceAt, (*facts).eachNamespace, object(fields("labels", "annotations"))},
}

// read answers a path under data.gatelint.mesh.
func (f *facts) read(path []string) (any, error) {
	if len(path) == 0 {
		return nil, tooMuch(storage.Path{root, "mesh"})
	}
	switch path[0] {
	case "this":
		return found(f.once("this", f.this), path[1:])
	case "meshconfig":
		return found(f.model.meshConfig(), path[1:])
	case "findings":
		list := f.once("findings", f.findings)
		v, err := found(list, path[1:])
		if r := rules.Find(path[len(path)-1]); err != nil && list != nil && len(path) == 2 && r != nil && r.Run != nil {
			return ast.NewArray(), nil // it ran, and found nothing
		}
		return v, err
	}
	x, ok := indexes[path[0]]
	switch {
	case !ok:
		return nil, notFound
	case len(path) > len(x.keys):
		here, rest := path[:1+len(x.keys)], path[1+len(x.keys):]
		f.reach(path[0], here[1:])
		return found(f.once(strings.Join(here, "\x00"), func() ast.Value {
			if v := x.get(f, here[1:]); v != nil {
				return value(v)
			}
			return nil
		}), rest)
	case f.keyed:
		return nil, &storage.Error{Code: storage.InternalErr, Message: shownPath(append([]string{root, "mesh"}, path...)) +
			" is not read as a whole in admission: name the " + strings.Join(x.keys[len(path)-1:], " and the ")}
	}
	key := strings.Join(path, "\x00")
	if v, ok := f.wholes.Load(key); ok {
		return v, nil
	}
	v := f.whole(x, path[1:])
	f.wholes.Store(key, v)
	return v, nil
}

// once makes a value when it is first asked for.
func (f *facts) once(key string, get func() ast.Value) ast.Value {
	if v, ok := f.known.Load(key); ok {
		have, _ := v.(ast.Value)
		return have
	}
	v := get()
	f.known.Store(key, v)
	return v
}

// whole gives all values of an index under a prefix of its keys.
func (f *facts) whole(x index, prefix []string) ast.Value {
	out := map[string]any{}
	x.each(f, prefix, func(keys ...string) {
		for i, p := range prefix {
			if keys[i] != p {
				return
			}
		}
		v := x.get(f, keys)
		if v == nil {
			return
		}
		at := out
		rest := keys[len(prefix):]
		for _, k := range rest[:len(rest)-1] {
			if at[k] == nil {
				at[k] = map[string]any{}
			}
			at = at[k].(map[string]any)
		}
		at[rest[len(rest)-1]] = v
	})
	return value(out)
}

// reach notes that the tables may not tell what is asked of another object.
func (f *facts) reach(index string, keys []string) {
	if f.live == nil || index != "virtualservices" && index != "gateways" {
		return
	}
	id := mesh.IDOf(map[string]string{"virtualservices": "VirtualService", "gateways": "Gateway"}[index], keys[0], keys[1])
	if id != f.object.ID && (id.Kind != "Gateway" || !f.live.Holds(id)) {
		f.live.Beyond = true
	}
}

// this is what is said of the object under review, if it is a Gateway or a VirtualService.
func (f *facts) this() ast.Value {
	keys := []string{f.object.Namespace, f.object.Name}
	var v any
	switch mesh.KindName(f.object.ID) {
	case "VirtualService":
		v = f.virtualServiceAt(keys)
	case "Gateway":
		v = f.gatewayAt(keys)
	}
	if v == nil {
		return nil
	}
	return value(v)
}

// meshConfig is what the MeshConfig says of what a VirtualService leaves open, by its own names.
func (m *model) meshConfig() ast.Value {
	m.settingsOnce.Do(func() {
		s := m.tables.World.Settings
		v := map[string]any{"defaultVirtualServiceExportTo": anys(s.VirtualServiceExportTo)}
		if s.HTTPRetryPolicy != nil {
			v["defaultHttpRetryPolicy"] = s.HTTPRetryPolicy
		}
		m.settings = value(v)
	})
	return m.settings
}

// findings are what built-in rules find fault with in the object under review.
func (f *facts) findings() ast.Value {
	if f.found == nil {
		return nil
	}
	return value(Findings(f.found(f.object)))
}

// Findings is what data.gatelint.mesh.findings says of an object, by rule.
func Findings(list []rules.Finding) map[string]any {
	out := map[string]any{}
	for _, x := range list {
		same, _ := out[x.Rule].([]any)
		out[x.Rule] = append(same, map[string]any{
			"msg": x.Message, "path": x.Pos.Path, "severity": x.Severity.String(), "evidence": x.Evidence(),
		})
	}
	return out
}

// named gives an object by its kind, namespace and name; nil if there is none.
func (f *facts) named(kind, namespace, name string) *manifest.Object {
	if f.live == nil {
		return f.tables.World.Object(kind, namespace, name)
	}
	if id := mesh.IDOf(kind, namespace, name); id != f.object.ID {
		return f.live.Object(id)
	}
	return f.object
}

func (f *facts) objectAt(keys []string) any {
	if o := f.named(keys[0], keys[1], keys[2]); o != nil {
		return valueOf(o)
	}
	return nil
}

func (f *facts) eachObject(prefix []string, yield func(...string)) {
	kinds := map[string]bool{}
	for _, o := range f.tables.World.Objects {
		if k := mesh.KindName(o.ID); len(prefix) == 0 || k == prefix[0] {
			kinds[k] = true
		}
	}
	for kind := range kinds {
		for ns, byName := range f.tables.World.OfKind(kind) {
			for name := range byName {
				yield(kind, ns, name)
			}
		}
	}
}

func (f *facts) eachVirtualService(_ []string, yield func(...string)) {
	f.names()
	for n := range f.virtuals {
		yield(n.Namespace, n.Name)
	}
}

func (f *facts) eachGateway(_ []string, yield func(...string)) {
	f.names()
	for n := range f.gateways {
		yield(n.Namespace, n.Name)
	}
}

func (f *facts) namespaceAt(keys []string) any {
	o := f.named("Namespace", "", keys[0])
	switch {
	case o != nil:
		return map[string]any{"labels": anyMap(o.Labels), "annotations": anyMap(o.Annotations)}
	case f.request != nil && keys[0] == f.object.Namespace:
		return map[string]any{"labels": anyMap(f.request.NamespaceLabels)}
	}
	return nil
}

func (f *facts) eachNamespace(_ []string, yield func(...string)) {
	for name := range f.tables.World.OfKind("Namespace")[""] {
		yield(name)
	}
}

// old is the object as it was; nil if there was none.
func (r *Request) old() ast.Value {
	if r.OldObject == nil {
		return nil
	}
	return valueOf(r.OldObject)
}

// value is the request as policies read it, but for the object as it was.
func (r *Request) value() ast.Value {
	out := map[string]any{"operation": r.Operation, "namespaceLabels": anyMap(r.NamespaceLabels), "dryRun": r.DryRun}
	if !r.Unasked {
		out["user"], out["groups"] = r.User, anys(r.Groups)
	}
	return value(out)
}
