package gatelint.route_timeout_required_test

import data.gatelint.route_timeout_required

route(rules) := {
	"kind": "VirtualService",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"hosts": ["shop.example.com"], "http": rules},
}

to(more) := object.union({"route": [{"destination": {"host": "web"}}]}, more)

found(resource, params) := results if {
	whole := with_defaults(params)
	results := route_timeout_required.deny with input as resource with data.gatelint.params.route_timeout_required as whole
}

with_defaults(params) := object.union({"max": "", "streams": []}, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

test_none if {
	found(route([to({})]), {}) == {{
		"msg": `route has no timeout: when "web" hangs, so does everybody who calls it`,
		"path": ["spec", "http", 0],
	}}
}

test_none_to_what_has_no_name if {
	some result in found(route([{"route": [{"destination": {"host": 5}}]}]), {})
	startswith(result.msg, "route has no timeout: when a Service hangs")
}

test_silent if {
	rules := [
		to({"timeout": "2s"}),
		to({"timeout": "${TIMEOUT}"}),
		to({"timeout": 5}),
		{"redirect": {"uri": "/"}},
		{"directResponse": {"status": 404}},
		{"delegate": {"name": "none", "namespace": "shop"}},
	]
	found(route(rules), {}) == set()
}

test_max if {
	rules := [to({"timeout": "30s"}), to({"timeout": "0.5m"}), to({"timeout": "31s"}), to({"timeout": "1h"})]
	paths(route(rules), {"max": "30s"}) == {["spec", "http", 2, "timeout"], ["spec", "http", 3, "timeout"]}
}

test_max_of_nothing if paths(route([to({"timeout": "1s"})]), {"max": "0s"}) == {["spec", "http", 0, "timeout"]}

test_name_to_come if {
	rules := [to({"name": "chat-${REGION}"}), to({"name": "chat-${REGION}", "timeout": "1h"}), to({"name": "api"})]
	paths(route(rules), {"streams": ["chat-eu"], "max": "1m"}) == {["spec", "http", 2]}
	count(found(route(rules), {})) == 2
}

test_streams if {
	rules := [to({"name": "ws-chat"}), to({"name": "ws-long", "timeout": "1h"}), to({"name": "api"})]
	paths(route(rules), {"streams": ["ws-*"], "max": "1m"}) == {["spec", "http", 2]}
}

delegates := {"VirtualService": {"shop": {
	"api": {"spec": {"http": [to({"timeout": "1s"}), to({}), to({})]}},
	"good": {"spec": {"http": [to({"timeout": "1s"})]}},
}}}

test_delegate if {
	rules := [
		{"delegate": {"name": "api"}},
		{"delegate": {"name": "api", "namespace": "shop"}, "timeout": "5s"},
		{"delegate": {"name": "good", "namespace": "shop"}},
		{"delegate": {"name": "api", "namespace": "shop"}, "name": "stream"},
	]
	every namespace in ["", null] {
		count(found(route([{"delegate": {"name": "api", "namespace": namespace}}]), {})) == 1 with data.gatelint.mesh.objects as delegates
	}
	results := found(route(rules), {"streams": ["stream"]}) with data.gatelint.mesh.objects as delegates
	results == {{
		"msg": "no timeout here nor on spec.http[1] of delegate VirtualService shop/api: when a Service hangs, so does everybody who calls it",
		"path": ["spec", "http", 0, "delegate"],
		"related": [
			{"kind": "VirtualService", "namespace": "shop", "name": "api", "path": ["spec", "http", 1], "msg": "no timeout"},
			{"kind": "VirtualService", "namespace": "shop", "name": "api", "path": ["spec", "http", 2], "msg": "no timeout"},
		],
	}}
}

test_delegate_of_no_namespace if {
	root := {"kind": "VirtualService", "spec": {"hosts": ["a"], "http": [{"delegate": {"name": "api"}}]}}
	results := found(root, {}) with data.gatelint.mesh.objects as {"VirtualService": {"": {"api": {"spec": {"http": [to({})]}}}}}
	some result in results
	contains(result.msg, "of delegate VirtualService api: ")
}

test_delegate_itself if {
	delegate := {"kind": "VirtualService", "metadata": {"name": "api", "namespace": "shop"}, "spec": {"http": [to({}), to({"timeout": "2m"})]}}
	paths(delegate, {"max": "1m"}) == {["spec", "http", 1, "timeout"]}
}
