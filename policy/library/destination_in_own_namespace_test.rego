package gatelint.destination_in_own_namespace_test

import data.gatelint.destination_in_own_namespace

route(namespace, spec) := {"kind": "VirtualService", "metadata": {"name": "web", "namespace": namespace}, "spec": spec}

to(hosts) := {"http": [{"route": [{"destination": {"host": host}} | some host in hosts]}]}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := destination_in_own_namespace.deny with input as resource with data.gatelint.params.destination_in_own_namespace as whole
}

with_defaults(params) := object.union({"namespaces": [], "external": true, "cluster_domain": "cluster.local"}, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

test_other_namespace if {
	found(route("shop", to(["web", "web.shop.svc.cluster.local", "web.other.svc.cluster.local"])), {}) == {{
		"msg": `host "web.other.svc.cluster.local" is a Service of namespace "other": requests leave namespace "shop" for it`,
		"path": ["spec", "http", 0, "route", 2, "destination", "host"],
	}}
}

test_fields_that_istio_lacks if {
	parked := {"x-spare": [{"route": [{"destination": {"host": "web.other.svc.cluster.local"}}]}]}
	found(route("shop", parked), {}) == set()
}

test_everywhere if {
	destination := {"destination": {"host": "web.other.svc.example.internal"}}
	spec := {
		"http": [{"mirror": destination.destination, "mirrors": [destination]}],
		"tls": [{"route": [destination]}],
		"tcp": [{"route": [destination]}],
	}
	paths(route("shop", spec), {"cluster_domain": "example.internal"}) == {
		["spec", "http", 0, "mirror", "host"],
		["spec", "http", 0, "mirrors", 0, "destination", "host"],
		["spec", "tls", 0, "route", 0, "destination", "host"],
		["spec", "tcp", 0, "route", 0, "destination", "host"],
	}
}

test_unknown if {
	found(route("", to(["web", "web.other.svc.cluster.local"])), {}) == set()
	found(route("${NAMESPACE}", to(["web.other.svc.cluster.local"])), {"external": false}) == set()
	found(route("shop", to(["web.${OTHER}.svc.cluster.local", 5])), {"external": false}) == set()
}

test_shared if {
	found(route("shop", to(["web.other.svc.cluster.local"])), {"namespaces": ["oth*"]}) == set()
	count(found(route("shop", to(["web.third.svc.cluster.local"])), {"namespaces": ["oth*"]})) == 1
}

test_external if {
	services := {
		"api.example.com": {"services": [{"kind": "ServiceEntry", "namespace": "shop", "name": "api"}]},
		"pay.example.com": {"services": [{"kind": "ServiceEntry", "namespace": "pay", "name": "api"}]},
		"open.example.com": {"services": [{"kind": "ServiceEntry", "namespace": "", "name": "api"}]},
		"unbound.example.com": {"services": []},
	}
	leaving := route("shop", to(["API.example.com", "pay.example.com", "open.example.com", "unbound.example.com", "none.example.com"]))
	found(leaving, {}) == set()
	results := found(leaving, {"external": false}) with data.gatelint.mesh.by_host as services
	results == {{
		"msg": `host "pay.example.com" is in no ServiceEntry of namespace "shop": requests leave the cluster for it`,
		"path": ["spec", "http", 0, "route", 1, "destination", "host"],
	}}
}

test_external_that_is_nowhere if {
	leaving := route("shop", to(["NONE.example.com", "some.example.com"]))
	resolved := [{"host": "none.example.com", "exists": false}, {"host": "some.example.com", "exists": null}]
	results := found(leaving, {"external": false}) with data.gatelint.mesh.this as {"destinations": resolved}
	{result.path | some result in results} == {["spec", "http", 0, "route", 0, "destination", "host"]}
}

test_external_like_a_service if {
	host := "api.eu.svc.example.com"
	leaving := route("shop", to([host]))
	found(leaving, {}) == set()
	found(leaving, {"external": false}) == set() with data.gatelint.mesh.by_host as {host: {"services": [{"kind": "ServiceEntry", "namespace": "shop", "name": "api"}]}}
}
