# METADATA
# title: Hosts claimed only by the namespaces that own them
# description: |
#   A VirtualService or a Gateway in any namespace can claim any host: whoever may write one can take the requests of another team, or
#   serve its name with another certificate. A host belongs to the namespaces of that entry of `owners` whose domain is the longest it
#   lies in; a host in none is anybody's, and an entry for "*" makes all the rest somebody's. A namespace can carry its domains itself,
#   in the annotation `gatelint.io/hosts` ("shop.example.com, *.shop.example.org"): it may then claim these, and what `owners` gives
#   it, and nothing else. In the webhook `users` and `groups` of an entry say who may make the claim; the linter does not know them.
#
#   What counts: hosts of a VirtualService that a Gateway serves or other namespaces see, also a wildcard over somebody's domain; hosts
#   of a Gateway's servers, unless they are offered to an owner ("shop/shop.example.com"). Names of Services are left to Istio.
#
#   The Gateway of the edge team claims the hosts that it lists: offer each to its owner, or enter an exception for Gateways in edge.
#
#   Fix: move the claim to the namespace that owns the host, or have the platform team enter it under `owners` or `exceptions`.
# schemas:
# - data.gatelint.params.host_ownership:
#     type: object
#     additionalProperties: false
#     properties:
#       owners:
#         description: which namespaces may claim which domains
#         type: array
#         items:
#           type: object
#           additionalProperties: false
#           required: [hosts, namespaces]
#           properties:
#             hosts:
#               description: domains, "shop.example.com" with all names below it, "*.shop.example.com" only those below
#               type: array
#               items: {type: string}
#             namespaces:
#               description: patterns of namespaces
#               type: array
#               items: {type: string}
#             users:
#               description: patterns of users; who asks must be one of these or of the groups
#               type: array
#               items: {type: string}
#             groups:
#               description: patterns of groups
#               type: array
#               items: {type: string}
#       exceptions:
#         description: claims that pass; every key of an entry has to hold, in the linter without users and groups
#         type: array
#         items:
#           type: object
#           additionalProperties: false
#           minProperties: 1
#           properties:
#             hosts: {type: array, items: {type: string}}
#             kinds: {type: array, items: {type: string, enum: [Gateway, VirtualService]}}
#             namespaces: {type: array, items: {type: string}}
#             names: {type: array, items: {type: string}}
#             users: {type: array, items: {type: string}}
#             groups: {type: array, items: {type: string}}
#       annotation:
#         description: the annotation in which a namespace carries its domains
#         type: string
# custom:
#   kinds: [Gateway, VirtualService]
#   severity: error
#   params: {owners: [], exceptions: [], annotation: gatelint.io/hosts}
package gatelint.host_ownership

import data.gatelint.lib.hosts
import data.gatelint.lib.objects
import data.gatelint.lib.virtualservices

params := data.gatelint.params.host_ownership

own := objects.namespace(input)

deny contains {"msg": message, "path": claim.path} if {
	some claim in claims
	not annotated(claim.host)
	message := fault(claim.host)
	not excepted(claim.host)
}

claims contains {"host": host, "path": ["spec", "hosts", i]} if {
	input.kind == "VirtualService"
	reaches_others
	some i, host in objects.texts(input.spec.hosts)
	not service_name(host)
}

claims contains {"host": host, "path": ["spec", "servers", i, "hosts", k]} if {
	input.kind == "Gateway"
	some i, server in input.spec.servers
	some k, text in objects.texts(server.hosts)
	host := hosts.of_server(text)
	not service_name(host)
	not offered_to_owner(text, host)
}

reaches_others if virtualservices.exported(input)

reaches_others if count(virtualservices.gateways(input)) > 0

# A name of a Service, or one that Istio makes a name of a Service.
service_name(host) if {
	host != "*"
	not contains(host, ".")
}

service_name(host) if regex.match(`\.svc(\.|$)`, lower(host))

offered_to_owner(text, host) if {
	namespace := hosts.offered_to(text, own)
	some entry in deciding(host)
	objects.like(entry.namespaces, namespace)
}

# The entries that decide about a host: those with the longest domain that it lies in.
deciding(host) := [candidate.entry |
	some candidate in candidates(host)
	candidate.length == max([other.length | some other in candidates(host)])
]

candidates(host) := [{"entry": entry, "length": count(domain)} |
	some entry in params.owners
	some domain in entry.hosts
	hosts.within(domain, host)
]

given(host) := [entry |
	some entry in deciding(host)
	objects.like(entry.namespaces, own)
]

# What is wrong with a claim: at most one of these.
fault(host) := of_others(host)

fault(host) := for_others(host)

fault(host) := over_others(host)

fault(host) := not_listed(host)

of_others(host) := message if {
	entries := deciding(host)
	count(entries) > 0
	count(given(host)) == 0
	message := sprintf(
		"namespace %q claims host %q, which belongs to %s: requests to it can end there",
		[own, host, owners(entries)],
	)
}

for_others(host) := message if {
	count(given(host)) > 0
	every entry in given(host) {
		refused(entry)
	}
	message := sprintf(
		"user %q claims host %q of namespace %q, which only some others may: requests to it would go where they say",
		[data.gatelint.request.user, host, own],
	)
}

over_others(host) := message if {
	count(deciding(host)) == 0
	input.kind == "VirtualService"
	[domain, entry] := others_below(host)[0]
	message := sprintf(
		"namespace %q claims host %q, which takes in %q of %s: requests that no nearer host takes end there",
		[own, host, domain, owners([entry])],
	)
}

not_listed(host) := message if {
	count(deciding(host)) == 0
	not over_others(host)
	message := sprintf(
		"namespace %q claims host %q, which its annotation %q does not list: requests to it are somebody else's",
		[own, host, listed.annotation],
	)
}

# Domains of other namespaces that a wildcard takes in.
others_below(host) := [[domain, entry] |
	hosts.wild(host)
	some entry in params.owners
	not objects.like(entry.namespaces, own)
	some domain in entry.hosts
	hosts.covers(host, trim_prefix(domain, "*."))
]

refused(entry) if {
	data.gatelint.request.user
	some _ in array.concat(object.get(entry, "users", []), object.get(entry, "groups", []))
	not objects.asked_by(object.get(entry, "users", []), object.get(entry, "groups", []))
}

owners(entries) := "no namespace" if count(namespaces_of(entries)) == 0

owners(entries) := sprintf("namespace %s", [objects.quoted(namespaces_of(entries))]) if count(namespaces_of(entries)) > 0

namespaces_of(entries) := {namespace | some entry in entries; some namespace in entry.namespaces}

# The domains that the namespace carries.
listed := {"annotation": params.annotation, "domains": domains} if {
	text := data.gatelint.mesh.namespaces[own].annotations[params.annotation]
	domains := {domain | some domain in regex.split(`[\s,]+`, text); domain != ""}
}

annotated(host) if {
	some domain in listed.domains
	hosts.within(domain, host)
}

excepted(host) if {
	some exception in params.exceptions
	holds_hosts(exception, host)
	input.kind in object.get(exception, "kinds", [input.kind])
	objects.like(object.get(exception, "namespaces", ["*"]), own)
	objects.like(object.get(exception, "names", ["*"]), object.get(input, ["metadata", "name"], ""))
	not refused(exception)
}

holds_hosts(exception, _) if not exception.hosts

holds_hosts(exception, host) if {
	some domain in exception.hosts
	hosts.within(domain, host)
}
