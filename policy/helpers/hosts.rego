# METADATA
# title: Host names as Istio compares them
# description: |
#   A host is a name, "*", or "*." with a domain: every name below it, at any depth. Letter case does not count.
package gatelint.lib.hosts

# METADATA
# scope: document
# description: Whether a host takes in every name that another one does.
covers(wide, narrow) if lower(wide) == lower(narrow)

covers(wide, narrow) if {
	startswith(wide, "*")
	suffix := lower(substring(wide, 1, -1))
	endswith(lower(narrow), suffix)
	count(narrow) > count(suffix)
}

# METADATA
# scope: document
# description: Whether there is a name that both hosts take in.
overlap(left, right) if covers(left, right)

overlap(left, right) if covers(right, left)

# METADATA
# scope: document
# description: Whether every name of a host is a domain or lies below it. Of a domain written "*.example.com" only what lies below counts.
within(domain, host) if covers(domain, host)

within(domain, host) if {
	not wild(domain)
	endswith(lower(host), concat("", [".", lower(domain)]))
}

# METADATA
# description: Whether a host has a wildcard.
wild(host) if contains(host, "*")

# METADATA
# description: The host of an element of a server's hosts in a Gateway, before which a namespace and "/" can stand.
of_server(text) := regex.replace(text, `^.*/`, "")

# METADATA
# scope: document
# description: The namespace that an element of a server's hosts in a Gateway is offered to, undefined where it is offered to all.
offered_to(text, own) := own if startswith(text, "./")

offered_to(text, _) := parts[0] if {
	parts := split(text, "/")
	count(parts) > 1
	not parts[0] in {".", "*"}
}

# METADATA
# scope: document
# description: |
#   The namespace of the Service that the host of a destination names in an object of a namespace, in a cluster of a domain: that
#   namespace for a short name, the second label of web.shop.svc.cluster.local. Undefined for every other name with a dot, which Istio
#   takes as it is.
namespace(host, own, cluster_domain) := own if {
	not contains(host, ".")
	not wild(host)
	own != ""
} else := parts[1] if {
	contains(host, ".")
	parts := split(plain(host), ".")
	parts[2] == "svc"
	concat(".", array.slice(parts, 3, count(parts))) == plain(cluster_domain)
	not wild(parts[1])
}

plain(name) := trim_suffix(lower(name), ".")
