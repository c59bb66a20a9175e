# METADATA
# title: Servers of Gateways
package gatelint.lib.servers

import data.gatelint.lib.objects

# METADATA
# scope: document
# description: Whether a server of plain HTTP redirects to HTTPS, or can once its placeholders are filled in.
redirects(server) if server.tls.httpsRedirect == true

redirects(server) if objects.opaque(server.tls.httpsRedirect)

redirects(server) if objects.opaque(server.tls)
