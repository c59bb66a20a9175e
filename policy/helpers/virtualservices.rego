# METADATA
# title: VirtualServices as Istio binds them
package gatelint.lib.virtualservices

import data.gatelint.lib.objects

# METADATA
# scope: document
# description: Whether sidecars take the routes of a VirtualService. One without hosts is a delegate, bound by what refers to it.
on_mesh(resource) if {
	some _ in resource.spec.hosts
	names_mesh(object.get(resource.spec, "gateways", []))
}

names_mesh([])

names_mesh(null)

names_mesh(gateways) if "mesh" in gateways

# METADATA
# description: |
#   Whether no connection comes to the VirtualService under review by a name of its hosts: it has rules of tcp alone, for Gateways alone,
#   and of the servers that they are for, as far as these are known, none ends TLS.
nameless if {
	streams
	not named
}

streams if {
	not on_mesh(input)
	some _ in input.spec.tcp
	every section in ["http", "tls"] {
		object.get(input.spec, section, []) in [null, []]
	}
}

# HTTP, and TLS that is passed through, take no rules of tcp.
named if {
	some server in data.gatelint.mesh.this.servers
	server.tls
	not server.tls in {"PASSTHROUGH", "AUTO_PASSTHROUGH"}
	upper(server.protocol) != "HTTPS"
	some rule in input.spec.tcp
	takes(rule, server.port)
}

takes(rule, _) if objects.lacks(rule, "match")

takes(rule, _) if rule.match == []

takes(rule, _) if {
	some condition in rule.match
	objects.lacks(condition, "port")
}

takes(rule, port) if {
	some condition in rule.match
	condition.port in {port, 0}
}

# METADATA
# description: |
#   The Gateways that a VirtualService names, by their index in spec.gateways, with namespace ("" where the manifest leaves it open)
#   and name.
gateways(resource) := {i: gateway(text, own) |
	own := object.get(resource, ["metadata", "namespace"], "")
	some i, text in resource.spec.gateways
	text != "mesh"
	not objects.opaque(text)
}

# METADATA
# description: The namespace and name of the Gateway that a text names in an object of a namespace, as Istio reads it.
gateway(text, own) := {"namespace": object.get({".": own}, parts[0], parts[0]), "name": parts[1]} if {
	is_string(text)
	parts := split(text, "/")
	parts[1]
} else := {"namespace": object.get(parts, 1, own), "name": parts[0]} if {
	is_string(text)
	parts := {i: part | some i, part in split(text, ".")} # name.namespace.svc.cluster.local is how it once was
}

# METADATA
# description: |
#   The namespace and name of the VirtualService that a rule of spec.http of another one delegates to: of its own namespace, if the rule
#   states none.
delegate(resource, rule) := {"namespace": namespace, "name": rule.delegate.name} if {
	is_string(rule.delegate.name)
	own := object.get(resource, ["metadata", "namespace"], "")
	stated := object.get(rule.delegate, "namespace", null)
	namespace := object.get({"": own, null: own}, stated, stated)
}

# METADATA
# scope: document
# description: |
#   Whether other namespaces are sure to see a VirtualService; without exportTo they do, unless the mesh config has another default. A
#   placeholder can be its own namespace, as can any where the manifest leaves its own open.
exported(resource) if {
	not names_export(resource)
	not kept(resource)
}

exported(resource) if "*" in resource.spec.exportTo

exported(resource) if {
	some text in resource.spec.exportTo
	not text in {".", "~"}
	objects.stated(text)
	text != objects.namespace(resource)
}

# The mesh config keeps what names no exportTo where it is.
kept(resource) if {
	every text in data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo {
		stays(resource, text)
	}
}

stays(_, text) if text in {".", "~"}

stays(resource, text) if text == objects.namespace(resource)

stays(resource, text) if {
	text != "*"
	not objects.namespace(resource)
}

names_export(resource) if some _ in resource.spec.exportTo

# In the place of the list: a placeholder, or what Istio refuses.
names_export(resource) if is_string(resource.spec.exportTo)
