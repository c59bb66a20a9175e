package gatelint.lib.servers_test

import data.gatelint.lib.servers

test_plain if {
	every protocol in ["HTTP", "http2", "HTTP_PROXY", "grpc", "GRPC-Web"] {
		servers.plain({"number": 80, "protocol": protocol})
	}
	every port in [{}, {"protocol": 5}, {"protocol": "HTTPS"}, {"protocol": "TLS"}, {"protocol": "TCP"}, null] {
		not servers.plain(port)
	}
}

test_nameless if {
	every protocol in ["TCP", "mongo", "MySQL", "REDIS"] {
		servers.nameless({"port": {"protocol": protocol}})
		servers.nameless({"port": {"protocol": protocol}, "tls": null})
		not servers.nameless({"port": {"protocol": protocol}, "tls": {"mode": "SIMPLE"}})
	}
	every port in [{}, {"protocol": 5}, {"protocol": "HTTP"}, {"protocol": "TLS"}, {"protocol": "${P}"}, null] {
		not servers.nameless({"port": port})
	}
}

test_between_clusters if {
	servers.between_clusters({"port": {"protocol": "TLS"}, "tls": {"mode": "AUTO_PASSTHROUGH"}})
	not servers.between_clusters({"port": {"protocol": "http"}, "tls": {"mode": "AUTO_PASSTHROUGH"}})
	not servers.between_clusters({"port": {"protocol": "TLS"}, "tls": {"mode": "PASSTHROUGH"}})
	not servers.between_clusters({"port": {"protocol": "TCP"}})
}

test_redirects if {
	every tls in [{"httpsRedirect": true}, {"httpsRedirect": "${R}"}, "${TLS}"] {
		servers.redirects({"tls": tls})
	}
	every server in [{}, {"tls": null}, {"tls": "x"}, {"tls": {"mode": "SIMPLE"}}, {"tls": {"httpsRedirect": false}}] {
		not servers.redirects(server)
	}
}
