# METADATA
# title: Fields changed only by the groups that own them
# description: |
#   Kubernetes grants a whole object or nothing: who may edit a Gateway's hosts can edit its `tls` too. `fields` says which users and
#   groups may set, change and remove which fields. Only admission knows who asks, so the linter says nothing. What moves in a list with
#   its element, unchanged, is no change; an element that is edited is held against the one in its place. Creating an object with the
#   field counts as setting it, unless `on` says otherwise: who may delete and create could do without the field's owner.
#
#   No ignore counts, nor does a baseline: whom the policy binds could write it. Exceptions belong into the parameters.
#
#   Fix: leave the field as it is, and ask its owners for the change.
# schemas:
# - data.gatelint.params.field_ownership:
#     type: object
#     additionalProperties: false
#     properties:
#       fields:
#         description: who owns which fields
#         type: array
#         items:
#           type: object
#           additionalProperties: false
#           required: [paths]
#           anyOf:
#           - required: [users]
#           - required: [groups]
#           properties:
#             paths:
#               description: |-
#                 fields, such as spec.servers[*].tls, where * is every element or key, and spec.servers[0].tls; a name with a dot is in
#                 brackets, as in metadata.annotations["a.b/c"], or the path is a list of names
#               type: array
#               minItems: 1
#               items:
#                 type: [string, array]
#                 format: field
#                 pattern: ^[^.\[\]]+(\.[^.\[\]]+|\[[^\[\]]+\])*$
#                 minItems: 1
#                 items: {type: [string, integer]}
#             users:
#               description: patterns of users who may
#               type: array
#               minItems: 1
#               items: {type: string, format: glob}
#             groups:
#               description: patterns of groups that may
#               type: array
#               minItems: 1
#               items: {type: string, format: glob}
#             kinds:
#               description: the kinds that are meant, if not all
#               type: array
#               minItems: 1
#               items: {type: string, enum: [Gateway, VirtualService, DestinationRule, ServiceEntry, Sidecar]}
#             namespaces:
#               description: patterns of the namespaces that are meant, if not all
#               type: array
#               minItems: 1
#               items: {type: string, format: glob}
#             on:
#               description: the operations that count, if not CREATE and UPDATE
#               type: array
#               minItems: 1
#               items: {type: string, enum: [CREATE, UPDATE]}
# custom:
#   kinds: [Gateway, VirtualService, DestinationRule, ServiceEntry, Sidecar]
#   severity: error
#   admission: deny
#   ignorable: false
#   params: {fields: []}
package gatelint.field_ownership

import data.gatelint.lib.objects

params := data.gatelint.params.field_ownership

before := object.get(data.gatelint.request, "oldObject", {})

deny contains {"msg": message, "path": change.path} if {
	some field in fields
	data.gatelint.request.operation in object.get(field, "on", ["CREATE", "UPDATE"])
	input.kind in object.get(field, "kinds", [input.kind])
	objects.like(object.get(field, "namespaces", ["*"]), input.metadata.namespace)
	some pattern in field.patterns
	object.get(input, pattern.holder, null) != object.get(before, pattern.holder, null)
	users := object.get(field, "users", [])
	groups := object.get(field, "groups", [])
	not objects.asked_by(users, groups)
	some change in changes(pattern)
	message := sprintf("user %q %s %q, which only %s may", [data.gatelint.request.user, change.verb, shown(change.at), owners(users, groups)])
}

# The parameters, with paths as lists: the names before the first *, in which all lies that is meant, and those after each *.
fields := [object.union(field, {"patterns": [{"holder": parts[0], "parts": parts} |
	some path in field.paths
	parts := split_at_stars(segments(path))
]}) |
	some field in params.fields
]

segments(path) := path if is_array(path)

# In brackets stand an index, *, or a name with a dot.
segments(path) := [segment(text) | some text in regex.find_n(`[^.\[\]]+|\[[^\[\]]+\]`, path, -1)] if is_string(path)

