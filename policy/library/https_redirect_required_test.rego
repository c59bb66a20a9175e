package gatelint.https_redirect_required_test

import data.gatelint.https_redirect_required

defaults := {"hosts": [], "ports": [], "namespaces": [], "selectors": [{"istio": "egressgateway"}]}

gateway(selector, servers) := {
	"kind": "Gateway",
	"metadata": {"name": "public", "namespace": "edge"},
	"spec": {"selector": selector, "servers": servers},
}

plain := {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*/shop.example.com", "acme.example.com"]}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := https_redirect_required.deny with input as resource with data.gatelint.params.https_redirect_required as whole
}

with_defaults(params) := object.union(defaults, params)

public := {"istio": "ingressgateway"}

test_plain if {
	found(gateway(public, [plain]), {}) == {{
		"msg": "server port 80 answers plain HTTP and does not redirect to HTTPS: requests travel in clear text",
		"path": ["spec", "servers", 0],
	}}
	every protocol in ["grpc", "GRPC-WEB", "HTTP2", "HTTP_PROXY"] {
		count(found(gateway(public, [object.union(plain, {"port": {"protocol": protocol}})]), {})) == 1
	}
	some result in found(gateway(public, [{"port": {"protocol": "HTTP"}}]), {})
	startswith(result.msg, "server port 0 answers plain HTTP") # as Istio reads it
	explicit := object.union(plain, {"tls": {"httpsRedirect": false}})
	count(found(gateway(public, [explicit]), {})) == 1
}

test_others if {
	found(gateway(public, [object.union(plain, {"tls": {"httpsRedirect": true}})]), {}) == set()
	found(gateway(public, [object.union(plain, {"tls": {"httpsRedirect": "${REDIRECT}"}})]), {}) == set()
	found(gateway(public, [object.union(plain, {"port": {"protocol": "HTTPS"}})]), {}) == set()
	found(gateway(public, [object.union(plain, {"port": {"protocol": "TCP"}})]), {}) == set()
}

test_egress if {
	found(gateway({"istio": "egressgateway", "app": "egress"}, [plain]), {}) == set()
	count(found(gateway({"istio": "egressgateway"}, [plain]), {"selectors": []})) == 1
	count(found(gateway({"app": "egress"}, [plain]), {})) == 1
}

test_ports if {
	found(gateway(public, [plain]), {"ports": [80]}) == set()
	count(found(gateway(public, [plain]), {"ports": [8080]})) == 1
}

test_hosts if {
	found(gateway(public, [plain]), {"hosts": ["example.com"]}) == set()
	count(found(gateway(public, [plain]), {"hosts": ["acme.example.com"]})) == 1
	found(gateway(public, [object.union(plain, {"hosts": ["${HOST}"]})]), {}) == set()
}

test_namespaces if {
	found(gateway(public, [plain]), {"namespaces": ["e*"]}) == set()
	count(found(gateway(public, [plain]), {"namespaces": ["internal"]})) == 1
	unstated := {"kind": "Gateway", "spec": {"servers": [plain]}}
	found(unstated, {"namespaces": ["internal"]}) == set()
	count(found(unstated, {})) == 1
}

test_placeholders if {
	every selector in [{"istio": "${GATEWAY}"}, {"${KEY}": "egressgateway"}, "${SELECTOR}"] {
		found(gateway(selector, [plain]), {}) == set()
		count(found(gateway(selector, [plain]), {"selectors": []})) == 1
	}
	count(found(gateway({"istio": "ingressgateway", "zone": "${ZONE}"}, [plain]), {})) == 1
	count(found(gateway({"istio": "ingressgateway", "${KEY}": "egressgateway"}, [plain]), {})) == 1
	both := {"selectors": [{"istio": "egressgateway", "zone": "a"}]}
	found(gateway({"istio": "egressgateway", "zone": "${ZONE}"}, [plain]), both) == set()
	count(found(gateway({"istio": "egressgateway", "zone": "b"}, [plain]), both)) == 1
	later := object.union(plain, {"port": {"number": "${PORT}"}})
	found(gateway(public, [later]), {"ports": [8081]}) == set()
	count(found(gateway(public, [later]), {})) == 1
	found(gateway(public, [object.union(plain, {"tls": "${TLS}"})]), {}) == set()
	found(gateway(public, [object.union(plain, {"hosts": "${HOSTS}"})]), {"hosts": ["example.com"]}) == set()
}
