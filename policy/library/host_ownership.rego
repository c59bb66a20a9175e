# METADATA
# title: Hosts claimed only by the namespaces that own them
# description: |
#   A VirtualService or a Gateway in any namespace can claim any host: whoever may write one can take the requests of another team, or
#   serve its name with another certificate. A host belongs to the namespaces of the nearest domain in `owners` that it lies in; a host in
#   none is anybody's, and the domain "*" makes all the rest somebody's. A namespace can carry its domains itself,
#   in the annotation `gatelint.io/hosts` ("shop.example.com, *.shop.example.org"; "" for none): it may then claim these, and what
#   `owners` gives it, and nothing else. In the webhook `users` and `groups` of an entry say who may make the claim; the linter does not
#   know them.
#
#   What counts: hosts of a VirtualService that a Gateway serves or other namespaces see, there also a wildcard over somebody's domain;
#   hosts of a Gateway's servers, unless they are offered to an owner ("shop/shop.example.com"), but no wildcard over what lies below it.
#   Names of Services are left to Istio, unless they lie in a domain of `owners` other than "*"; web.shop and web.shop.svc on the mesh are
#   such names. Servers of TCP without TLS look at no name: their hosts are no claims, nor are those of what they alone serve; nor are those
#   of a server between clusters (AUTO_PASSTHROUGH), which passes all on to the Service that is asked for.
#
#   The Gateway of the edge team claims the hosts that it lists: offer each to its owner, or enter an exception for Gateways in edge.
#
#   No ignore counts, nor does a baseline: whom the policy binds could write it. Exceptions belong into the parameters.
#
#   Fix: move the claim to the namespace that owns the host, or have the platform team enter it under `owners` or `exceptions`.
# schemas:
# - data.gatelint.params.host_ownership:
#     type: object
#     additionalProperties: false
#     properties:
#       owners:
#         description: |-
#           who may claim a domain, by the domain: "shop.example.com" is the name with all below it, "*.shop.example.com"
#           only those below, "*" all the rest
#         type: object
#         propertyNames: {format: domain, pattern: '^(\*|(\*\.)?[\w-]+(\.[\w-]+)*)$'}
#         additionalProperties:
#           type: object
#           additionalProperties: false
#           required: [namespaces]
#           properties:
#             namespaces:
#               description: patterns of namespaces
#               type: array
#               items: {type: string, format: glob}
#             users:
#               description: patterns of users; who asks must be one of these or of the groups
#               type: array
#               minItems: 1
#               items: {type: string, format: glob}
#             groups:
#               description: patterns of groups
#               type: array
#               minItems: 1
#               items: {type: string, format: glob}
#       exceptions:
#         description: claims that pass; every key of an entry has to hold, in the linter without users and groups
#         type: array
#         items:
#           type: object
#           additionalProperties: false
#           minProperties: 1
#           properties:
#             hosts:
#               type: array
#               items: {type: string, pattern: '^(\*|(\*[-.]?)?[\w-]+(\.[\w-]+)*)$'}
#             kinds: {type: array, items: {type: string, enum: [Gateway, VirtualService]}}
#             namespaces: {type: array, items: {type: string, format: glob}}
#             names: {type: array, items: {type: string, format: glob}}
#             users: {type: array, minItems: 1, items: {type: string, format: glob}}
#             groups: {type: array, minItems: 1, items: {type: string, format: glob}}
#       annotation:
#         description: the annotation in which a namespace carries its domains
#         type: string
#       cluster_domain:
#         description: the domain of the cluster's Services; set it where --cluster-domain is another
#         type: string
#         pattern: ^[\w-]+(\.[\w-]+)*\.?$
# custom:
#   kinds: [Gateway, VirtualService]
#   severity: error
#   admission: deny
#   ignorable: false
#   params: {owners: {}, exceptions: [], annotation: gatelint.io/hosts, cluster_domain: cluster.local}
package gatelint.host_ownership

import data.gatelint.lib.hosts
import data.gatelint.lib.objects
import data.gatelint.lib.servers
import data.gatelint.lib.virtualservices

params := data.gatelint.params.host_ownership

# The entries by their domains as hosts are compared.
owners := object.union_n([{lower(domain): object.union(entry, {"domain": lower(domain)})} | some domain, entry in params.owners])

