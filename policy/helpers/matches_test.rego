package gatelint.lib.matches_test

import data.gatelint.lib.matches

prefix(text) := {"uri": {"prefix": text}}

exact(text) := {"uri": {"exact": text}}

test_uri if {
	matches.covers({}, prefix("/a"))
	matches.covers(prefix("/"), {})
	matches.covers(prefix("/a"), prefix("/ab"))
	matches.covers(prefix("/a"), exact("/a"))
	matches.covers(exact("/a"), exact("/a"))
	matches.covers({"uri": {"regex": "/[a-z]"}}, {"uri": {"regex": "/[a-z]"}})
	matches.covers({"uri": {"regex": ".*"}}, prefix("/a"))
}

test_uri_not if {
	not matches.covers(prefix("/a"), {})
	not matches.covers(prefix("/ab"), prefix("/a"))
	not matches.covers(exact("/a"), prefix("/a"))
	not matches.covers(prefix("/a"), prefix("/A"))
	not matches.covers({"uri": {"regex": "/[a-z]"}}, exact("/a"))
	not matches.covers({"uri": {}}, {"uri": {}})
}

test_letter_case if {
	any_case := {"ignoreUriCase": true}
	matches.covers(object.union(prefix("/a"), any_case), prefix("/Ab"))
	matches.covers(object.union(prefix("/A"), any_case), object.union(exact("/a"), any_case))
	not matches.covers(prefix("/a"), object.union(prefix("/a"), any_case))
	not matches.covers(object.union({"uri": {"regex": "/a"}}, any_case), object.union({"uri": {"regex": "/a"}}, any_case))
	matches.covers(prefix("/"), object.union(exact("/a"), any_case))
}

test_headers if {
	matches.covers({"headers": {"X-A": {"exact": "1"}}}, {"headers": {"x-a": {"exact": "1"}, "x-b": {}}, "uri": {"exact": "/"}})
	matches.covers({"headers": {"x-a": {}}}, {"headers": {"x-a": {"regex": "1+"}}})
	matches.covers({"headers": {"x-a": {"prefix": "v"}}}, {"headers": {"x-a": {"exact": "v1"}}})
	not matches.covers({"headers": {"x-a": {}}}, {"headers": {"x-b": {}}})
	not matches.covers({"headers": {"x-a": {"exact": "1"}}}, {"headers": {"x-a": {}}})
	not matches.covers({"headers": {"x-a": {}}}, {})
}

test_others if {
	wide := {"method": {"exact": "GET"}, "port": 80, "sourceLabels": {"a": "1"}, "withoutHeaders": {"x": {}}, "queryParams": {"q": {"prefix": "a"}}}
	narrow := {
		"method": {"exact": "GET"}, "port": 80, "sourceLabels": {"a": "1", "b": "2"},
		"withoutHeaders": {"x": {}, "y": {}}, "queryParams": {"q": {"exact": "ab"}}, "sourceNamespace": "shop",
	}
	matches.covers(wide, narrow)
	not matches.covers(narrow, wide)
	every key in ["method", "port", "sourceLabels", "withoutHeaders", "queryParams"] {
		not matches.covers(wide, object.remove(narrow, [key]))
	}
	matches.covers({"sourceNamespace": "shop", "name": "a", "statPrefix": "b"}, narrow)
	not matches.covers({"unknown": 1}, {"unknown": 2})
}

test_gateways if {
	matches.covers({"gateways": ["a/b", "mesh"]}, {"gateways": ["mesh"]})
	not matches.covers({"gateways": ["a/b"]}, {"gateways": ["a/b", "mesh"]})
	not matches.covers({"gateways": ["a/b"]}, {})
}

test_rules if {
	matches.rule_covers({}, {"match": [prefix("/a")]})
	matches.rule_covers({"match": [prefix("/a"), prefix("/b")]}, {"match": [exact("/b"), exact("/a")]})
	not matches.rule_covers({"match": [prefix("/a")]}, {"match": [exact("/a"), exact("/b")]})
	not matches.rule_covers({"match": [prefix("/a")]}, {})
	matches.rule_covers({"match": []}, {"match": []})
}
