package gatelint.canary_weights_test

import data.gatelint.canary_weights

split_of(weights) := {"kind": "VirtualService", "spec": {"http": [{"route": [{"weight": weight} | some weight in weights]}]}}

found(resource, params) := results if {
	whole := with_defaults(params)
	results := canary_weights.deny with input as resource with data.gatelint.params.canary_weights as whole
}

with_defaults(params) := object.union({"sum": 100, "steps": []}, params)

paths(resource, params) := {result.path | some result in found(resource, params)}

test_sum if {
	found(split_of([90, 5]), {}) == {{
		"msg": "weights add up to 95, not 100: Envoy reads them as shares of 95, so that no destination gets what it says",
		"path": ["spec", "http", 0, "route"],
	}}
	found(split_of([95, 5]), {}) == set()
	found(split_of([100, 0]), {}) == set()
	found(split_of([9, 1]), {"sum": 10}) == set()
	found(split_of([9, 2]), {"sum": 0}) == set()
}

test_none if {
	found(split_of([0, 0]), {}) == set()
	found(split_of([50]), {}) == set()
	found(split_of([90, "${CANARY}"]), {"steps": [1]}) == set()
}

test_no_destination if {
	broken := {"kind": "VirtualService", "spec": {"http": [{"route": [{"weight": 90}, "x", {"weight": 7}]}]}}
	found(broken, {"steps": [5]}) == set()
}

test_fields_that_istio_lacks if {
	parked := {"kind": "VirtualService", "spec": {"x-spare": [{"route": [{"weight": 90}, {"weight": 5}]}]}}
	found(parked, {}) == set()
}

test_fractions if {
	found(split_of([90.5, 5]), {})[_].msg == "weights add up to 95.5, not 100: Envoy reads them as shares of 95.5, so that no destination gets what it says"
}

test_left_out if {
	left_out := {"kind": "VirtualService", "spec": {"tls": [{"route": [{"weight": 90}, {}]}], "tcp": [{"route": [{"weight": 100}, {}]}]}}
	paths(left_out, {}) == {["spec", "tls", 0, "route"]}
	paths(split_of([90, null]), {}) == {["spec", "http", 0, "route"]}
}

test_steps if {
	steps := {"steps": [5, 25, 50]}
	found(split_of([93, 7]), steps) == {{"msg": "weight 7 is none of the steps 5, 25, 50", "path": ["spec", "http", 0, "route", 1, "weight"]}}
	paths(split_of([5, 88, 7]), steps) == {["spec", "http", 0, "route", 2, "weight"]}
	found(split_of([95, 5]), steps) == set()
	found(split_of([0, 100]), steps) == set()
	found(split_of([50, 50]), steps) == set()
	count(found(split_of([60, 40]), steps)) == 1
}