deny contains {"msg": message, "path": path} if {
	count(owners) > 0
	some [host, path, offer] in claims
	entry := owner(host)
	not objects.like(entry.namespaces, objects.own)
	not passes(host, offer)
	message := sprintf(
		"namespace %q claims host %q, which belongs to %s: requests to it can end there",
		[objects.own, host, shown(entry.namespaces)],
	)
}

deny contains {"msg": message, "path": path} if {
	count(owners) > 0
	data.gatelint.request.user
	some [host, path, offer] in claims
	entry := owner(host)
	refused(entry)
	objects.like(entry.namespaces, objects.own)
	not passes(host, offer)
	message := sprintf(
		"user %q claims host %q of namespace %q, which only some others may: requests to it would go where they say",
		[data.gatelint.request.user, host, objects.own],
	)
}

deny contains {"msg": message, "path": path} if {
	count(owners) > 0
	some [host, path, offer] in claims
	contains(host, "*")
	[domain, namespaces] := over_others(host)
	not passes(host, offer)
	message := sprintf(
		"namespace %q claims host %q, which takes in %q of %s: requests that no nearer host takes end there",
		[objects.own, host, domain, shown(namespaces)],
	)
}

deny contains {"msg": message, "path": path} if {
	count(owners) > 0
	data.gatelint.request.user
	some [host, path, offer] in claims
	contains(host, "*")
	[domain, namespaces] := over_refusing(host)
	not passes(host, offer)
	message := sprintf(
		"user %q claims host %q, which takes in %q of %s, where only some others may: requests that no nearer host takes would go where they say",
		[data.gatelint.request.user, host, domain, shown(namespaces)],
	)
}

deny contains {"msg": message, "path": path} if {
	listed
	some [host, path, offer] in claims
	not owner(host)
	not over_others(host)
	not passes(host, offer)
	not over_refusing(host)
	message := sprintf(
		"namespace %q claims host %q, which its annotation %q does not list: requests to it are somebody else's",
		[objects.own, host, params.annotation],
	)
}

# The hosts with their places, and how a Gateway offers them.
claims contains [claimed(plain), ["spec", "hosts", i], ""] if {
	input.kind == "VirtualService"
	reaches_others
	some i, host in input.spec.hosts
	is_string(host)
	plain := trim_suffix(lower(host), ".")
}

claims contains [plain, ["spec", "servers", i, "hosts", k], text] if {
	some i, server in input.spec.servers
	not servers.nameless(server)
	not servers.between_clusters(server)
	some k, text in server.hosts
	is_string(text)
	plain := trim_suffix(lower(hosts.of_server(text)), ".")
}

# A host in full where it is a Service's name, by which sidecars' clients call too, that somebody owns. Of two labels it can be another's
# as well: then the owner has to be one of its namespace.
claimed(host) := full if {
	regex.match(`^[^.]+\.[^.]+(\.svc)?$`, host)
	full := in_full(host)
	virtualservices.on_mesh(input)
	owner(full).domain != "*"
} else := host

in_full(host) := concat("", [trim_suffix(host, ".svc"), services]) if {
	[_, _, "svc"] = split(host, ".")
} else := full if {
	[_, namespace] = split(host, ".")
	full := concat("", [host, services])
	hosts.within(concat("", [namespace, services]), trim_prefix(owner(full).domain, "*."))
}

reaches_others if served

reaches_others if virtualservices.exported(input)

served if {
	some gateway in input.spec.gateways
	gateway != "mesh"
}

# Names of Services are left to Istio, unless somebody is said to own them.
left(host) if {
	service_name(host)
	not owned(host)
	not over_others(host)
	not over_refusing(host)
}

owned(host) if owner(host).domain != "*"

# A name of a Service, or one that Istio makes a name of a Service.
service_name(host) if not regex.match(`[.*]`, host)

service_name(host) if endswith(host, ".svc")

service_name(host) if {
	[_, objects.own] = split(host, ".")
	not served
}

service_name(host) if endswith(host, services)

services := concat("", [".svc.", trim_suffix(lower(params.cluster_domain), ".")])

# The entry of the nearest domain that a host lies in. Domains are looked up, as there can be hundreds.
owner(host) := entry if {
	entry := known[host]
} else := entry if {
	entry := above(substring(host, indexof_n(host, ".")[0], -1))
} else := owners["*"]

