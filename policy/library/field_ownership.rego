# METADATA
# title: Fields changed only by the groups that own them
# description: |
#   Kubernetes grants a whole object or nothing: who may edit a Gateway's hosts can edit its `tls` too. `fields` says which users and
#   groups may set, change and remove which fields. Only admission knows who asks, so the linter says nothing. What moves in a list with
#   its element, unchanged, is no change. Creating an object with the field counts as setting it, unless `on` says otherwise: who may
#   delete and create could do without the field's owner.
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
#               description: fields, such as spec.servers[*].tls, where * is every element or key; a list of names where one has a dot
#               type: array
#               items:
#                 type: [string, array]
#                 format: field
#                 pattern: ^[^.\[\]]+(\.[^.\[\]]+|\[[^\[\]]+\])*$
#                 minItems: 1
#                 items: {type: [string, integer]}
#             users:
#               description: patterns of users who may
#               type: array
#               items: {type: string}
#             groups:
#               description: patterns of groups that may
#               type: array
#               items: {type: string}
#             kinds:
#               description: the kinds that are meant, if not all
#               type: array
#               items: {type: string, enum: [Gateway, VirtualService, DestinationRule, ServiceEntry, Sidecar]}
#             namespaces:
#               description: patterns of the namespaces that are meant, if not all
#               type: array
#               items: {type: string}
#             on:
#               description: the operations that count, if not CREATE and UPDATE
#               type: array
#               items: {type: string, enum: [CREATE, UPDATE]}
# custom:
#   kinds: [Gateway, VirtualService, DestinationRule, ServiceEntry, Sidecar]
#   severity: error
#   admission: deny
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

# The parameters, with paths as lists: the names, and what they name before the first *, in which all lies that is meant.
fields := [object.union(field, {"patterns": [{"names": names, "holder": array.slice(names, 0, star(names))} |
	some path in field.paths
	names := segments(path)
]}) |
	some field in params.fields
]

segments(path) := path if is_array(path)

segments(path) := [segment(text) | some text in regex.split(`[.\[\]]+`, path); text != ""] if is_string(path)

segment(text) := to_number(text) if {
	regex.match(`^[0-9]+$`, text)
} else := text

# What the change does to the fields of a pattern: where it is to be shown, and where the field is or was.
changes(pattern) := set_anew(pattern) | removed(pattern)

set_anew(pattern) := {{"verb": verb, "path": path, "at": path} |
	some path in matching(input, pattern)
	is := object.get(input, path, null)
	is != null
	was := counterpart_value(input, before, path, pattern)
	is != was
	verb := verbs[was == null]
}

removed(pattern) := {{"verb": "removes", "path": array.slice(path, 0, place(path, pattern)), "at": path} |
	some path in matching(before, pattern)
	object.get(before, path, null) != null
	counterpart_value(before, input, path, pattern) == null
}

verbs := {true: "sets", false: "changes"}

matching(resource, pattern) := {path |
	rest := array.slice(pattern.names, count(pattern.holder), count(pattern.names))
	inside := object.get(resource, pattern.holder, null)
	walk(inside, [below, _])
	count(below) == count(rest)
	every i, name in rest {
		name in {"*", below[i]}
	}
	path := array.concat(pattern.holder, below)
}

# What the field of one object is in the other: an element of a list is looked for by what it is, not by where it stands.
counterpart_value(here, there, path, pattern) := object.get(there, path, null) if {
	count(path) == count(pattern.holder)
} else := object.get(there, path, null) if {
	not is_array(object.get(here, pattern.holder, null))
} else := object.get(there, other, null) if {
	n := count(pattern.holder)
	pairs := paired(object.get(here, pattern.holder, []), object.get(there, pattern.holder, []))
	other := array.concat(array.concat(pattern.holder, [pairs[path[n]]]), array.slice(path, n + 1, count(path)))
} else := null

# Where a list of names first has a *, or its length.
star(names) := min([i | some i, "*" in array.concat(names, ["*"])])

place(path, pattern) := min([count(pattern.holder), count(path) - 1])

# The elements of two lists that belong together, by index: those that are equal, and the others in their order.
paired(left, right) := object.union(equals, {i: others_right[n] |
	some n, i in others_left
}) if {
	equals := {i: twins[rank] |
		some i, element in left
		rank := count([k | some k, e in left; k < i; e == element])
		twins := [k | some k, e in right; e == element]
	}
	others_left := [i | some i, _ in left; not i in object.keys(equals)]
	used := {k | some k in equals}
	others_right := [k | some k, _ in right; not k in used]
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
}

owners(users, groups) := concat(" and ", array.concat(
	[sprintf("users %s", [objects.quoted(users)]) | count(users) > 0],
	[sprintf("groups %s", [objects.quoted(groups)]) | count(groups) > 0],
))
