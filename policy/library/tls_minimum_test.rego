package gatelint.tls_minimum_test

import data.gatelint.tls_minimum

defaults := {"version": "TLSV1_2", "modes": [], "ciphers": [], "plaintext": true, "mesh_defaults": {}}

gateway(protocol, tls) := {"kind": "Gateway", "spec": {"servers": [{"port": {"number": 443, "protocol": protocol}, "tls": tls}]}}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := tls_minimum.deny with input as resource with data.gatelint.params.tls_minimum as whole
}

with_defaults(params) := object.union(defaults, params)

paths(resource, params) := {array.slice(result.path, 3, 10) | some result in found(resource, params)}

messages(resource, params) := {result.msg | some result in found(resource, params)}

test_version if {
	low := gateway("HTTPS", {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_0", "maxProtocolVersion": "TLSV1_1"})
	paths(low, {}) == {["tls", "minProtocolVersion"], ["tls", "maxProtocolVersion"]}
	`minProtocolVersion "TLSV1_0" is below the floor "TLSV1_2": connections can be talked down to it` in messages(low, {})
}

test_version_high_enough if {
	found(gateway("HTTPS", {"mode": "SIMPLE"}), {}) == set()
	found(gateway("HTTPS", {"mode": "MUTUAL", "minProtocolVersion": "TLSV1_2"}), {}) == set()
	found(gateway("HTTPS", {"mode": "MUTUAL", "minProtocolVersion": "TLSV1_3"}), {"version": "TLSV1_3"}) == set()
	found(gateway("HTTPS", {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_0"}), {"version": "TLSV1_0"}) == set()
}

test_version_unset if {
	paths(gateway("HTTPS", {"mode": "SIMPLE"}), {"version": "TLSV1_3"}) == {["tls"]}
	paths(gateway("HTTPS", {"mode": "SIMPLE", "minProtocolVersion": "TLS_AUTO"}), {"version": "TLSV1_3"}) == {["tls"]}
	found(gateway("HTTPS", {"mode": "SIMPLE"}), {"version": "TLSV1_3", "mesh_defaults": {"minProtocolVersion": "TLSV1_3"}}) == set()
}

test_version_has_no_effect if {
	low := {"minProtocolVersion": "TLSV1_0", "cipherSuites": ["DES"]}
	every mode in ["PASSTHROUGH", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL"] {
		found(gateway("TLS", object.union(low, {"mode": mode})), {"ciphers": ["X"]}) == set()
	}
	found(gateway("TLS", low), {}) == set()
	found(gateway("HTTP", object.union(low, {"mode": "SIMPLE", "httpsRedirect": true})), {}) == set()
	found(gateway("HTTPS", {"mode": "SIMPLE", "minProtocolVersion": "${TLS}"}), {"version": "TLSV1_3"}) == set()
}

test_ciphers if {
	server := gateway("HTTPS", {"mode": "SIMPLE", "cipherSuites": ["GOOD", "BAD", "${SUITE}"]})
	paths(server, {"ciphers": ["GOOD"]}) == {["tls", "cipherSuites", 1]}
	found(server, {}) == set()
}

test_ciphers_of_tls13 if {
	server := gateway("HTTPS", {"mode": "SIMPLE", "cipherSuites": ["BAD"], "minProtocolVersion": "TLSV1_3"})
	found(server, {"ciphers": ["GOOD"]}) == set()
}

test_ciphers_unset if {
	server := gateway("HTTPS", {"mode": "SIMPLE"})
	messages(server, {"ciphers": ["GOOD"]}) == {"without cipherSuites the server takes those of Envoy, which may not all be allowed"}
	found(server, {"ciphers": ["GOOD"], "mesh_defaults": {"cipherSuites": ["GOOD"]}}) == set()
	messages(server, {"ciphers": ["GOOD"], "mesh_defaults": {"cipherSuites": ["GOOD", "BAD"]}}) == {"without cipherSuites the server takes those of the mesh config, which are not all allowed"}
}

test_modes if {
	messages(gateway("HTTPS", {"mode": "SIMPLE"}), {"modes": ["MUTUAL"]}) == {`TLS mode "SIMPLE" is not one of those allowed: "MUTUAL"`}
	paths(gateway("TLS", {}), {"modes": ["MUTUAL"]}) == {["tls", "mode"]}
	found(gateway("TLS", {}), {"modes": ["PASSTHROUGH"]}) == set()
	found(gateway("HTTPS", {"mode": "${MODE}"}), {"modes": ["MUTUAL"]}) == set()
	found(gateway("HTTPS", {"mode": 1}), {"modes": ["MUTUAL"]}) == set()
	found(gateway("HTTPS", {"mode": null}), {"modes": ["MUTUAL"]})[_].msg == `TLS mode "PASSTHROUGH" is not one of those allowed: "MUTUAL"`
	found(gateway("HTTP", {"httpsRedirect": true}), {"modes": ["MUTUAL"]}) == set()
}

test_plaintext if {
	plain := {"kind": "Gateway", "spec": {"servers": [
		{"port": {"number": 80, "protocol": "HTTP"}},
		{"port": {"number": 81, "protocol": "http"}, "tls": {"httpsRedirect": true}},
		{"port": {"number": 82, "protocol": "TCP"}},
		{"port": {"number": 83, "protocol": "TCP"}, "tls": {"mode": "SIMPLE"}},
		{"port": {"number": 84, "protocol": "HTTP"}, "tls": {"httpsRedirect": "${REDIRECT}"}},
		{"port": {"number": 85, "protocol": "HTTP_PROXY"}},
		{"port": {"number": 86, "protocol": "TCP"}, "tls": null},
		{"port": {"protocol": "HTTP"}},
		{"port": {"number": 88, "protocol": "HTTP"}, "tls": "${TLS}"},
		{"port": {"number": 89, "protocol": "TCP"}, "tls": "${TLS}"},
	]}}
	found(plain, {}) == set()
	paths := {["spec", "servers", i] | some i in [0, 2, 5, 6, 7]}
	{result.path | some result in found(plain, {"plaintext": false})} == paths
}
