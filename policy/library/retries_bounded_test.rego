package gatelint.retries_bounded_test

import data.gatelint.retries_bounded

route(retries) := {"kind": "VirtualService", "spec": {"http": [{"retries": retries}]}}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := retries_bounded.deny with input as resource with data.gatelint.params.retries_bounded as whole
}

with_defaults(params) := object.union({"attempts": 3, "per_try_timeout": "", "retry_on": []}, params)

paths(resource, params) := {array.slice(result.path, 3, 10) | some result in found(resource, params)}

test_attempts if {
	found(route({"attempts": 10}), {}) == {{
		"msg": "10 retries are more than 3: of one request that fails come 11",
		"path": ["spec", "http", 0, "retries", "attempts"],
	}}
	found(route({"attempts": 3}), {}) == set()
	count(found(route({"attempts": 1}), {"attempts": 0})) == 1
	startswith(found(route({"attempts": 2.5}), {"attempts": 2})[_].msg, "2.5 retries are more than 2: ")
}

test_default if {
	says_nothing := {"kind": "VirtualService", "spec": {"hosts": ["a"], "http": [{"route": [{}]}, {"redirect": {}}]}}
	found(says_nothing, {}) == set()
	found(says_nothing, {"attempts": 1}) == set() with data.gatelint.mesh.meshconfig.defaultHttpRetryPolicy as {"attempts": 0}
	found(says_nothing, {"attempts": 1}) == {{
		"msg": "no retries are stated: Istio makes two by itself, and 1 is the most",
		"path": ["spec", "http", 0],
	}}
}

test_silent if {
	found(route({"attempts": 0}), {"per_try_timeout": "1s"}) == set()
	found(route({"attempts": "${ATTEMPTS}"}), {"per_try_timeout": "1s"}) == set()
	found(route({}), {"per_try_timeout": "1s"}) == set()
	found({"kind": "VirtualService", "spec": {"hosts": ["a"], "http": [{"timeout": "1s"}]}}, {"per_try_timeout": "1s"}) == set()
}

test_per_try_timeout if {
	paths(route({"attempts": 2}), {"per_try_timeout": "2s"}) == {["retries"]}
	paths(route({"attempts": 2, "perTryTimeout": "2.5s"}), {"per_try_timeout": "2s"}) == {["retries", "perTryTimeout"]}
	found(route({"attempts": 2, "perTryTimeout": "1500ms"}), {"per_try_timeout": "2s"}) == set()
	found(route({"attempts": 2, "perTryTimeout": "${TRY}"}), {"per_try_timeout": "2s"}) == set()
	found(route({"attempts": 2, "perTryTimeout": "1h"}), {}) == set()
}

test_retry_on if {
	retries := {"attempts": 2, "retryOn": "connect-failure, 5xx,,${MORE}"}
	found(route(retries), {"retry_on": ["connect-failure", "reset"]}) == {{
		"msg": `retries on "5xx", which is not one of "connect-failure", "reset": requests that must not run twice can`,
		"path": ["spec", "http", 0, "retries", "retryOn"],
	}}
	found(route(retries), {}) == set()
}

says_nothing := {"kind": "VirtualService", "metadata": {"namespace": "shop"}, "spec": {"hosts": ["a"], "http": [{"route": [{}]}]}}

test_default_of_others if {
	some result in found(says_nothing, {"per_try_timeout": "2s"})
	result.msg == `no retries are stated: Istio makes two by itself, without perTryTimeout, which is to be at most "2s"`
	messages := {found_one.msg | some found_one in found(says_nothing, {"retry_on": ["connect-failure", "refused-stream", "5xx"]})}
	messages == {`no retries are stated: Istio makes two by itself, on "unavailable", "cancelled", not only on "connect-failure", "refused-stream", "5xx"`}
}

test_no_retry_on if {
	narrow := {"retry_on": ["connect-failure", "refused-stream", "unavailable"]}
	every retries in [{"attempts": 2}, {"attempts": 2, "retryOn": ""}, {"attempts": 2, "retryOn": null}] {
		found(route(retries), narrow) == {{
			"msg": `retries have no retryOn: Istio retries on "cancelled", not only on "connect-failure", "refused-stream", "unavailable"`,
			"path": ["spec", "http", 0, "retries"],
		}}
	}
	wide := {"retry_on": ["connect-failure", "refused-stream", "unavailable", "cancelled"]}
	found(route({"attempts": 2}), wide) == set()
	found(says_nothing, wide) == set()
	found(route({"attempts": 0}), narrow) == set()
	found(route({"attempts": 2, "retryOn": "${ON}"}), narrow) == set()
}

test_delegate if {
	delegates := {"VirtualService": {"shop": {
		"api": {"spec": {"http": [{"route": [{}], "retries": {"attempts": 1}}, {"route": [{}]}, {"redirect": {}}]}},
		"good": {"spec": {"http": [{"route": [{}], "retries": {"attempts": 1}}]}},
	}}}
	rules := [
		{"delegate": {"name": "api", "namespace": ""}},
		{"delegate": {"name": "api"}, "retries": {"attempts": 0}},
		{"delegate": {"name": "good"}},
		{"delegate": {"name": "none"}},
	]
	root := object.union(says_nothing, {"spec": {"http": rules}})
	results := found(root, {"attempts": 1}) with data.gatelint.mesh.objects as delegates
	results == {{
		"msg": "no retries are stated here nor on spec.http[1] of delegate VirtualService shop/api: Istio makes two by itself, and 1 is the most",
		"path": ["spec", "http", 0, "delegate"],
		"related": [{"kind": "VirtualService", "namespace": "shop", "name": "api", "path": ["spec", "http", 1], "msg": "no retries"}],
	}}
	found(root, {}) == set() with data.gatelint.mesh.objects as delegates
}

test_delegate_of_no_namespace if {
	delegates := {"VirtualService": {"": {"api": {"spec": {"http": [{"route": [{}]}]}}}}}
	root := {"kind": "VirtualService", "spec": {"hosts": ["a"], "http": [{"delegate": {"name": "api"}}]}}
	results := found(root, {"attempts": 1}) with data.gatelint.mesh.objects as delegates
	some result in results
	contains(result.msg, "of delegate VirtualService api: ")
}
