package gatelint.gateway_namespace_test

import data.gatelint.gateway_namespace

gateway(namespace) := {"kind": "Gateway", "metadata": {"name": "public", "namespace": namespace}}

route(namespace, gateways) := {
	"kind": "VirtualService",
	"metadata": {"name": "web", "namespace": namespace},
	"spec": {"gateways": gateways},
}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := gateway_namespace.deny with input as resource with data.gatelint.params.gateway_namespace as whole
}

with_defaults(params) := object.union({"namespaces": [], "bindings": []}, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

bindings := {"bindings": [
	{"namespaces": ["*"], "gateways": ["edge/public", "./*"]},
	{"namespaces": ["ops-*"], "gateways": ["edge/*"]},
]}

test_silent_without_parameters if {
	found(gateway("shop"), {}) == set()
	found(route("shop", ["edge/admin"]), {}) == set()
	found(route("shop", ["edge/admin"]), {"namespaces": ["edge"]}) == set()
}

test_gateways if {
	found(gateway("shop"), {"namespaces": ["edge", "istio-*"]}) == {{
		"msg": `Gateway shop/public is in a namespace that may have none, only "edge", "istio-*" may: its servers open ports on workloads of others`,
		"path": ["metadata", "namespace"],
	}}
	found(gateway("istio-system"), {"namespaces": ["edge", "istio-*"]}) == set()
	found(gateway(""), {"namespaces": ["edge"]}) == set()
	found(gateway("${NAMESPACE}"), {"namespaces": ["edge"]}) == set()
}

test_names_to_come if {
	some result in found({"kind": "Gateway", "metadata": {"generateName": "public-", "namespace": "shop"}}, {"namespaces": ["edge"]})
	startswith(result.msg, "Gateway shop/public-… is in a namespace")
	some other in found(object.union(route("shop", ["edge/admin"]), {"metadata": {"name": 5}}), bindings)
	startswith(other.msg, "VirtualService shop/… binds to Gateway edge/admin")
}

test_bindings if {
	named := ["edge/public", "own", "./own", "shop/own", "mesh", "edge/admin", "public.other.svc.cluster.local", "${GATEWAY}"]
	paths(route("shop", named), bindings) == {["spec", "gateways", 5], ["spec", "gateways", 6]}
	some result in found(route("shop", ["edge/admin"]), bindings)
	result.msg == "VirtualService shop/web binds to Gateway edge/admin, which its namespace may not use: its routes get out there"
}

# What the namespace is called is no pattern.
test_bindings_of_any_name if {
	home := {"bindings": [{"namespaces": ["*"], "gateways": ["./own-*"]}]}
	found(route("{x", ["./own-1"]), home) == set()
	paths(route("*", ["edge/own-1", "*/own-1", "./other"]), home) == {["spec", "gateways", 0], ["spec", "gateways", 2]}
}

test_bindings_of_some if {
	found(route("ops-1", ["edge/admin"]), bindings) == set()
	count(found(route("shop", ["edge/public"]), {"bindings": [{"namespaces": ["ops"], "gateways": ["*/*"]}]})) == 1
}

test_namespace_left_open if found(route("", ["edge/admin", "own"]), bindings) == set()
