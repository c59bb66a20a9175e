package gatelint.no_wildcard_host_test

import data.gatelint.no_wildcard_host

route(spec) := {"kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

gateway(servers) := {"kind": "Gateway", "metadata": {"name": "public", "namespace": "shop"}, "spec": {"servers": servers}}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := no_wildcard_host.deny with input as resource with data.gatelint.params.no_wildcard_host as whole
}

with_defaults(params) := object.union({"namespaces": [], "hosts": []}, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

test_virtualservice if {
	spec := {"gateways": ["edge/public"], "hosts": ["shop.example.com", "*.example.com", "*"]}
	found(route(spec), {}) == {
		{
			"msg": `host "*.example.com" takes requests for every name below "example.com" that nothing nearer claims, whoever's it is`,
			"path": ["spec", "hosts", 1],
		},
		{
			"msg": `host "*" takes requests for every name that nothing nearer claims, whoever's it is`,
			"path": ["spec", "hosts", 2],
		},
	}
}

# A wildcard need not stand before a dot.
test_ends_alike if {
	some result in found(gateway([{"hosts": ["*-x.example.com"]}]), {})
	result.msg == `host "*-x.example.com" takes requests for every name that ends with "-x.example.com" and that nothing nearer claims, whoever's it is`
}

test_mesh_only if {
	found(route({"hosts": ["*.local"]}), {}) == set()
	found(route({"hosts": ["*.local"], "gateways": ["mesh"]}), {}) == set()
}

test_gateway if {
	paths(gateway([{"hosts": ["*/shop.example.com", "*/*.example.com"]}, {"hosts": ["*"]}]), {}) == {
		["spec", "servers", 0, "hosts", 1],
		["spec", "servers", 1, "hosts", 0],
	}
}

test_between_clusters if {
	between := {"port": {"protocol": "TLS"}, "tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": ["*.local"]}
	found(gateway([between]), {}) == set()
	count(found(gateway([object.union(between, {"port": {"protocol": "HTTP"}})]), {})) == 1
}

test_names_not_looked_at if {
	stream := {"port": {"protocol": "TCP"}, "hosts": ["*"]}
	found(gateway([stream]), {}) == set()
	count(found(gateway([object.union(stream, {"tls": {"mode": "SIMPLE"}})]), {})) == 1
	found(route({"hosts": ["*"], "gateways": ["public"], "tcp": [{"route": []}]}), {}) == set()
}

test_allowed if {
	servers := [{"hosts": ["*.preview.example.com", "*.a.preview.example.com", "*.example.com"]}]
	paths(gateway(servers), {"hosts": ["*.preview.example.com"]}) == {["spec", "servers", 0, "hosts", 2]}
	found(gateway(servers), {"namespaces": ["edge", "sh*"]}) == set()
	count(found(gateway(servers), {"namespaces": ["edge"]})) == 3
}

test_namespace_left_open if {
	unstated := {"kind": "Gateway", "metadata": {"name": "public"}, "spec": {"servers": [{"hosts": ["*"]}]}}
	found(unstated, {"namespaces": ["edge"]}) == set()
	count(found(unstated, {})) == 1
}

test_placeholder if found(gateway([{"hosts": ["*.${DOMAIN}"]}]), {}) == set()

test_redirect if {
	server := {"port": {"number": 80, "name": "http", "protocol": "http"}, "hosts": ["*"], "tls": {"httpsRedirect": true}}
	found(gateway([server]), {}) == set()
	found(gateway([object.union(server, {"port": {"protocol": "GRPC"}})]), {}) == set()
	count(found(gateway([object.union(server, {"tls": {"httpsRedirect": false}})]), {})) == 1
	count(found(gateway([object.union(server, {"port": {"protocol": "HTTPS"}})]), {})) == 1
}

test_placeholders_of_servers if {
	server := {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]}
	every more in [
		{"tls": {"httpsRedirect": "${R}"}},
		{"tls": "${TLS}"},
		{"port": {"protocol": "TLS"}, "tls": {"mode": "${MODE}"}},
		{"port": {"protocol": "${PROTOCOL}"}, "tls": {"httpsRedirect": true}},
		{"port": "${PORT}", "tls": {"httpsRedirect": true}},
	] {
		found(gateway([object.union(server, more)]), {}) == set()
	}
	every more in [{"port": {"protocol": "${PROTOCOL}"}}, {"port": {"protocol": "HTTPS"}, "tls": {"httpsRedirect": "${R}"}}] {
		count(found(gateway([object.union(server, more)]), {})) == 1
	}
}
