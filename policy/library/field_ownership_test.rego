package gatelint.field_ownership_test

import data.gatelint.field_ownership

gateway(servers) := {"kind": "Gateway", "metadata": {"name": "public", "namespace": "edge"}, "spec": {"servers": servers}}

server(port, tls) := {"port": {"number": port}, "tls": tls}

tls := {"paths": ["spec.servers[*].tls"], "groups": ["security"]}

found(resource, field, request) := results if {
	params := {"fields": [field]}
	results := field_ownership.deny with input as resource
		with data.gatelint.params.field_ownership as params
		with data.gatelint.request as request
}

paths(resource, field, request) := {result.path | some result in found(resource, field, request)}

update(old) := {"operation": "UPDATE", "user": "eve", "groups": ["dev"], "oldObject": old}

simple := {"mode": "SIMPLE", "credentialName": "a"}

other := {"mode": "SIMPLE", "credentialName": "b"}

test_linter if {
	params := {"fields": [tls]}
	field_ownership.deny == set() with input as gateway([server(443, simple)]) with data.gatelint.params.field_ownership as params
}

test_changed if {
	found(gateway([server(443, other)]), tls, update(gateway([server(443, simple)]))) == {{
		"msg": `user "eve" changes "spec.servers[0].tls", which only groups "security" may`,
		"path": ["spec", "servers", 0, "tls"],
	}}
}

test_owner if {
	change := object.union(update(gateway([server(443, simple)])), {"groups": ["dev", "security"]})
	found(gateway([server(443, other)]), tls, change) == set()
	by_user := object.union(tls, {"users": ["ev*"]})
	found(gateway([server(443, other)]), by_user, update(gateway([server(443, simple)]))) == set()
}

test_other_fields if {
	old := gateway([server(443, simple)])
	found(gateway([server(8443, simple)]), tls, update(old)) == set()
	found(old, tls, update(old)) == set()
}

test_moved if {
	one := server(443, simple)
	two := server(8443, other)
	found(gateway([two, one]), tls, update(gateway([one, two]))) == set()
	found(gateway([server(80, null), one]), tls, update(gateway([one]))) == set()
	found(gateway([two]), {"paths": ["spec.servers[*].port"], "groups": ["x"]}, update(gateway([two, two]))) != set()
}

test_exchanged if {
	old := gateway([server(443, simple), server(8443, other)])
	paths(gateway([server(443, other), server(8443, simple)]), tls, update(old)) == {["spec", "servers", 0, "tls"], ["spec", "servers", 1, "tls"]}
}

test_set if {
	some result in found(gateway([server(80, null), server(443, simple)]), tls, update(gateway([server(80, null)])))
	result.msg == `user "eve" sets "spec.servers[1].tls", which only groups "security" may`
	result.path == ["spec", "servers", 1, "tls"]
}

test_removed if {
	old := gateway([server(443, simple)])
	some result in found(gateway([server(443, null)]), tls, update(old))
	result == {
		"msg": `user "eve" removes "spec.servers[0].tls", which only groups "security" may`,
		"path": ["spec", "servers"],
	}
	count(found(gateway([]), tls, update(old))) == 1
}

test_create if {
	create := {"operation": "CREATE", "user": "eve", "groups": []}
	paths(gateway([server(443, simple)]), tls, create) == {["spec", "servers", 0, "tls"]}
	found(gateway([server(443, simple)]), object.union(tls, {"on": ["UPDATE"]}), create) == set()
	found(gateway([server(80, null)]), tls, create) == set()
}

test_scope if {
	create := {"operation": "CREATE", "user": "eve", "groups": []}
	found(gateway([server(443, simple)]), object.union(tls, {"kinds": ["VirtualService"]}), create) == set()
	found(gateway([server(443, simple)]), object.union(tls, {"namespaces": ["shop"]}), create) == set()
}

test_paths if {
	old := object.union(gateway([]), {"metadata": {"labels": {"a": "1", "b": "1"}, "annotations": {"x.io/y": "1"}}, "spec": {"selector": {"istio": "a"}}})
	new := object.union(gateway([]), {"metadata": {"labels": {"a": "2", "b": "1"}, "annotations": {"x.io/y": "2"}}, "spec": {"selector": {"istio": "b"}}})
	paths(new, {"paths": ["metadata.labels.*"], "users": ["root"]}, update(old)) == {["metadata", "labels", "a"]}
	paths(new, {"paths": [["metadata", "annotations", "x.io/y"]], "users": ["root"]}, update(old)) == {["metadata", "annotations", "x.io/y"]}
	paths(new, {"paths": ["spec.selector"], "users": ["root"]}, update(old)) == {["spec", "selector"]}
	paths(gateway([server(1, simple)]), {"paths": ["spec.servers[0].tls.mode"], "users": ["root"]}, update(gateway([server(1, {})]))) == {["spec", "servers", 0, "tls", "mode"]}
}

