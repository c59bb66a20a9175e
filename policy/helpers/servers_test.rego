package gatelint.lib.servers_test

import data.gatelint.lib.servers

test_redirects if {
	every tls in [{"httpsRedirect": true}, {"httpsRedirect": "${R}"}, "${TLS}"] {
		servers.redirects({"tls": tls})
	}
	every server in [{}, {"tls": null}, {"tls": "x"}, {"tls": {"mode": "SIMPLE"}}, {"tls": {"httpsRedirect": false}}] {
		not servers.redirects(server)
	}
}
