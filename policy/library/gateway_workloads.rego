# METADATA
# title: Gateways select only workloads that their namespace may use
# description: |
#   A Gateway opens its servers on every gateway workload that its selector finds, in any namespace: a team that writes the selector of
#   the public workload is on the internet, and one that writes none is on all of them. Nothing is said until `selectors` is set. It lists
#   what is allowed: the selector must have all labels of an entry for its namespace, and can have more.
#
#   No ignore counts, nor does a baseline: whom the policy binds could write it. Exceptions belong into the parameters.
#
#   Fix: select the workload that the namespace is meant to use, or have the platform team allow it.
# schemas:
# - data.gatelint.params.gateway_workloads:
#     type: object
#     additionalProperties: false
#     properties:
#       selectors:
#         description: which namespaces may select which workloads; none is all
#         type: array
#         items:
#           type: object
#           additionalProperties: false
#           required: [namespaces, labels]
#           properties:
#             namespaces:
#               description: patterns of namespaces
#               type: array
#               items: {type: string, format: glob}
#             labels:
#               description: labels that the selector must have
#               type: object
#               additionalProperties: {type: string}
# custom:
#   kinds: [Gateway]
#   severity: error
#   admission: deny
#   ignorable: false
#   params: {selectors: []}
package gatelint.gateway_workloads

import data.gatelint.lib.objects

params := data.gatelint.params.gateway_workloads

selector[key] := value if {
	some key, value in input.spec.selector
	is_string(key)
	is_string(value)
}

deny contains {"msg": message, "path": ["spec", "selector"]} if {
	count(params.selectors) > 0
	not allowed
	not opaque
	message := sprintf("%s, which namespace %q may not: its servers open ports on workloads of others", [selected, objects.own])
}

allowed if {
	some entry in params.selectors
	objects.like(entry.namespaces, objects.own)
	every key, value in entry.labels {
		selector[key] == value
	}
}

opaque if objects.opaque(input.spec.selector)

opaque if {
	some key, value in input.spec.selector
	some text in [key, value]
	objects.opaque(text)
}

selected := message if {
	object.get(input, ["spec", "selector"], null) in {null, {}}
	message := sprintf("Gateway %s has no selector and takes every gateway workload", [objects.shown(objects.own, objects.name)])
}

selected := sprintf("Gateway %s selects the workloads %q", [objects.shown(objects.own, objects.name), labels]) if {
	count(selector) > 0
	labels := concat(",", [concat("=", [key, value]) | some key, value in selector])
}