test_owners if {
	field := {"paths": ["spec.selector"], "users": ["root"], "groups": ["a", "b"]}
	some result in found({"kind": "Gateway", "metadata": {"namespace": "edge"}, "spec": {"selector": {}}}, field, {"operation": "CREATE", "user": "eve", "groups": []})
	result.msg == `user "eve" sets "spec.selector", which only users "root" and groups "a", "b" may`
}

virtualservice(names) := {"kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"hosts": names}}

# A list that is named as a whole changes with its elements.
test_list if {
	hosts := {"paths": ["spec.hosts"], "groups": ["edge"]}
	found(virtualservice(["a"]), hosts, update(virtualservice(["a"]))) == set()
	some result in found(virtualservice(["a", "b"]), hosts, update(virtualservice(["a"])))
	result.msg == `user "eve" changes "spec.hosts", which only groups "edge" may`
}

routes(lists) := {"kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": list} | some list in lists]}}

to(host, weight) := {"destination": {"host": host}, "weight": weight}

weight := {"paths": ["spec.http[*].route[*].weight"], "groups": ["sre"]}

test_moved_within if {
	old := routes([[to("a", 90), to("b", 10)], [to("c", 100)]])
	found(routes([[to("b", 10), to("a", 90)], [to("c", 100)]]), weight, update(old)) == set()
	found(routes([[to("c", 100)], [to("b", 10), to("a", 90)]]), weight, update(old)) == set()
	found(routes([[to("c", 100)], [to("a", 90), to("b", 10)]]), weight, update(old)) == set()
	paths(routes([[to("b", 10), to("a", 80)], [to("c", 100)]]), weight, update(old)) == {["spec", "http", 0, "route", 1, "weight"]}
	some result in found(routes([[to("b", 10)], [to("c", 100)]]), weight, update(old))
	result == {
		"msg": `user "eve" removes "spec.http[0].route[0].weight", which only groups "sre" may`,
		"path": ["spec", "http"],
	}
}

test_keys_and_elements if {
	five := {"paths": ["spec.*[*].*[*].*"], "users": ["root"]}
	paths(routes([[to("b", 10), to("a", 80)]]), five, update(routes([[to("a", 90), to("b", 10)]]))) == {["spec", "http", 0, "route", 1, "weight"]}
}

annotated(text) := {"kind": "Gateway", "metadata": {"namespace": "edge", "annotations": {"gatelint.io/ignore": text}, "labels": {"1": text}}}

test_names_in_brackets if {
	change := update(annotated("x"))
	ignore := ["metadata", "annotations", "gatelint.io/ignore"]
	paths(annotated("y"), {"paths": ["metadata.annotations[gatelint.io/ignore]"], "users": ["root"]}, change) == {ignore}
	paths(annotated("y"), {"paths": [`metadata.annotations["gatelint.io/ignore"]`], "users": ["root"]}, change) == {ignore}
	paths(annotated("y"), {"paths": ["metadata.labels.1"], "users": ["root"]}, change) == {["metadata", "labels", "1"]}
}

# Of elements that are equal as many are new as there are more of them.
test_twins if {
	old := routes([[to("a", 50), to("a", 50)]])
	paths(routes([[to("a", 50), to("a", 50), to("a", 50)]]), weight, update(old)) == {["spec", "http", 0, "route", 2, "weight"]}
	count(found(routes([[to("a", 50)]]), weight, update(old))) == 1
}

test_quoted_names if {
	now := {"kind": "Gateway", "metadata": {"namespace": "edge", "annotations": {"a.b/c": "1"}}}
	every path in [`metadata.annotations["a.b/c"]`, `metadata.annotations['a.b/c']`, "metadata.annotations[a.b/c]"] {
		count(found(now, {"paths": [path], "groups": ["x"]}, {"operation": "CREATE", "user": "eve", "groups": []})) == 1
	}
}
