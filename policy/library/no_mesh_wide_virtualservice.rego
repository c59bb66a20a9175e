# METADATA
# title: No VirtualService for the whole mesh
# description: |
#   A VirtualService on the mesh whose host is "*", "*.local" or another wildcard over Services takes the requests of every sidecar that
#   sees it, to Services of every team: what it does not match gets 404. With `exports: stated` a VirtualService on the mesh also has to
#   say to whom it is exported, and not to all: without `exportTo` every sidecar of the mesh gets it.
#
#   No ignore counts, nor does a baseline: whom the policy binds could write it. Exceptions belong into the parameters.
#
#   Fix: name the Services, or keep the VirtualService to its own namespace with `exportTo: ["."]`.
# schemas:
# - data.gatelint.params.no_mesh_wide_virtualservice:
#     type: object
#     additionalProperties: false
#     properties:
#       exports:
#         description: whether exportTo has to be stated without "*" (stated), or not (any)
#         type: string
#         enum: [any, stated]
#       namespaces:
#         description: patterns of the namespaces whose VirtualServices may be for the whole mesh
#         type: array
#         items: {type: string, format: glob}
#       cluster_domain:
#         description: the domain of the cluster's Services; set it where --cluster-domain is another
#         type: string
#         pattern: ^[\w-]+(\.[\w-]+)*\.?$
# custom:
#   kinds: [VirtualService]
#   severity: error
#   admission: deny
#   ignorable: false
#   params: {exports: any, namespaces: [], cluster_domain: cluster.local}
package gatelint.no_mesh_wide_virtualservice

import data.gatelint.lib.hosts
import data.gatelint.lib.objects
import data.gatelint.lib.virtualservices

params := data.gatelint.params.no_mesh_wide_virtualservice

deny contains {"msg": message, "path": ["spec", "hosts", i]} if {
	some i, host in input.spec.hosts
	is_string(host)
	contains(host, "*")
	taken(host)
	message := sprintf("host %q takes the requests of every sidecar to Services of other namespaces: those it does not match get 404", [host])
}

deny contains {"msg": message, "path": ["spec", "exportTo", i]} if {
	params.exports == "stated"
	"*" in input.spec.exportTo
	judged
	some i, "*" in input.spec.exportTo
	message := "exportTo \"*\" gives the routes to every sidecar of the mesh"
}

deny contains {"msg": "without exportTo the routes go to every sidecar of the mesh", "path": ["spec"]} if {
	params.exports == "stated"
	not input.spec.exportTo[0]
	judged
	virtualservices.exported(input)
	not limited
}

limited if {
	visible := data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo
	not "*" in visible
}

taken(host) if {
	captures(host)
	not objects.opaque(host)
	virtualservices.exported(input)
	judged
}

judged if {
	virtualservices.on_mesh(input)
	not exempt
}

exempt if objects.like(params.namespaces, objects.own)

# A manifest that leaves its namespace open can be meant for one that may.
exempt if {
	count(params.namespaces) > 0
	not objects.own
}

services := concat("", ["svc.", trim_suffix(lower(params.cluster_domain), ".")])

# Whether a host takes in Services of other namespaces: of all, of those whose names end alike, or of one that is not its own.
captures(host) if hosts.covers(host, concat("", ["any.any.", services]))

captures(host) if {
	[_, "svc"] = array.slice(split(lower(host), "."), 0, 2)
	in_cluster(host)
}

captures(host) if {
	[_, namespace, "svc"] = array.slice(split(lower(host), "."), 0, 3)
	namespace != objects.own
	in_cluster(host)
}

# Istio holds a wildcard against full names of Services; to Envoy the short name web.shop.svc is nearer than "*.svc".
in_cluster(host) if endswith(lower(host), concat("", [".", services]))
