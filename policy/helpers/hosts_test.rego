package gatelint.lib.hosts_test

import data.gatelint.lib.hosts

test_covers if {
	every pair in [["*", "a.example.com"], ["*", "*"], ["*.example.com", "a.b.example.com"], ["*.example.com", "*.b.example.com"], ["A.example.com", "a.Example.com"], ["*.Example.com", "a.example.com"]] {
		hosts.covers(pair[0], pair[1])
	}
}

test_covers_not if {
	every pair in [["*.example.com", "example.com"], ["*.example.com", "*"], ["*.b.example.com", "*.example.com"], ["a.example.com", "*.example.com"], ["*.example.com", ".example.com"]] {
		not hosts.covers(pair[0], pair[1])
	}
}

test_overlap if {
	hosts.overlap("*.example.com", "a.example.com")
	hosts.overlap("a.example.com", "*.example.com")
	not hosts.overlap("a.example.com", "b.example.com")
	not hosts.overlap("*.a.example.com", "*.b.example.com")
}

test_within if {
	every host in ["example.com", "a.Example.com", "*.example.com", "*.a.example.com"] {
		hosts.within("example.com", host)
	}
	not hosts.within("example.com", "badexample.com")
	not hosts.within("example.com", "*")
	not hosts.within("*.example.com", "example.com")
	hosts.within("*.example.com", "a.example.com")
	hosts.within("*", "a.example.com")
}

test_server if {
	hosts.of_server("shop/a.example.com") == "a.example.com"
	hosts.of_server("a.example.com") == "a.example.com"
	hosts.offered_to("./a.example.com", "edge") == "edge"
	hosts.offered_to("shop/a.example.com", "edge") == "shop"
	not hosts.offered_to("*/a.example.com", "edge")
	not hosts.offered_to("a.example.com", "edge")
}

test_namespace if {
	hosts.namespace("web", "shop", "cluster.local") == "shop"
	hosts.namespace("web.Other.svc.cluster.local.", "shop", "cluster.local") == "other"
	hosts.namespace("web.other.svc.example.internal", "shop", "Example.internal.") == "other"
	not hosts.namespace("api.eu.svc.example.com", "shop", "cluster.local")
	not hosts.namespace("web.other.svc.cluster.local.com", "shop", "cluster.local")
	not hosts.namespace("web.other.svc", "shop", "cluster.local")
	not hosts.namespace("web", "", "cluster.local")
	not hosts.namespace("*", "shop", "cluster.local")
	not hosts.namespace("web.other", "shop", "cluster.local")
	not hosts.namespace("api.example.com", "shop", "cluster.local")
	not hosts.namespace("*.svc.cluster.local", "shop", "cluster.local")
}
