# METADATA
# title: Plain HTTP servers redirect to HTTPS
# description: |
#   A server of plain HTTP without `tls.httpsRedirect` answers: requests, cookies and passwords cross the network in clear text, and
#   nobody notices, as everything works. Gateways of egress workloads are left alone: what reaches them comes from sidecars.
#
#   Fix: set `tls: {httpsRedirect: true}` on the server. Where a client cannot follow a redirect (challenges of a certificate
#   authority, health checks), enter the host or the port under `hosts` or `ports`.
# schemas:
# - data.gatelint.params.https_redirect_required:
#     type: object
#     additionalProperties: false
#     properties:
#       hosts:
#         description: domains that may be served plainly; every host of a server has to lie in one
#         type: array
#         items: {type: string, pattern: '^(\*|(\*[-.]?)?[\w-]+(\.[\w-]+)*)$'}
#       ports:
#         description: ports that may serve plainly
#         type: array
#         items: {type: integer}
#       namespaces:
#         description: patterns of the namespaces whose Gateways may serve plainly
#         type: array
#         items: {type: string, format: glob}
#       selectors:
#         description: labels of workloads that may serve plainly; a Gateway is exempt whose selector has all of an entry
#         type: array
#         items: {type: object, additionalProperties: {type: string}, minProperties: 1}
# custom:
#   kinds: [Gateway]
#   severity: error
#   admission: deny
#   params: {hosts: [], ports: [], namespaces: [], selectors: [{istio: egressgateway}]}
package gatelint.https_redirect_required

import data.gatelint.lib.hosts
import data.gatelint.lib.objects
import data.gatelint.lib.servers

params := data.gatelint.params.https_redirect_required

deny contains {"msg": message, "path": ["spec", "servers", i]} if {
	not exempt
	some i, server in input.spec.servers
	servers.plain(server.port)
	not servers.redirects(server)
	number := object.get(server.port, "number", 0)
	not number in params.ports
	not exempt_hosts(server)
	not exempt_later(number)
	message := sprintf("server port %v answers plain HTTP and does not redirect to HTTPS: requests travel in clear text", [number])
}

exempt if objects.like(params.namespaces, objects.own)

# A manifest that leaves its namespace open can be meant for one that may.
exempt if {
	count(params.namespaces) > 0
	not objects.own
}

exempt if {
	some labels in params.selectors
	every key, value in labels {
		input.spec.selector[key] == value
	}
}

# Once placeholders are filled in.
exempt_later(number) if {
	count(params.ports) > 0
	objects.opaque(number)
}

exempt_later(_) if {
	some labels in params.selectors
	every key, value in labels {
		has_later(input.spec.selector, key, value)
	}
}

has_later(selector, key, value) if selector[key] == value

has_later(selector, key, _) if objects.opaque(selector[key])

has_later(selector, _, _) if objects.opaque(selector)

has_later(selector, key, _) if {
	objects.lacks(selector, key)
	some other, _ in selector
	objects.opaque(other)
}

exempt_hosts(server) if objects.opaque(server.hosts)

exempt_hosts(server) if {
	some _ in server.hosts
	every text in server.hosts {
		exempt_host(text)
	}
}

exempt_host(text) if objects.opaque(text)

exempt_host(text) if {
	is_string(text)
	some domain in params.hosts
	hosts.within(domain, hosts.of_server(text))
}
