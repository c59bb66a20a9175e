# METADATA
# title: No wildcard hosts outside the edge team
# description: |
#   A wildcard host on a Gateway or on a VirtualService that a Gateway serves takes every name that nothing nearer claims: names of other
#   teams, names that do not exist yet, and with a wildcard certificate all of them over TLS. Servers that pass TLS through by SNI
#   between clusters (AUTO_PASSTHROUGH) need "*.local" and are left alone, as are servers that only redirect to HTTPS, servers of TCP
#   without TLS, which look at no name, with what they alone serve, and VirtualServices that only sidecars take.
#
#   Fix: name the hosts, or have the namespace or the domain entered under `namespaces` or `hosts`.
# schemas:
# - data.gatelint.params.no_wildcard_host:
#     type: object
#     additionalProperties: false
#     properties:
#       namespaces:
#         description: patterns of the namespaces that may have wildcards
#         type: array
#         items: {type: string, format: glob}
#       hosts:
#         description: wildcards that anybody may have, such as "*.preview.example.com", with those below them
#         type: array
#         items: {type: string, pattern: '^\*([-.]?[\w-]+(\.[\w-]+)*)?$'}
# custom:
#   kinds: [Gateway, VirtualService]
#   severity: error
#   admission: deny
#   params: {namespaces: [], hosts: []}
package gatelint.no_wildcard_host

import data.gatelint.lib.hosts
import data.gatelint.lib.objects
import data.gatelint.lib.servers
import data.gatelint.lib.virtualservices

params := data.gatelint.params.no_wildcard_host

deny contains {"msg": taken(host), "path": ["spec", "hosts", i]} if {
	input.kind == "VirtualService"
	some i, host in input.spec.hosts
	is_string(host)
	contains(host, "*")
	served(host)
}

deny contains {"msg": taken(host), "path": ["spec", "servers", i, "hosts", k]} if {
	input.kind == "Gateway"
	some i, server in input.spec.servers
	not harmless(server)
	some k, text in server.hosts
	is_string(text)
	contains(text, "*")
	host := hosts.of_server(text)
	fault(host)
	not can_be_harmless(server)
}

served(host) if {
	fault(host)
	count(virtualservices.gateways(input)) > 0
	not virtualservices.nameless
}

harmless(server) if servers.between_clusters(server)

harmless(server) if servers.nameless(server)

harmless(server) if {
	server.tls.httpsRedirect == true
	servers.plain(server.port)
}

# Once its placeholders are filled in.
can_be_harmless(server) if objects.opaque(server.tls)

can_be_harmless(server) if objects.opaque(server.tls.mode)

can_be_harmless(server) if {
	servers.redirects(server)
	can_be_http(server.port)
}

can_be_http(port) if objects.opaque(port)

can_be_http(port) if objects.opaque(port.protocol)

can_be_http(port) if servers.plain(port)

fault(host) if {
	contains(host, "*")
	not objects.opaque(host)
	not allowed(host)
	not allowed_here
}

allowed(host) if {
	some domain in params.hosts
	hosts.covers(domain, host)
}

allowed_here if objects.like(params.namespaces, objects.own)

# A manifest that leaves its namespace open can be meant for one that may.
allowed_here if {
	count(params.namespaces) > 0
	not objects.own
}

taken("*") := "host \"*\" takes requests for every name that nothing nearer claims, whoever's it is"

taken(host) := message if {
	startswith(host, "*.")
	message := sprintf(
		"host %q takes requests for every name below %q that nothing nearer claims, whoever's it is",
		[host, trim_prefix(host, "*.")],
	)
}

taken(host) := message if {
	not startswith(host, "*.")
	host != "*"
	message := sprintf(
		"host %q takes requests for every name that ends with %q and that nothing nearer claims, whoever's it is",
		[host, trim_prefix(host, "*")],
	)
}
