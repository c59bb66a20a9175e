# METADATA
# title: Gateways only where they belong, VirtualServices only on Gateways meant for them
# description: |
#   A Gateway in any namespace opens ports on the shared gateway workloads, and can take the hosts of others or break their listener; a
#   VirtualService that binds to any Gateway gets out to the internet past its team's own. Nothing is said until `namespaces` or
#   `bindings` is set. `bindings` lists what is allowed: a VirtualService may bind to the Gateways of every entry for its namespace, and
#   to no other.
#
#   No ignore counts, nor does a baseline: whom the policy binds could write it. Exceptions belong into the parameters.
#
#   Fix: move the Gateway to one of the namespaces, bind the VirtualService to a Gateway that its namespace may use, or have the platform
#   team allow it.
# schemas:
# - data.gatelint.params.gateway_namespace:
#     type: object
#     additionalProperties: false
#     properties:
#       namespaces:
#         description: patterns of the namespaces that may have Gateways; none is all
#         type: array
#         items: {type: string, format: glob}
#       bindings:
#         description: which namespaces' VirtualServices may bind to which Gateways; none is all to all
#         type: array
#         items:
#           type: object
#           additionalProperties: false
#           required: [namespaces, gateways]
#           properties:
#             namespaces:
#               description: patterns of namespaces
#               type: array
#               items: {type: string, format: glob}
#             gateways:
#               description: patterns of Gateways as namespace/name, "./*" for those of its own namespace
#               type: array
#               items: {type: string, pattern: /, format: glob}
# custom:
#   kinds: [Gateway, VirtualService]
#   severity: error
#   admission: deny
#   ignorable: false
#   params: {namespaces: [], bindings: []}
package gatelint.gateway_namespace

import data.gatelint.lib.objects
import data.gatelint.lib.virtualservices

params := data.gatelint.params.gateway_namespace

deny contains {"msg": message, "path": ["metadata", "namespace"]} if {
	input.kind == "Gateway"
	count(params.namespaces) > 0
	not objects.like(params.namespaces, objects.own)
	message := sprintf(
		"Gateway %s is in a namespace that may have none, only %s may: its servers open ports on workloads of others",
		[objects.shown(objects.own, objects.name), objects.quoted(params.namespaces)],
	)
}

deny contains {"msg": message, "path": ["spec", "gateways", i]} if {
	input.kind == "VirtualService"
	count(params.bindings) > 0
	some i, text in input.spec.gateways
	text != "mesh"
	name := named(text)
	not allowed(name)
	not objects.opaque(text)
	message := sprintf(
		"VirtualService %s binds to Gateway %s, which its namespace may not use: its routes get out there",
		[objects.shown(objects.own, objects.name), name],
	)
}

# The namespace and name of a Gateway, with / between.
named(text) := text if {
	is_string(text)
	regex.match(`^[^./]+/[^/]+$`, text)
} else := concat("/", [gateway.namespace, gateway.name]) if {
	gateway := virtualservices.gateway(text, objects.own)
}

allowed(name) if {
	own := objects.own
	some entry in params.bindings
	objects.like(entry.namespaces, own)
	some pattern in entry.gateways
	meets(pattern, name, own)
}

meets(pattern, name, _) if glob.match(pattern, null, name)

# What the namespace is called is no pattern.
meets(pattern, name, own) if {
	startswith(pattern, "./")
	home := concat("", [own, "/"])
	startswith(name, home)
	glob.match(trim_prefix(pattern, "./"), null, trim_prefix(name, home))
}