segment(text) := to_number(trim(text, "[]")) if {
	regex.match(`^\[[0-9]+\]$`, text)
} else := trim(text, `[]"'`)

split_at_stars(names) := [array.slice(names, from[n], to) |
	stars := [i | some i, "*" in names]
	from := array.concat([0], [start | some i in stars; start := i + 1])
	some n, to in array.concat(stars, [count(names)])
]

# What the change does to the fields of a pattern: where it is to be shown, and where the field is or was.
changes(pattern) := {change |
	some pair in pairs(pattern.parts)
	is := object.get(input, pair.is, null)
	was := object.get(before, pair.was, null)
	is != was
	change := described(pattern, pair, is, was)
}

described(_, pair, is, was) := {"verb": verbs[was == null], "path": pair.is, "at": pair.is} if is != null

described(pattern, pair, null, _) := {"verb": "removes", "path": array.slice(pair.was, 0, place), "at": pair.was} if {
	place := min([count(pattern.holder), count(pair.was) - 1])
}

verbs := {true: "sets", false: "changes"}

# Where a field of a pattern is, and where it was. Each step goes past one *; there are at most five.
pairs(parts) := past(past(past(past(past(past([{"is": [], "was": []}], parts, 0), parts, 1), parts, 2), parts, 3), parts, 4), parts, 5)

past(found, parts, n) := [next |
	some pair in found
	is := array.concat(pair.is, parts[n])
	was := array.concat(pair.was, parts[n])
	some element in elements(object.get(input, is, null), object.get(before, was, null), parts, n)
	next := {"is": array.concat(is, element[0]), "was": array.concat(was, element[1])}
] if {
	parts[n]
} else := found

# The elements or keys of two things that belong together and differ; behind the last * there are none to look at.
elements(_, _, parts, n) := [[[], []]] if n == count(parts) - 1

elements(left, right, parts, n) := [[[pair[0]], [pair[1]]] | some pair in paired(left, right)] if {
	n < count(parts) - 1
	left != right
	is_array(left)
	is_array(right)
} else := [[[key], [key]] | some key in {key | some thing in [left, right]; some key, _ in thing}] if {
	n < count(parts) - 1
	left != right
}

# The elements of two lists that belong together, by index: others in their order, one beyond the end where there is none. Those that
# are equal have moved at most.
paired(left, right) := [[object.get(ours, n, count(left)), object.get(theirs, n, count(right))] |
	some n in numbers.range(0, max([count(ours), count(theirs), 1]) - 1)
] if {
	ours := {n: i | some n, i in others(left, right)}
	theirs := {n: i | some n, i in others(right, left)}
}

# The elements of a list without those that another one has as often.
others(left, right) := sort([i |
	theirs := ranked(right)
	some key, i in ranked(left)
	not theirs[key]
])

# The elements of a list by what they are and how many like them come before. Sorted, as there can be thousands.
ranked(list) := {[pair[0], at - first[pair[0]]]: pair[1] |
	sorted := sort([[element, i] | some i, element in list])
	first := {pair[0]: at | some at, pair in sorted; not sorted[at - 1][0] == pair[0]}
	some at, pair in sorted
}

shown(path) := concat("", [text |
	some i, name in path
	text := shown_part(i, name)
])

shown_part(_, name) := sprintf("[%d]", [name]) if is_number(name)

shown_part(0, name) := name if is_string(name)

shown_part(i, name) := concat("", [".", name]) if {
	is_string(name)
	i > 0
	not contains(name, ".")
}

shown_part(i, name) := sprintf("[%q]", [name]) if {
	is_string(name)
	i > 0
	contains(name, ".")
}

owners(users, groups) := concat(" and ", array.concat(
	[sprintf("users %s", [objects.quoted(users)]) | count(users) > 0],
	[sprintf("groups %s", [objects.quoted(groups)]) | count(groups) > 0],
))
