# METADATA
# title: Conditions of routes
# description: |
#   Whether one match of a VirtualService takes all requests of another. Only what is sure counts: of regular expressions the same text,
#   and ".*".
package gatelint.lib.matches

# METADATA
# description: Whether the matches of one rule of spec.http take every request that those of another one take. None takes all.
rule_covers(wide, narrow) if {
	every condition in alternatives(narrow) {
		some other in alternatives(wide)
		covers(other, condition)
	}
}

# METADATA
# description: Whether one element of spec.http[].match takes every request that another one takes.
covers(wide, narrow) if {
	every key, condition in wide {
		key_covers(key, condition, wide, narrow)
	}
}

alternatives(rule) := list if {
	list := object.get(rule, "match", [])
	count(list) > 0
} else := [{}]

# ignoreUriCase is read with uri
key_covers(key, _, _, _) if key in {"name", "statPrefix", "ignoreUriCase"}

key_covers("uri", condition, _, _) if condition == {"prefix": "/"}

key_covers("uri", condition, wide, narrow) if {
	not any_case(wide)
	not any_case(narrow)
	text_covers(condition, narrow.uri)
}

key_covers("uri", condition, wide, narrow) if {
	any_case(wide)
	text_covers(folded(condition), folded(narrow.uri))
}

key_covers(key, condition, _, narrow) if {
	key in {"method", "scheme", "authority"}
	text_covers(condition, narrow[key])
}

key_covers("headers", condition, _, narrow) if {
	every name, part in condition {
		some other_name, other in narrow.headers
		lower(other_name) == lower(name)
		header_covers(part, other)
	}
}

key_covers("queryParams", condition, _, narrow) if {
	every name, part in condition {
		text_covers(part, narrow.queryParams[name])
	}
}

key_covers(key, condition, _, narrow) if {
	key in {"withoutHeaders", "sourceLabels"}
	every name, part in condition {
		narrow[key][name] == part
	}
}

key_covers(key, condition, _, narrow) if {
	key in {"port", "sourceNamespace"}
	narrow[key] == condition
}

key_covers("gateways", condition, _, narrow) if {
	some _ in narrow.gateways
	every name in narrow.gateways {
		name in condition
	}
}

any_case(condition) if condition.ignoreUriCase == true

# A regular expression keeps its letter case.
folded(condition) := {kind: lower(text) | some kind, text in condition; kind != "regex"}

# A condition without a value asks for the header alone.
header_covers({}, _)

header_covers(wide, narrow) if text_covers(wide, narrow)

text_covers(wide, narrow) if {
	wide != {}
	wide == narrow
}

text_covers(wide, narrow) if {
	some kind in ["exact", "prefix"]
	startswith(narrow[kind], wide.prefix)
}

text_covers({"regex": ".*"}, narrow) if narrow != {}
