package gatelint.gateway_workloads_test

import data.gatelint.gateway_workloads

gateway(namespace, spec) := {"kind": "Gateway", "metadata": {"name": "public", "namespace": namespace}, "spec": spec}

found(resource, listed) := results if {
	params := {"selectors": listed}
	results := gateway_workloads.deny with input as resource with data.gatelint.params.gateway_workloads as params
}

selectors := [
	{"namespaces": ["edge"], "labels": {"istio": "ingressgateway"}},
	{"namespaces": ["team-*"], "labels": {"istio": "internal", "tier": "team"}},
]

test_silent_without_parameters if found(gateway("shop", {"selector": {"istio": "ingressgateway"}}), []) == set()

test_other_workload if {
	found(gateway("shop", {"selector": {"istio": "ingressgateway"}}), selectors) == {{
		"msg": `Gateway shop/public selects the workloads "istio=ingressgateway", which namespace "shop" may not: its servers open ports on workloads of others`,
		"path": ["spec", "selector"],
	}}
	count(found(gateway("team-a", {"selector": {"istio": "internal"}}), selectors)) == 1
}

test_name_to_come if {
	made := {"kind": "Gateway", "metadata": {"generateName": "public-", "namespace": "shop"}, "spec": {"selector": {"istio": "x"}}}
	some result in found(made, selectors)
	startswith(result.msg, "Gateway shop/public-… selects the workloads")
}

test_own_workload if {
	found(gateway("edge", {"selector": {"istio": "ingressgateway", "app": "x"}}), selectors) == set()
	found(gateway("team-a", {"selector": {"istio": "internal", "tier": "team"}}), selectors) == set()
}

test_no_selector if {
	some result in found(gateway("edge", {"servers": []}), selectors)
	startswith(result.msg, "Gateway edge/public has no selector and takes every gateway workload, which namespace")
	every none in [{}, {"selector": null}, {"selector": {}}] {
		count(found(gateway("edge", none), selectors)) == 1
	}
	found(gateway("edge", {}), [{"namespaces": ["edge"], "labels": {}}]) == set()
}

test_unknown if {
	found(gateway("", {"selector": {"istio": "ingressgateway"}}), selectors) == set()
	every selector in [{"istio": "${GATEWAY}"}, {"${KEY}": "ingressgateway"}, "${SELECTOR}", {"istio": 5}, "x"] {
		found(gateway("edge", {"selector": selector}), selectors) == set()
	}
}
