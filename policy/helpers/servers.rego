# METADATA
# title: Servers of Gateways
package gatelint.lib.servers

import data.gatelint.lib.objects

# METADATA
# description: Whether a port of a server speaks plain HTTP, of which istiod reads no more of `tls` than httpsRedirect.
plain(port) if {
	is_string(port.protocol)
	upper(port.protocol) in {"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"}
}

# METADATA
# description: |
#   Whether a server of a Gateway looks at no name of a connection: TCP, and what Istio takes for that, without TLS. Its hosts only say
#   which VirtualServices it takes.
nameless(server) if {
	objects.lacks(server, "tls")
	is_string(server.port.protocol)
	upper(server.port.protocol) in {"TCP", "MONGO", "MYSQL", "REDIS"}
}

# METADATA
# description: |
#   Whether a server passes TLS on to the Service that its SNI names, as those between clusters do (AUTO_PASSTHROUGH). Its hosts say which
#   Services can be reached so.
between_clusters(server) if {
	server.tls.mode == "AUTO_PASSTHROUGH"
	not plain(server.port)
}

# METADATA
# scope: document
# description: Whether a server of plain HTTP redirects to HTTPS, or can once its placeholders are filled in.
redirects(server) if server.tls.httpsRedirect == true

redirects(server) if objects.opaque(server.tls.httpsRedirect)

redirects(server) if objects.opaque(server.tls)
