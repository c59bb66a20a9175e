# METADATA
# title: Servers with at least this TLS
# description: |
#   A server whose `minProtocolVersion` is below the floor lets a client, or somebody between, talk the connection down to a version
#   with known attacks; weak cipher suites do the same below TLS 1.3. `modes` says how servers may treat TLS at all, and
#   `plaintext: false` that they must, or redirect. Istio sets version and suites only where the server terminates TLS by itself (SIMPLE,
#   MUTUAL, OPTIONAL_MUTUAL), so nothing is said of them elsewhere. What a server leaves out comes from the mesh config's `tlsDefaults`,
#   which `mesh_defaults` repeats, and then from Envoy: TLS 1.2, and its own choice of suites.
#
#   Fix: state `minProtocolVersion` and `cipherSuites` in the server's `tls`, or take the fields away that lower them.
# schemas:
# - data.gatelint.params.tls_minimum:
#     type: object
#     additionalProperties: false
#     properties:
#       version:
#         description: the lowest version that a server may accept
#         type: string
#         enum: [TLSV1_0, TLSV1_1, TLSV1_2, TLSV1_3]
#       modes:
#         description: the modes that a server may have; none is all
#         type: array
#         items: {type: string, enum: [PASSTHROUGH, SIMPLE, MUTUAL, AUTO_PASSTHROUGH, ISTIO_MUTUAL, OPTIONAL_MUTUAL]}
#       ciphers:
#         description: the cipher suites that a server may have below TLS 1.3, by OpenSSL's names; none is all
#         type: array
#         items: {type: string}
#       plaintext:
#         description: whether a server may do without TLS and without a redirect to it
#         type: boolean
#       mesh_defaults:
#         description: what meshConfig.tlsDefaults says
#         type: object
#         additionalProperties: false
#         properties:
#           minProtocolVersion: {type: string, enum: [TLSV1_2, TLSV1_3]}
#           cipherSuites: {type: array, items: {type: string}}
# custom:
#   kinds: [Gateway]
#   severity: error
#   admission: deny
#   params: {version: TLSV1_2, modes: [], ciphers: [], plaintext: true, mesh_defaults: {}}
package gatelint.tls_minimum

import data.gatelint.lib.objects
import data.gatelint.lib.servers

params := data.gatelint.params.tls_minimum

versions := {"TLSV1_0": 0, "TLSV1_1": 1, "TLSV1_2": 2, "TLSV1_3": 3}

deny contains {"msg": message, "path": ["spec", "servers", i, "tls", field]} if {
	some i, server in terminating
	some field in ["minProtocolVersion", "maxProtocolVersion"]
	below(server.tls[field])
	message := sprintf("%s %q is below the floor %q: connections can be talked down to it", [field, server.tls[field], params.version])
}

deny contains {"msg": message, "path": ["spec", "servers", i, "tls"]} if {
	some i, server in terminating
	unset(server.tls, "minProtocolVersion")
	below(accepted(server))
	message := sprintf("without minProtocolVersion the server accepts %q, below the floor %q", [accepted(server), params.version])
}

deny contains {"msg": message, "path": ["spec", "servers", i, "tls", "cipherSuites", k]} if {
	some i, server in terminating
	below_tls13(server)
	some k, suite in objects.texts(server.tls.cipherSuites)
	refused(suite)
	message := sprintf("cipher suite %q is not one of those allowed: connections below TLS 1.3 can use it", [suite])
}

deny contains {"msg": default_suites, "path": ["spec", "servers", i, "tls"]} if {
	some i, server in terminating
	below_tls13(server)
	unset(server.tls, "cipherSuites")
}

deny contains {"msg": message, "path": ["spec", "servers", i, "tls", "mode"]} if {
	count(params.modes) > 0
	some i, server in with_tls
	mode := mode_of(server.tls)
	is_string(mode)
	not mode in params.modes
	not objects.opaque(mode)
	message := sprintf("TLS mode %q is not one of those allowed: %s", [mode, objects.quoted(params.modes)])
}

deny contains {"msg": message, "path": ["spec", "servers", i]} if {
	not params.plaintext
	some i, server in input.spec.servers
	plain(server)
	number := object.get(server.port, "number", 0)
	message := sprintf("server port %v takes requests without TLS: anybody between can read and change them", [number])
}

# The servers that speak TLS, by index. One of plain HTTP can have tls only to redirect.
with_tls[i] := server if {
	some i, server in input.spec.servers
	is_object(server.tls)
	protocol(server) in {"HTTPS", "TLS", "TCP", "MONGO", "MYSQL", "REDIS"}
}

mode_of(tls) := "PASSTHROUGH" if {
	objects.lacks(tls, "mode")
} else := tls.mode

terminating[i] := server if {
	some i, server in with_tls
	server.tls.mode in {"SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"}
}

protocol(server) := upper(server.port.protocol) if is_string(server.port.protocol)

plain(server) if {
	servers.plain(server.port)
	not servers.redirects(server)
}

plain(server) if {
	protocol(server) in {"TCP", "MONGO", "MYSQL", "REDIS"}
	objects.lacks(server, "tls")
}

below(version) if versions[version] < versions[params.version]

unset(tls, field) if object.get(tls, field, "TLS_AUTO") in {"TLS_AUTO", [], null}

accepted(server) := server.tls.minProtocolVersion if {
	not unset(server.tls, "minProtocolVersion")
} else := object.get(params.mesh_defaults, "minProtocolVersion", "TLSV1_2")

below_tls13(server) if versions[accepted(server)] < versions.TLSV1_3

refused(suite) if {
	count(params.ciphers) > 0
	not suite in params.ciphers
}

default_suites := message if {
	refused("")
	count(object.get(params.mesh_defaults, "cipherSuites", [])) == 0
	message := "without cipherSuites the server takes those of Envoy, which may not all be allowed"
} else := message if {
	some suite in params.mesh_defaults.cipherSuites
	refused(suite)
	message := "without cipherSuites the server takes those of the mesh config, which are not all allowed"
}
