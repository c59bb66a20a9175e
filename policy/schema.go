package policy

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
)

// What OPA's compiler holds references against: a field that does not exist is undefined in Rego, and a rule that reads it is
// silently never true.

func schemaRef(name string) ast.Ref {
	return ast.SchemaRootRef.Append(ast.StringTerm(root)).Append(ast.StringTerm(name))
}

// schemas gives the schemas that policies of some kinds need, and those that METADATA can name: schema.gatelint.virtualservice.
func schemas(list []*policy) *ast.SchemaSet {
	set := ast.NewSchemaSet()
	for _, kind := range manifest.Kinds() {
		set.Put(schemaRef(strings.ToLower(kind)), any(manifest.JSONSchema(kind)))
	}
	set.Put(schemaRef("mesh"), any(meshSchema()))
	set.Put(schemaRef("request"), any(requestSchema()))
	params := map[string]any{}
	for _, p := range list {
		params[p.Element] = p.paramsSchema()
	}
	set.Put(schemaRef("params"), any(object(params)))
	return set
}

// annotate tells the compiler which schemas a policy is held against, as if its METADATA named them.
func annotate(set *ast.SchemaSet, p *policy, x *pkg) {
	add := func(scope string, node ast.Node, m *ast.Module, have *ast.Annotations, schemas ...*ast.SchemaAnnotation) {
		if have == nil {
			have = (&ast.Annotations{Scope: scope, Location: x.loc()}).Copy(node)
			m.Annotations = append(m.Annotations, have)
		}
		have.Schemas = append(schemas, have.Schemas...) // what the author says comes last and wins
	}
	all := []*ast.SchemaAnnotation{
		{Path: ast.MustParseRef("data.gatelint.mesh"), Schema: schemaRef("mesh")},
		{Path: ast.MustParseRef("data.gatelint.request"), Schema: schemaRef("request")},
		{Path: ast.MustParseRef("data.gatelint.params"), Schema: schemaRef("params")},
	}
	if s := p.input(set, p.Kinds); s != nil {
		all = append(all, s)
	}
	var have *ast.Annotations
	for _, m := range x.modules {
		if i := slices.IndexFunc(m.Annotations, func(a *ast.Annotations) bool { return a.Scope == "package" }); i >= 0 {
			have = m.Annotations[i]
		}
	}
	add("package", x.modules[0].Package, x.modules[0], have, all...)
	for _, m := range x.modules {
		for _, r := range m.Rules {
			i := slices.IndexFunc(p.Rules, func(v Verdict) bool { return v.Name == headName(r) })
			if i < 0 || slices.Equal(p.Rules[i].Kinds, p.Kinds) {
				continue
			}
			if s := p.input(set, p.Rules[i].Kinds); s != nil {
				add("rule", r, m, nil, s)
			}
		}
	}
}

// parameters is the schema of what METADATA declare; anything where they declare none.
func (p *policy) paramsSchema() map[string]any {
	names := p.parameters()
	if len(names) == 0 {
		return map[string]any{}
	}
	return object(fields(names...))
}

// input is the schema of objects of some kinds; nil if nothing is known of it.
func (p *policy) input(set *ast.SchemaSet, kinds []string) *ast.SchemaAnnotation {
	var list []any
	for _, kind := range kinds {
		s := manifest.JSONSchema(kind)
		if s == nil {
			list = nil
			break
		}
		list = append(list, s)
	}
	name := strings.ToLower(strings.Join(kinds, "+"))
	whole := any(map[string]any{"anyOf": list})
	switch {
	case len(list) == 1:
		whole = list[0]
	case len(list) == 0 && !p.Gatekeeper:
		return nil
	case len(list) == 0:
		whole = map[string]any{}
	}
	if p.Gatekeeper {
		name += "+review+" + p.Element
		review := map[string]any{"object": whole, "oldObject": whole}
		for _, key := range []string{"kind", "name", "namespace", "operation", "dryRun", "userInfo", "namespaceObject"} {
			review[key] = map[string]any{}
		}
		whole = object(map[string]any{"review": object(review), "parameters": p.paramsSchema()})
	}
	ref := schemaRef(name)
	if set.Get(ref) == nil {
		set.Put(ref, whole)
	}
	return &ast.SchemaAnnotation{Path: ast.InputRootRef, Schema: ref}
}

func object(properties map[string]any) map[string]any {
	if len(properties) == 0 {
		return map[string]any{"type": "object"}
	}
	return map[string]any{"type": "object", "properties": properties}
}

// Fields gives an object with these fields, of any type.
func fields(names ...string) map[string]any {
	out := map[string]any{}
	for _, n := range names {
		out[n] = map[string]any{}
	}
	return out
}

func listOf(items map[string]any) map[string]any {
	return map[string]any{"type": "array", "items": items}
}

func meshSchema() map[string]any {
	names := map[string]any{}
	for name := range indexes {
		names[name] = map[string]any{"type": "object"}
	}
	names["this"] = virtualServiceSchema() // that of a Gateway has servers too, and nothing else
	names["meshconfig"] = object(map[string]any{
		"defaultVirtualServiceExportTo": listOf(map[string]any{"type": "string"}), "defaultHttpRetryPolicy": map[string]any{"type": "object"},
	})
	of := map[string]any{}
	for _, r := range rules.All() {
		if r.Run != nil {
			of[r.Name] = listOf(object(fields("msg", "path", "severity", "evidence")))
		}
	}
	names["findings"] = object(of)
	return object(names)
}

func serverSchema(more ...string) map[string]any {
	server := fields(append(more, "namespace", "name", "server", "workload", "port", "protocol", "tls")...)
	server["hosts"] = listOf(map[string]any{"type": "string"})
	server["dropped"] = object(map[string]any{"reason": map[string]any{"type": "string"}, "certain": map[string]any{"type": "boolean"}, "by": object(fields("namespace", "name", "server"))})
	return object(server)
}

func virtualServiceSchema() map[string]any {
	destination := fields("path", "host", "port", "subset", "mirror", "weight", "exists")
	destination["destinationrule"], destination["in"] = object(fields("namespace", "name")), object(fields("namespace", "name"))
	return object(map[string]any{
		"hosts": listOf(map[string]any{"type": "string"}), "mesh": map[string]any{"type": "boolean"},
		"gateways": listOf(object(fields("namespace", "name", "found"))), "servers": listOf(serverSchema("host")), "destinations": listOf(object(destination)),
	})
}

func gatewaySchema() map[string]any {
	return object(map[string]any{"servers": listOf(serverSchema())})
}

func claimsSchema() map[string]any {
	return object(map[string]any{
		"gateways":        listOf(object(fields("namespace", "name", "server", "port", "protocol"))),
		"virtualservices": listOf(object(fields("namespace", "name"))), "destinationrules": listOf(object(fields("namespace", "name"))),
		"services": listOf(object(fields("kind", "namespace", "name"))),
	})
}

func requestSchema() map[string]any {
	return object(map[string]any{
		"operation": map[string]any{"type": "string"}, "user": map[string]any{"type": "string"}, "groups": listOf(map[string]any{"type": "string"}),
		"namespaceLabels": map[string]any{"type": "object"}, "dryRun": map[string]any{"type": "boolean"}, "oldObject": map[string]any{},
	})
}