# The same by what the hosts of a domain end with, asked once for all of them; a rule costs more to look up than a variable.
above(end) := [entry |
	# regal ignore:pointless-reassignment
	entries := known
	some dot in indexof_n(end, ".")
	entry := entries[substring(end, dot, -1)]
][0]

# Both by which an entry is looked up: no domain begins with a dot.
known := object.union(owners, below)

# The entries by what the names below their domains end with: *.example.com goes before example.com.
below[end] := entries[0] if {
	some key, _ in owners
	end := concat("", [".", trim_prefix(key, "*.")])
	entries := [entry |
		some domain in [concat("", ["*", end]), trim_prefix(end, ".")]
		entry := owners[domain]
	]
}

# A domain of other namespaces that a wildcard takes in, where nobody owns the wildcard itself, or they may have it too.
over_others(host) := [[domain, entry.namespaces] |
	some domain, entry in owners
	not objects.like(entry.namespaces, objects.own)
	hosts.covers(host, trim_prefix(domain, "*."))
	not above_it(host, entry)
][0] if {
	hosts.wild(host)
	input.kind == "VirtualService"
}

# The same of the namespace itself, but of users that it does not have.
over_refusing(host) := [[domain, entry.namespaces] |
	some domain, entry in owners
	refused(entry)
	objects.like(entry.namespaces, objects.own)
	hosts.covers(host, trim_prefix(domain, "*."))
][0] if {
	hosts.wild(host)
	input.kind == "VirtualService"
	not somebodys(host)
}

somebodys(host) if {
	entry := owner(host)
	not "*" in entry.namespaces
}

# Who owns a wildcard is above those for whom a part is carved out of it, unless one pattern takes in both.
above_it(host, entry) if {
	somebodys(host)
	patterns := [pattern | some pattern in owner(host).namespaces; contains(pattern, "*")]
	every namespace in entry.namespaces {
		not objects.like(patterns, namespace)
	}
}

refused(entry) if {
	data.gatelint.request.user
	some _ in array.concat(object.get(entry, "users", []), object.get(entry, "groups", []))
	not objects.asked_by(object.get(entry, "users", []), object.get(entry, "groups", []))
}

shown([]) := "no namespace"

shown(namespaces) := sprintf("namespace %s", [objects.quoted(namespaces)]) if namespaces != []

# The domains that the namespace carries: an annotation without any allows none.
listed := regex.split(`[\s,]+`, text) if {
	text := data.gatelint.mesh.namespaces[objects.own].annotations[params.annotation]
	not objects.opaque(text)
}

listed_later if objects.opaque(data.gatelint.mesh.namespaces[objects.own].annotations[params.annotation])

passes(host, _) if objects.opaque(host)

passes(host, _) if left(host)

passes(_, _) if {
	input.kind == "VirtualService"
	virtualservices.nameless
}

passes(host, _) if {
	some domain in listed
	hosts.within(domain, host)
}

# A Gateway that offers a host to its owner only does not claim it. Who offers it to the own namespace does.
passes(host, offer) if {
	namespace := hosts.offered_to(offer, objects.own)
	namespace != objects.own
	objects.like(owner(host).namespaces, namespace)
}

passes(_, offer) if objects.opaque(offer)

# An annotation that is not filled in yet can come to list it.
passes(_, _) if listed_later

passes(host, _) if {
	some exception in params.exceptions
	holds_hosts(exception, host)
	input.kind in object.get(exception, "kinds", [input.kind])
	objects.like(object.get(exception, "namespaces", ["*"]), objects.own)
	holds_names(exception)
	not refused(exception)
}

passes(_, _) if {
	input.kind == "VirtualService"
	not surely_reaches_others
}

holds_names(exception) if not exception.names

holds_names(exception) if objects.like(exception.names, objects.name)

holds_names(_) if objects.opaque(objects.name)

# A placeholder among the gateways can be "mesh".
surely_reaches_others if {
	some gateway in input.spec.gateways
	gateway != "mesh"
	not objects.opaque(gateway)
}

surely_reaches_others if virtualservices.exported(input)

holds_hosts(exception, _) if not exception.hosts

holds_hosts(exception, host) if {
	some domain in exception.hosts
	hosts.within(domain, host)
}
