package gatelint.lib.virtualservices_test

import data.gatelint.lib.virtualservices

of(spec) := {"metadata": {"namespace": "shop"}, "spec": spec}

test_on_mesh if {
	virtualservices.on_mesh(of({"hosts": ["web"]}))
	virtualservices.on_mesh(of({"hosts": ["web"], "gateways": []}))
	virtualservices.on_mesh(of({"hosts": ["web"], "gateways": ["edge/public", "mesh"]}))
	not virtualservices.on_mesh(of({"hosts": ["web"], "gateways": ["edge/public"]}))
	not virtualservices.on_mesh(of({"http": []}))
}

test_gateways if {
	named := {"gateways": ["own", "./own", "mesh", "edge/public", "public.edge.svc.cluster.local", "public.edge", "${G}"]}
	virtualservices.gateways(of(named)) == {
		0: {"namespace": "shop", "name": "own"},
		1: {"namespace": "shop", "name": "own"},
		3: {"namespace": "edge", "name": "public"},
		4: {"namespace": "edge", "name": "public"},
		5: {"namespace": "edge", "name": "public"},
	}
	virtualservices.gateways({"spec": {"gateways": ["own"]}}) == {0: {"namespace": "", "name": "own"}}
	virtualservices.gateways({"spec": {}}) == {}
}

test_exported if {
	virtualservices.exported(of({}))
	virtualservices.exported(of({"exportTo": ["*"]}))
	virtualservices.exported(of({"exportTo": [".", "edge"]}))
	virtualservices.exported({"spec": {"exportTo": [".", "*"]}})
	virtualservices.exported({"spec": {"exportTo": []}})
	not virtualservices.exported(of({"exportTo": [".", "shop", "~"]}))
	not virtualservices.exported(of({"exportTo": ["${EXPORT}"]}))
	not virtualservices.exported(of({"exportTo": "${EXPORT}"}))
	not virtualservices.exported({"spec": {"exportTo": ["shop"]}})
	not virtualservices.exported(of({})) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["."]
	virtualservices.exported(of({})) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["*"]
	virtualservices.exported(of({})) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["edge"]
	not virtualservices.exported(of({})) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["shop"]
	not virtualservices.exported({"spec": {}}) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["."]
	virtualservices.exported({"spec": {}}) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["*"]
	virtualservices.exported(of({"exportTo": ["*"]})) with data.gatelint.mesh.meshconfig.defaultVirtualServiceExportTo as ["."]
}

test_delegate if {
	every stated in [{}, {"namespace": ""}, {"namespace": null}] {
		virtualservices.delegate(of({}), {"delegate": object.union({"name": "api"}, stated)}) == {"namespace": "shop", "name": "api"}
	}
	virtualservices.delegate(of({}), {"delegate": {"name": "api", "namespace": "pay"}}) == {"namespace": "pay", "name": "api"}
	not virtualservices.delegate(of({}), {"delegate": {}})
}

test_nameless if {
	streams := {"spec": {"hosts": ["*"], "gateways": ["edge/public"], "tcp": [{"route": []}]}}
	virtualservices.nameless with input as streams
	virtualservices.nameless with input as object.union(streams, {"spec": {"http": [], "tls": null}})
	virtualservices.nameless with input as streams with data.gatelint.mesh.this.servers as [{"protocol": "MONGO"}]
	every other in [
		{"gateways": ["edge/public", "mesh"]}, {"gateways": []}, {"tcp": []},
		{"http": [{"route": []}]}, {"http": "${HTTP}"}, {"tls": [{"match": []}]},
	] {
		not virtualservices.nameless with input as object.union(streams, {"spec": other})
	}
	every server in [{"protocol": "HTTP"}, {"protocol": "HTTPS", "tls": "SIMPLE"}, {"protocol": "TLS", "tls": "PASSTHROUGH"}] {
		virtualservices.nameless with input as streams with data.gatelint.mesh.this.servers as [server]
	}
	every protocol in ["TCP", "TLS"] {
		ended := [{"protocol": "TCP", "port": 31400}, {"protocol": protocol, "tls": "SIMPLE", "port": 3307}]
		every tcp in [{}, {"match": []}] {
			not virtualservices.nameless with input as object.union(streams, {"spec": {"tcp": [tcp]}}) with data.gatelint.mesh.this.servers as ended
		}
		every port in [3307, 0, null] {
			matched := object.union(streams, {"spec": {"tcp": [{"match": [{"port": port}]}]}})
			not virtualservices.nameless with input as matched with data.gatelint.mesh.this.servers as ended
		}
		elsewhere := object.union(streams, {"spec": {"tcp": [{"match": [{"port": 31400}]}]}})
		virtualservices.nameless with input as elsewhere with data.gatelint.mesh.this.servers as ended
	}
}
