# METADATA
# title: Retries within bounds
# description: |
#   Each retry is one more request to a Service that is failing already, and retries of callers multiply with those of their callers:
#   three layers with five attempts each make 216 requests of one. Without `perTryTimeout` a try lasts as long as the route's timeout, so
#   that there is no time left for another.
#
#   A route that says nothing of retries has two, without `perTryTimeout`, or those of the mesh config, which are not judged. Retries
#   without `retryOn` are on connect-failure, refused-stream, unavailable and cancelled: where that passes a bound, it is asked to say so.
#   A route of a delegate can have its retries from the rule that delegates to it, so it is asked for there; in the
#   webhook, when that rule is applied: what the delegate changes later, the audit reports.
#
#   Fix: lower `attempts`, and state `perTryTimeout` where it is asked for.
# schemas:
# - data.gatelint.params.retries_bounded:
#     type: object
#     additionalProperties: false
#     properties:
#       attempts:
#         description: the most retries of a request
#         type: integer
#         minimum: 0
#       per_try_timeout:
#         description: the longest perTryTimeout, which then has to be stated, such as 2s; "" for any or none
#         type: string
#         pattern: ^(([0-9]+(\.[0-9]+)?(ms|s|m|h))+)?$
#       retry_on:
#         description: the conditions that may be retried on, such as connect-failure; none is all
#         type: array
#         items: {type: string}
# custom:
#   kinds: [VirtualService]
#   severity: error
#   admission: deny
#   params: {attempts: 3, per_try_timeout: "", retry_on: []}
package gatelint.retries_bounded

import data.gatelint.lib.objects
import data.gatelint.lib.virtualservices

params := data.gatelint.params.retries_bounded

deny contains {"msg": message, "path": ["spec", "http", i, "retries", "attempts"]} if {
	some i, retries in retrying
	retries.attempts > params.attempts
	message := sprintf(
		"%v retries are more than %v: of one request that fails come %v",
		[retries.attempts, params.attempts, retries.attempts + 1],
	)
}

deny contains {"msg": message, "path": ["spec", "http", i]} if {
	unstated
	input.spec.hosts[0]
	some i, route in input.spec.http
	defaulted(route)

	# regal ignore:non-loop-expression
	not configured
	message := sprintf("no retries are stated: %s", [unstated])
}

deny contains {"msg": message, "path": ["spec", "http", i, "delegate"], "related": related} if {
	unstated
	some i
	input.spec.http[i].delegate.name
	rule := input.spec.http[i]
	objects.lacks(rule, "retries")
	named := virtualservices.delegate(input, rule)

	# regal ignore:non-loop-expression
	not configured
	delegate := data.gatelint.mesh.objects.VirtualService[named.namespace][named.name]
	end := object.union(named, {"kind": "VirtualService", "msg": "no retries"})
	related := array.slice([object.union(end, {"path": ["spec", "http", k]}) | some k, route in delegate.spec.http; defaulted(route)], 0, 5)
	message := sprintf(
		"no retries are stated here nor on spec.http[%d] of delegate VirtualService %s: %s",
		[related[0].path[2], objects.shown(named.namespace, named.name), unstated],
	)
}

deny contains {"msg": message, "path": ["spec", "http", i, "retries"]} if {
	params.per_try_timeout != ""
	some i, retries in retrying
	objects.lacks(retries, "perTryTimeout")
	message := sprintf("retries have no perTryTimeout, at most %q: the first try can take all the time there is", [params.per_try_timeout])
}

deny contains {"msg": message, "path": ["spec", "http", i, "retries", "perTryTimeout"]} if {
	some i, retries in retrying
	objects.seconds(retries.perTryTimeout) > objects.seconds(params.per_try_timeout)
	message := sprintf(
		"perTryTimeout %q is longer than %q: a Service that hangs is waited for %v times that long",
		[retries.perTryTimeout, params.per_try_timeout, retries.attempts + 1],
	)
}

deny contains {"msg": message, "path": ["spec", "http", i, "retries"]} if {
	beyond
	some i, retries in retrying
	object.get(retries, "retryOn", null) in {null, ""}
	message := sprintf("retries have no retryOn: Istio retries %s", [beyond])
}

deny contains {"msg": message, "path": ["spec", "http", i, "retries", "retryOn"]} if {
	count(params.retry_on) > 0
	some i, retries in retrying
	is_string(retries.retryOn)
	some condition in regex.split(`\s*,\s*`, retries.retryOn)
	condition != ""
	not objects.opaque(condition)
	not condition in params.retry_on
	message := sprintf(
		"retries on %q, which is not one of %s: requests that must not run twice can",
		[condition, objects.quoted(params.retry_on)],
	)
}

# Retries that the mesh config states are not judged; looked up where something would be said.
configured if data.gatelint.mesh.meshconfig.defaultHttpRetryPolicy

# What is too much of the retries that Istio makes by itself.
unstated := sprintf("Istio makes two by itself, and %d is the most", [params.attempts]) if {
	params.attempts < 2
} else := sprintf("Istio makes two by itself, without perTryTimeout, which is to be at most %q", [params.per_try_timeout]) if {
	params.per_try_timeout != ""
} else := sprintf("Istio makes two by itself, %s", [beyond])

# What a retry that states no retryOn is on beyond what may be; codes are named by retryOn alone.
beyond := sprintf("on %s, not only on %s", [objects.quoted(others), objects.quoted(params.retry_on)]) if {
	count(params.retry_on) > 0
	others := [condition |
		some condition in ["connect-failure", "refused-stream", "unavailable", "cancelled"]
		not condition in params.retry_on
	]
	count(others) > 0
}

defaulted(route) if {
	objects.lacks(route, "retries")
	route.route[0]
}

# The rules that retry, by index. None at all is Istio's default, two.
retrying[i] := input.spec.http[i].retries if {
	some i
	attempts := input.spec.http[i].retries.attempts
	is_number(attempts)
	attempts > 0
}
