# METADATA
# title: Routes only to Services of their own namespace
# description: |
#   A route to a Service of another namespace makes that team's Service answer under a host, with a path and at a rate that the team does
#   not know of; an authorization policy by source namespace sees only the gateway workload. Hosts outside the cluster belong to no
#   namespace; with `external: false` only those may be routed to that a ServiceEntry of the same namespace has. Nothing is said of a host
#   whose ServiceEntry is not in the input: with `--complete` it is known that there is none. An ExternalName Service of the own namespace
#   is one of it, whatever it stands for.
#
#   Fix: let the namespace of the Service have the VirtualService, or a delegate of its own; or have it entered under `namespaces`.
# schemas:
# - data.gatelint.params.destination_in_own_namespace:
#     type: object
#     additionalProperties: false
#     properties:
#       namespaces:
#         description: patterns of the namespaces whose Services everybody may route to
#         type: array
#         items: {type: string, format: glob}
#       external:
#         description: whether hosts outside the cluster may be routed to
#         type: boolean
#       cluster_domain:
#         description: the domain of the cluster's Services; set it where --cluster-domain is another
#         type: string
#         pattern: ^[\w-]+(\.[\w-]+)*\.?$
# custom:
#   kinds: [VirtualService]
#   severity: error
#   admission: deny
#   params: {namespaces: [], external: true, cluster_domain: cluster.local}
package gatelint.destination_in_own_namespace

import data.gatelint.lib.hosts
import data.gatelint.lib.objects

params := data.gatelint.params.destination_in_own_namespace

deny contains {"msg": message, "path": array.concat(destination.path, ["host"])} if {
	some destination in destinations
	namespace := hosts.namespace(destination.host, objects.own, params.cluster_domain)
	namespace != objects.own
	not objects.like(params.namespaces, namespace)
	message := sprintf("host %q is a Service of namespace %q: requests leave namespace %q for it", [destination.host, namespace, objects.own])
}

deny contains {"msg": message, "path": array.concat(destination.path, ["host"])} if {
	not params.external
	some destination in destinations
	not hosts.namespace(destination.host, objects.own, params.cluster_domain)
	not entered(destination.host)
	known(destination.host)
	message := sprintf("host %q is in no ServiceEntry of namespace %q: requests leave the cluster for it", [destination.host, objects.own])
}

entered(host) if {
	some service in data.gatelint.mesh.by_host[lower(host)].services
	service.namespace == objects.own
}

# A manifest that leaves its namespace open can be meant for this one.
entered(host) if {
	some service in data.gatelint.mesh.by_host[lower(host)].services
	not objects.stated(service.namespace)
}

# What is not in the input can be anybody's.
known(host) if data.gatelint.mesh.by_host[lower(host)].services[0]

known(host) if {
	some destination in data.gatelint.mesh.this.destinations
	destination.exists == false
	lower(destination.host) == lower(host)
}

# A short name is of its own namespace. Many routes go to few hosts, which are looked at once.
destinations contains {"path": ["spec", protocol, i, "route", k, "destination"], "host": host} if {
	some host in {host | host := input.spec[_][_].route[_].destination.host}
	is_string(host)
	contains(host, ".")
	not objects.opaque(host)
	some protocol in ["http", "tls", "tcp"]
	some i, k
	host == input.spec[protocol][i].route[k].destination.host
}

destinations contains {"path": ["spec", "http", i, "mirror"], "host": host} if {
	some i
	host := input.spec.http[i].mirror.host
	is_string(host)
	contains(host, ".")
	not objects.opaque(host)
}

destinations contains {"path": ["spec", "http", i, "mirrors", k, "destination"], "host": host} if {
	some i, k
	host := input.spec.http[i].mirrors[k].destination.host
	is_string(host)
	contains(host, ".")
	not objects.opaque(host)
}
