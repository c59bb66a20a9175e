package gatelint.host_ownership_test

import data.gatelint.host_ownership

defaults := {"owners": {}, "exceptions": [], "annotation": "gatelint.io/hosts", "cluster_domain": "cluster.local"}

owners := {"owners": {
	"example.com": {"namespaces": ["edge"]},
	"shop.example.com": {"namespaces": ["shop", "shop-*"]},
	"*.dev.example.com": {"namespaces": ["dev"]},
	"nobody.example.org": {"namespaces": []},
}}

route(namespace, hosts) := {
	"kind": "VirtualService",
	"metadata": {"name": "web", "namespace": namespace},
	"spec": {"hosts": hosts, "gateways": ["edge/public"]},
}

server(namespace, hosts) := {
	"kind": "Gateway",
	"metadata": {"name": "public", "namespace": namespace},
	"spec": {"servers": [{"hosts": hosts}]},
}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := host_ownership.deny with input as resource with data.gatelint.params.host_ownership as whole
}

with_defaults(params) := object.union(defaults, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

test_silent_without_parameters if {
	found(route("blog", ["shop.example.com", "*"]), {}) == set()
	found(server("blog", ["shop.example.com", "*"]), {}) == set()
}

test_other_namespace if {
	results := found(route("blog", ["blog.example.org", "shop.example.com"]), owners)
	results == {{
		"msg": `namespace "blog" claims host "shop.example.com", which belongs to namespace "shop", "shop-*": requests to it can end there`,
		"path": ["spec", "hosts", 1],
	}}
}

test_owner if {
	found(route("shop", ["shop.example.com", "api.Shop.example.com", "*.shop.example.com"]), owners) == set()
	found(route("shop-test", ["shop.example.com"]), owners) == set()
	found(route("edge", ["example.com", "www.example.com", "*.example.com"]), owners) == set()
}

test_nearest_domain_decides if {
	paths(route("edge", ["www.example.com", "shop.example.com"]), owners) == {["spec", "hosts", 1]}
}

test_only_below if {
	paths(route("dev", ["dev.example.com", "a.dev.example.com"]), owners) == {["spec", "hosts", 0]}
}

test_nobody if {
	some result in found(route("shop", ["nobody.example.org"]), owners)
	contains(result.msg, "belongs to no namespace")
}

test_wildcard_over_others if {
	some result in found(route("blog", ["*"]), owners)
	result.msg == `namespace "blog" claims host "*", which takes in "*.dev.example.com" of namespace "dev": requests that no nearer host takes end there`
	found(route("blog", ["*.example.net"]), owners) == set()
}

test_wildcard_over_own if {
	found(route("shop", ["*"]), {"owners": {"shop.example.com": {"namespaces": ["shop"]}}}) == set()
}

test_all_the_rest if {
	params := object.union(owners, {"owners": {"*": {"namespaces": ["edge"]}}})
	paths(route("blog", ["blog.example.org"]), params) == {["spec", "hosts", 0]}
	found(route("shop", ["shop.example.com"]), params) == set()
	found(server("edge", ["*"]), params) == set()
}

test_gateways if {
	paths(server("blog", ["shop.example.com", "*/shop.example.com", "*", "shop/shop.example.com"]), owners) == {
		["spec", "servers", 0, "hosts", 0],
		["spec", "servers", 0, "hosts", 1],
	}
}

test_offered_to_itself if {
	paths(server("blog", ["./shop.example.com"]), owners) == {["spec", "servers", 0, "hosts", 0]}
	found(server("shop", ["./shop.example.com"]), owners) == set()
}

test_names_of_services if {
	found(route("blog", ["shop", "shop.shop.svc.cluster.local", "shop.shop.svc"]), {"owners": {"*": {"namespaces": ["edge"]}}}) == set()
	paths(
		route("blog", ["shop.shop.svc", "pay.shop.svc"]),
		{"owners": {"*": {"namespaces": ["edge"]}, "pay.shop.svc": {"namespaces": ["shop"]}}},
	) == {["spec", "hosts", 1]}
}

# Sidecars' clients call by the short names of Services too.
test_shortened if {
	params := {"owners": {"*": {"namespaces": ["edge"]}, "pay.svc.cluster.local": {"namespaces": ["pay"]}}}
	on_mesh := {"spec": {"gateways": ["mesh"]}}
	claims := ["card.pay", "card.pay.svc", "shop.blog", "shop.blog.svc", "web.shop"]
	paths(object.union(route("blog", claims), on_mesh), params) == {["spec", "hosts", 0], ["spec", "hosts", 1], ["spec", "hosts", 4]}
	paths(object.union(route("pay", claims), on_mesh), params) == {["spec", "hosts", 2], ["spec", "hosts", 4]}
	paths(route("blog", claims), params) == {["spec", "hosts", 0], ["spec", "hosts", 2], ["spec", "hosts", 4]}
}

test_names_not_looked_at if {
	streams := object.union(route("blog", ["shop.example.com"]), {"spec": {"tcp": [{"route": []}]}})
	found(streams, owners) == set()
	count(found(object.union(streams, {"spec": {"tls": [{"route": []}]}}), owners)) == 1
	stream := {"port": {"protocol": "TCP"}, "hosts": ["shop.example.com"]}
	found(object.union(server("blog", []), {"spec": {"servers": [stream]}}), owners) == set()
	count(found(object.union(server("blog", []), {"spec": {"servers": [object.union(stream, {"tls": {}})]}}), owners)) == 1
	between := object.union(stream, {"port": {"protocol": "TLS"}, "tls": {"mode": "AUTO_PASSTHROUGH"}})
	found(object.union(server("blog", []), {"spec": {"servers": [between]}}), owners) == set()
}

test_private if {
	private := object.union(route("blog", ["shop.example.com"]), {"spec": {"gateways": ["mesh"], "exportTo": ["."]}})
	found(private, owners) == set()
	public := object.union(route("blog", ["shop.example.com"]), {"spec": {"gateways": ["mesh"]}})
	count(found(public, owners)) == 1
	served := object.union(route("blog", ["shop.example.com"]), {"spec": {"exportTo": ["."]}})
	count(found(served, owners)) == 1
}

test_unknown if {
	found(route("${NAMESPACE}", ["shop.example.com"]), owners) == set()
	found(route("", ["shop.example.com"]), owners) == set()
	found(route("blog", ["${HOST}.example.com", 5]), owners) == set()
}

# What has "svc" in its name is not thereby a Service.
test_svc_elsewhere if {
	params := {"owners": {"*": {"namespaces": ["edge"]}}}
	every host in ["login.svc.acme.com", "pay.acme.svc.eu.example.org", "*.svc.acme.com", "svc.example.com"] {
		count(found(route("blog", [host]), params)) == 1
	}
	claim := route("blog", ["shop.blog.svc.cluster.example", "*.svc.cluster.example"])
	found(claim, object.union(params, {"cluster_domain": "Cluster.example."})) == set()
	count(found(claim, params)) == 2
}

test_name_to_come if {
	params := {
		"owners": {"shop.example.com": {"namespaces": ["shop"]}},
		"exceptions": [{"namespaces": ["blog"], "names": ["public-*"]}],
	}
	claim := route("blog", ["shop.example.com"])
	found(object.union(claim, {"metadata": {"name": "${NAME}"}}), params) == set()
	count(found(object.union(claim, {"metadata": {"name": "other"}}), params)) == 1
}

test_annotation if {
	namespaces := {"blog": {"annotations": {"gatelint.io/hosts": "blog.example.org, *.pages.example.org\nshop.example.com"}}}
	claims := route("blog", ["blog.example.org", "a.pages.example.org", "shop.example.com", "other.example.org"])
	results := found(claims, owners) with data.gatelint.mesh.namespaces as namespaces
	results == {{
		"msg": `namespace "blog" claims host "other.example.org", which its annotation "gatelint.io/hosts" does not list: requests to it are somebody else's`,
		"path": ["spec", "hosts", 3],
	}}
}

test_annotation_and_owners if {
	namespaces := {"shop": {"annotations": {"gatelint.io/hosts": "shop.example.org"}}}
	found(route("shop", ["shop.example.com"]), owners) == set() with data.gatelint.mesh.namespaces as namespaces
}

test_exceptions if {
	exception := {"exceptions": [{"hosts": ["shop.example.com"], "kinds": ["VirtualService"], "namespaces": ["blog"], "names": ["w*"]}]}
	params := object.union(owners, exception)
	found(route("blog", ["shop.example.com"]), params) == set()
	count(found(route("other", ["shop.example.com"]), params)) == 1
	count(found(server("blog", ["shop.example.com"]), params)) == 1
	count(found(route("blog", ["nobody.example.org"]), params)) == 1
	count(found(object.union(route("blog", ["shop.example.com"]), {"metadata": {"name": "api"}}), params)) == 1
	found(server("edge", ["shop.example.com"]), object.union(owners, {"exceptions": [{"kinds": ["Gateway"]}]})) == set()
}

test_exceptions_by_names_to_come if {
	made := {"kind": "VirtualService", "metadata": {"generateName": "web-", "namespace": "blog"}, "spec": {"hosts": ["shop.example.com"]}}
	found(made, object.union(owners, {"exceptions": [{"names": ["web-*"]}]})) == set()
	count(found(made, object.union(owners, {"exceptions": [{"names": ["web-1"]}]}))) == 1
	numbered := object.union(made, {"metadata": {"name": 5}})
	found(numbered, object.union(owners, {"exceptions": [{"namespaces": ["blog"]}]})) == set()
}

restricted := {"owners": {"pay.example.com": {"namespaces": ["pay"], "users": ["ci-*"], "groups": ["pay-team"]}}}

test_users_in_the_linter if {
	found(route("pay", ["pay.example.com"]), restricted) == set()
}

test_users if {
	claim := route("pay", ["pay.example.com"])
	found(claim, restricted) == set() with data.gatelint.request as {"user": "ci-1", "groups": []}
	found(claim, restricted) == set() with data.gatelint.request as {"user": "ann", "groups": ["dev", "pay-team"]}
	results := found(claim, restricted) with data.gatelint.request as {"user": "eve", "groups": ["dev"]}
	some result in results
	startswith(result.msg, `user "eve" claims host "pay.example.com" of namespace "pay"`)
}

test_exception_for_users if {
	params := object.union(restricted, {"exceptions": [{"groups": ["admins"]}]})
	found(route("blog", ["pay.example.com"]), params) == set()
	found(route("blog", ["pay.example.com"]), params) == set() with data.gatelint.request as {"user": "root", "groups": ["admins"]}
	results := found(route("blog", ["pay.example.com"]), params) with data.gatelint.request as {"user": "eve", "groups": []}
	count(results) == 1
}

test_letter_case if {
	params := {"owners": {"Upper.Test": {"namespaces": ["up"]}}}
	count(found(route("blog", ["upper.test", "a.Upper.test"]), params)) == 2
	found(route("up", ["upper.test"]), params) == set()
}

# Who lets everybody have a wildcard does not give away the domains of others in it.
test_wildcard_of_everybody if {
	params := {"owners": {"example.com": {"namespaces": ["*"]}, "pay.example.com": {"namespaces": ["pay"]}}}
	some result in found(route("shop", ["*.example.com"]), params)
	contains(result.msg, `claims host "*.example.com", which takes in "pay.example.com" of namespace "pay"`)
	found(route("shop", ["www.example.com", "*.www.example.com"]), params) == set()
	found(route("pay", ["*.example.com"]), params) == set()
	rest := {"owners": {"*": {"namespaces": ["*"]}, "pay.example.com": {"namespaces": ["pay"]}}}
	count(found(route("shop", ["*", "*.com", "*.example.org"]), rest)) == 2
}

test_empty_annotation if {
	claim := route("blog", ["blog.example.org"])
	every text in ["", " "] {
		count(found(claim, {})) == 1 with data.gatelint.mesh.namespaces as {"blog": {"annotations": {"gatelint.io/hosts": text}}}
	}
	found(claim, {}) == set() with data.gatelint.mesh.namespaces as {"blog": {"annotations": {"other": ""}}}
	later := {"blog": {"annotations": {"gatelint.io/hosts": "${HOSTS}"}}}
	found(claim, {}) == set() with data.gatelint.mesh.namespaces as later
	found(claim, {"owners": {"example.org": {"namespaces": ["shop"]}}}) == set() with data.gatelint.mesh.namespaces as later
}

alices := {"owners": {"shop.example.com": {"namespaces": ["shop"], "users": ["alice"]}}}

test_wildcard_over_what_refuses_the_user if {
	every host in ["*", "*.example.com", "*.shop.example.com"] {
		claim := route("shop", [host])
		found(claim, alices) == set()
		found(claim, alices) == set() with data.gatelint.request as {"user": "alice", "groups": []}
		count(found(claim, alices)) == 1 with data.gatelint.request as {"user": "eve", "groups": []}
	}
	found(route("shop", ["*.example.net"]), alices) == set() with data.gatelint.request as {"user": "eve", "groups": []}
	results := found(route("shop", ["*.example.com"]), alices) with data.gatelint.request as {"user": "eve", "groups": []}
	some result in results
	result.msg == `user "eve" claims host "*.example.com", which takes in "shop.example.com" of namespace "shop", where only some others may: requests that no nearer host takes would go where they say`
}

test_wildcard_of_a_class if {
	params := {"owners": {
		"example.com": {"namespaces": ["team-*", "edge"]},
		"shop.example.com": {"namespaces": ["team-shop"]},
		"nobody.example.com": {"namespaces": []},
		"edge.example.com": {"namespaces": ["edge"]},
	}}
	results := found(route("team-blog", ["*.example.com"]), params)
	some result in results
	contains(result.msg, `takes in "shop.example.com" of namespace "team-shop"`)
	others := {"owners": object.remove(params.owners, ["shop.example.com"])}
	found(route("team-blog", ["*.example.com"]), others) == set()
}

test_wildcard_of_somebody_over_what_refuses_the_user if {
	params := {"owners": object.union(alices.owners, {"example.com": {"namespaces": ["shop"]}})}
	found(route("shop", ["*.example.com"]), params) == set() with data.gatelint.request as {"user": "eve", "groups": []}
}

test_wildcard_over_services_of_what_refuses_the_user if {
	params := {"owners": {"web.shop.svc.cluster.local": {"namespaces": ["shop"], "groups": ["dev"]}}}
	claim := route("shop", ["*.shop.svc.cluster.local"])
	count(found(claim, params)) == 1 with data.gatelint.request as {"user": "eve", "groups": []}
}

test_wildcard_that_is_not_listed if {
	namespaces := {"shop": {"annotations": {"gatelint.io/hosts": "shop.example.org"}}}
	results := found(route("shop", ["*.example.com"]), alices) with data.gatelint.request as {"user": "eve", "groups": []}
		with data.gatelint.mesh.namespaces as namespaces
	count(results) == 1
}

# A Gateway that offers a host to its own namespace claims it, whoever owns it.
test_offered_to_itself_by_others if {
	gateway := server("shop", ["./shop.example.com", "shop/shop.example.com", "shop.example.com"])
	found(gateway, alices) == set()
	found(gateway, alices) == set() with data.gatelint.request as {"user": "alice", "groups": []}
	count(found(gateway, alices)) == 3 with data.gatelint.request as {"user": "eve", "groups": []}
	found(server("edge", ["shop/shop.example.com"]), alices) == set() with data.gatelint.request as {"user": "eve", "groups": []}
}

test_placeholders if {
	claim := route("blog", ["shop.example.com"])
	every spec in [
		{"gateways": [], "exportTo": ["${E}"]},
		{"gateways": ["${G}"], "exportTo": ["."]},
		{"gateways": ["${G}"], "exportTo": "${E}"},
	] {
		found(object.union(claim, {"spec": spec}), owners) == set()
	}
	every spec in [{"gateways": ["${G}"]}, {"gateways": ["${G}", "edge/public"], "exportTo": ["."]}] {
		count(found(object.union(claim, {"spec": spec}), owners)) == 1
	}
	found(server("blog", ["${NS}/shop.example.com"]), owners) == set()
}
