package gatelint.no_mesh_wide_virtualservice_test

import data.gatelint.no_mesh_wide_virtualservice

route(spec) := {"kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := no_mesh_wide_virtualservice.deny with input as resource with data.gatelint.params.no_mesh_wide_virtualservice as whole
}

with_defaults(params) := object.union({"exports": "any", "namespaces": [], "cluster_domain": "cluster.local"}, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

test_captures if {
	wide := ["*", "*.local", "*.cluster.local", "*.svc.cluster.local", "*.other.svc.cluster.local"]
	count(found(route({"hosts": wide}), {})) == 5
	some result in found(route({"hosts": ["*.local"]}), {})
	result == {
		"msg": `host "*.local" takes the requests of every sidecar to Services of other namespaces: those it does not match get 404`,
		"path": ["spec", "hosts", 0],
	}
}

test_narrow if {
	narrow := ["web", "web.shop.svc.cluster.local", "*.shop.svc.cluster.local", "*-web.shop.svc.cluster.local", "*.example.com", "*.eu.svc.example.com", "*eu.svc.example.com", "*.${DOMAIN}"]
	found(route({"hosts": narrow}), {}) == set()
}

# Envoy takes the exact name of a Service first, and its full name does not end so.
test_short_names if {
	found(route({"hosts": ["*.svc", "*.other.svc", "*-web.other.svc", "*other.svc"]}), {}) == set()
}

test_placeholders if {
	found(route({"hosts": ["*.local"], "exportTo": ["${EXPORT}"]}), {"exports": "stated"}) == set()
	found(route({"hosts": ["*.local"], "exportTo": "${EXPORT}"}), {"exports": "stated"}) == set()
	open := {"kind": "VirtualService", "metadata": {"name": "web"}, "spec": {"hosts": ["*.local"], "exportTo": ["shop"]}}
	found(open, {}) == set()
	count(found(object.union(open, {"metadata": {"namespace": "pay"}}), {})) == 1
}

test_cluster_domain if {
	count(found(route({"hosts": ["*.internal"]}), {"cluster_domain": "example.internal"})) == 1
	found(route({"hosts": ["*.internal"]}), {}) == set()
	count(found(route({"hosts": ["*.LOCAL"]}), {"cluster_domain": "Cluster.Local."})) == 1
}

test_not_for_others if {
	found(route({"hosts": ["*"], "exportTo": ["."]}), {}) == set()
	found(route({"hosts": ["*"], "exportTo": ["shop"]}), {}) == set()
	count(found(route({"hosts": ["*"], "exportTo": [".", "other"]}), {})) == 1
}

test_not_on_the_mesh if {
	found(route({"hosts": ["*"], "gateways": ["edge/public"]}), {"exports": "stated"}) == set()
	count(found(route({"hosts": ["*"], "gateways": ["edge/public", "mesh"]}), {})) == 1
	found(route({"http": []}), {"exports": "stated"}) == set()
}

test_exports if {
	paths(route({"hosts": ["web"]}), {"exports": "stated"}) == {["spec"]}
	paths(route({"hosts": ["web"], "exportTo": [".", "*"]}), {"exports": "stated"}) == {["spec", "exportTo", 1]}
	found(route({"hosts": ["web"], "exportTo": [".", "edge"]}), {"exports": "stated"}) == set()
	found(route({"hosts": ["web"]}), {}) == set()
	found(route({"hosts": ["web"]}), {"exports": "stated"}) == set() with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["."]
	found(route({"hosts": ["web"]}), {"exports": "stated"}) == set() with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["edge"]
	paths(route({"hosts": ["web"]}), {"exports": "stated"}) == {["spec"]} with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["*"]
}

test_namespaces if {
	found(route({"hosts": ["*"]}), {"namespaces": ["sh*"]}) == set()
	count(found(route({"hosts": ["*"]}), {"namespaces": ["mesh"]})) == 1
	unstated := {"kind": "VirtualService", "metadata": {"name": "web"}, "spec": {"hosts": ["*"]}}
	found(unstated, {"namespaces": ["mesh"]}) == set()
	count(found(unstated, {})) == 1
}

# A wildcard need not stand before a dot.
test_ends_alike if {
	wide := ["*-web.other.svc.cluster.local", "*other.svc.cluster.local", "*shop.svc.cluster.local", "*-WEB.other.svc.cluster.local"]
	count(found(route({"hosts": wide}), {})) == 4
}
