# METADATA
# title: Weights that add up, in agreed steps
# description: |
#   Envoy reads weights as shares of their sum: of 90 and 5 the second gets 5.3 %, not 5, and of a forgotten weight nothing at all, which
#   counts as 0. With `steps` a canary may only have the shares that the team has agreed on, which its alerts and its dashboards know: the
#   heaviest destination of a route is taken for the stable one, every other must have one of the steps, or 0.
#
#   Fix: make the weights of a route sum up, and give the canary one of the steps.
# schemas:
# - data.gatelint.params.canary_weights:
#     type: object
#     additionalProperties: false
#     properties:
#       sum:
#         description: what the weights of a route add up to; 0 for anything
#         type: integer
#         minimum: 0
#       steps:
#         description: the weights that a destination beside the heaviest may have; none is all
#         type: array
#         items: {type: integer}
# custom:
#   kinds: [VirtualService]
#   severity: error
#   admission: deny
#   params: {sum: 100, steps: []}
package gatelint.canary_weights

import data.gatelint.lib.objects

params := data.gatelint.params.canary_weights

deny contains {"msg": message, "path": array.concat(division.path, ["route"])} if {
	params.sum > 0
	some division in splits
	total := sum(division.weights)
	not total in {0, params.sum} # istiod refuses 0
	message := sprintf(
		"weights add up to %v, not %v: Envoy reads them as shares of %v, so that no destination gets what it says",
		[total, params.sum, total],
	)
}

deny contains {"msg": message, "path": array.concat(division.path, ["route", k, "weight"])} if {
	count(params.steps) > 0
	some division in splits
	some k, weight in division.weights
	k != heaviest(division.weights)
	weight != 0
	not weight in params.steps
	message := sprintf("weight %v is none of the steps %s", [weight, concat(", ", [sprintf("%v", [step]) | some step in params.steps])])
}

# The routes that split requests, with their weights: a weight that is left out is 0, that of no destination null.
splits contains {"path": ["spec", protocol, i], "weights": weights} if {
	some protocol, i
	input.spec[protocol][i].route[1]
	protocol in {"http", "tls", "tcp"}
	weights := [weight(destination) | some destination in input.spec[protocol][i].route]
	every weight in weights {
		is_number(weight)
	}
}

default weight(_) := null

weight(destination) := 0 if {
	objects.lacks(destination, "weight")
} else := destination.weight

heaviest(weights) := min([k | some k, weight in weights; weight == max(weights)])
