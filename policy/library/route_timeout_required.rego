# METADATA
# title: Every route has a timeout
# description: |
#   Istio by itself waits for an answer without end unless a route has a `timeout`: a Service that hangs holds the connections, threads
#   and memory of everybody who calls it, until they hang too. A route of a delegate can have its timeout from the rule that delegates
#   to it, so it is asked for there; in the webhook, when that rule is applied: what the delegate changes later, the audit
#   reports.
#
#   Fix: set `timeout` on the route, a little above what the Service really takes. Enter routes that stream (gRPC, WebSockets, long
#   polls) under `streams`, by the name of the route.
# schemas:
# - data.gatelint.params.route_timeout_required:
#     type: object
#     additionalProperties: false
#     properties:
#       max:
#         description: the longest timeout, such as 30s; "" for any
#         type: string
#         pattern: ^(([0-9]+(\.[0-9]+)?(ms|s|m|h))+)?$
#       streams:
#         description: patterns of names of routes (spec.http[].name) that need none
#         type: array
#         items: {type: string, format: glob}
# custom:
#   kinds: [VirtualService]
#   severity: error
#   admission: deny
#   params: {max: "", streams: []}
package gatelint.route_timeout_required

import data.gatelint.lib.objects
import data.gatelint.lib.virtualservices

params := data.gatelint.params.route_timeout_required

limit := objects.seconds(params.max)

# A delegate's routes are asked for a timeout where a rule delegates to them.
deny contains {"msg": message, "path": ["spec", "http", i]} if {
	input.spec.hosts[0]
	spec := input.spec
	some i, route in spec.http
	object.get(spec, ["http", i, "timeout"], null) == null # as objects.lacks, without a call for each route: most have one
	waits(route)
	message := sprintf("route has no timeout: when %s hangs, so does everybody who calls it", [destination(route)])
}

deny contains {"msg": message, "path": ["spec", "http", i, "timeout"]} if {
	limit >= 0
	some timeout in {timeout | timeout := input.spec.http[_].timeout} # most are the same
	objects.seconds(timeout) > limit
	some i
	timeout == input.spec.http[i].timeout
	not streams(input.spec.http[i])
	message := sprintf("timeout %q is longer than %q: callers are held that long when the Service hangs", [timeout, params.max])
}

deny contains {"msg": message, "path": ["spec", "http", i, "delegate"], "related": related} if {
	some i
	input.spec.http[i].delegate.name
	rule := input.spec.http[i]
	objects.lacks(rule, "timeout")
	not streams(rule)
	named := virtualservices.delegate(input, rule)
	delegate := data.gatelint.mesh.objects.VirtualService[named.namespace][named.name]
	end := object.union(named, {"kind": "VirtualService", "msg": "no timeout"})
	waiting := [object.union(end, {"path": ["spec", "http", k]}) | some k, route in delegate.spec.http; waits(route)]
	related := array.slice(waiting, 0, 5)
	message := sprintf(
		"no timeout here nor on spec.http[%d] of delegate VirtualService %s: when a Service hangs, so does everybody who calls it",
		[related[0].path[2], objects.shown(named.namespace, named.name)],
	)
}

destination(route) := sprintf("%q", [route.route[0].destination.host]) if {
	is_string(route.route[0].destination.host)
} else := "a Service"

waits(route) if {
	objects.lacks(route, "timeout")
	route.route[0]
	not streams(route)
}

streams(route) if objects.like(params.streams, route.name)

# Once its placeholders are filled in.
streams(route) if {
	count(params.streams) > 0
	objects.opaque(route.name)
}
