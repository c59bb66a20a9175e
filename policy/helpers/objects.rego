# METADATA
# title: What policies ask of any object
package gatelint.lib.objects

# METADATA
# description: The namespace of an object, undefined where the manifest leaves it to kubectl, kustomize or Helm, or to a placeholder.
namespace(resource) := resource.metadata.namespace if stated(resource.metadata.namespace)

# METADATA
# description: The namespace of the object under review, worked out once for all policies.
own := text if {
	text := input.metadata.namespace
	is_string(text)
	regex.match(`^[^$\{\[]+$`, text) # no placeholder is without these
} else := input.metadata.namespace if stated(input.metadata.namespace)

# METADATA
# scope: document
# description: The name of the object under review for messages; one that the API server is to make up ends in an ellipsis.
default name := "…"

name := input.metadata.name if {
	is_string(input.metadata.name)
	input.metadata.name != ""
} else := concat("", [input.metadata.generateName, "…"]) if {
	is_string(input.metadata.generateName)
}

# METADATA
# scope: document
# description: A namespace and a name for messages, with / between; the name alone where the namespace is left open.
shown("", name) := name

shown(namespace, name) := sprintf("%v/%v", [namespace, name]) if namespace != ""

stated(text) if {
	is_string(text)
	text != ""
	not opaque(text)
}

# METADATA
# scope: document
# description: Whether an object has nothing under a key. To the API null is nothing too.
lacks(thing, key) if {
	is_object(thing)
	object.get(thing, key, null) == null
}

# METADATA
# description: |
#   The texts of a list by their index, without what is none and without placeholders: nothing can be said of those, and a builtin
#   function that is given a number for a text is an error.
texts(list) := {i: text |
	some i, text in list
	is_string(text)
	not opaque(text)
}

# METADATA
# description: |
#   Whether a text holds a placeholder that another program fills in later: ${NAME}, $(NAME), {{ … }}, or what SOPS has encrypted.
opaque(text) if {
	is_string(text)
	regex.match(`\$\{[A-Za-z_]|\$\([A-Za-z_]|\{\{|^ENC\[`, text)
}

# METADATA
# description: Whether a text is like one of some patterns, in which * stands for any letters.
like(patterns, text) if {
	is_string(text)
	some pattern in patterns
	glob.match(pattern, null, text)
}

# METADATA
# description: The length of a duration such as 1.5s in seconds, as Istio reads it; undefined for what is none.
seconds(duration) := time.parse_duration_ns(duration) / 1000000000 if {
	is_string(duration)
	regex.match(`^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`, duration)
	count(duration) < 8 # more hours than have room there are too many for the builtin function
} else := sum([amount |
	some part in regex.find_all_string_submatch_n(`([0-9.]+)([a-zµμ]+)`, duration, -1)
	amount := to_number(part[1]) * in_seconds[part[2]]
]) if {
	is_string(duration)
	regex.match(`^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`, duration)
}

in_seconds := {"ns": 0.000000001, "us": 0.000001, "µs": 0.000001, "μs": 0.000001, "ms": 0.001, "s": 1, "m": 60, "h": 3600}

# METADATA
# description: |
#   Whether who asks is one of some users or groups, both lists of patterns. Only admission knows: it is undefined in the linter.
asked_by(users, groups) if {
	some name in array.concat(
		[{"text": data.gatelint.request.user, "patterns": users}],
		[{"text": group, "patterns": groups} | some group in data.gatelint.request.groups],
	)
	like(name.patterns, name.text)
}

# METADATA
# description: Texts in quotes, with commas between them, for messages.
quoted(list) := concat(", ", [sprintf("%q", [text]) | some text in list])
