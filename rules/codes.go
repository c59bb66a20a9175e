package rules

import (
	"slices"
	"strings"
)

// Code is one or several codes of istioctl analyze (IST) and Kiali (KIA) for one thing. The rules that stand for a code name it
// in AlsoKnownAs; where none does, Why says why.
type Code struct {
	Names []string
	About string
	Why   string
}

// FindCode finds a code in any letter case, and the rules that stand for it.
func FindCode(name string) (c Code, by []*Rule, ok bool) {
	same := func(code string) bool { return strings.EqualFold(code, name) }
	i := slices.IndexFunc(Codes, func(c Code) bool { return slices.ContainsFunc(c.Names, same) })
	if i < 0 {
		return Code{}, nil, false
	}
	for _, r := range All() {
		if slices.ContainsFunc(r.AlsoKnownAs, same) {
			by = append(by, r)
		}
	}
	return Codes[i], by, true
}

const notModelled = "not modelled"

// Codes are all that gatelint knows, those without a rule last. Istio: pkg/config/analysis/msg/messages.yaml; Kiali:
// models/istio_validation.go.
var Codes = []Code{
	{Names: list("IST0101"), About: "a reference to something that is not there"},
	{Names: list("IST0106"), About: "an object that Istio's schema or validation refuses"},
	{Names: list("IST0109"), About: "two VirtualServices on mesh for one host"},
	{Names: list("IST0112"), About: "a destination without a port, whose Service has several"},
	{Names: list("IST0130"), About: "a rule behind one with the same match"},
	{Names: list("IST0131"), About: "a match that an earlier rule has already"},
	{Names: list("IST0132"), About: "a VirtualService's host that its Gateway does not have"},
	{Names: list("IST0138"), About: "one certificate on several Gateways"},
	{Names: list("IST0145"), About: "two Gateways with the same selector, port and host"},
	{Names: list("IST0161"), About: "a Secret that a server's TLS cannot use"},
	{Names: list("IST0162"), About: "a server's port that the Service of the pods does not expose"},
	{Names: list("IST0173"), About: "a subset that selects no pod"},
	{Names: list("IST0174"), About: "a DestinationRule's host that no service has"},
	{Names: list("IST0177"), About: "ServiceEntries for one host and port with different protocols"},
	{Names: list("KIA0201"), About: "two DestinationRules for one host"},
	{Names: list("KIA0202"), About: "a DestinationRule's host that no service has"},
	{Names: list("KIA0203"), About: "a subset whose labels no workload of the host has"},
	{Names: list("KIA0301"), About: "two Gateways for one host and port"},
	{Names: list("KIA0302"), About: "a selector of a Gateway that no workload matches"},
	{Names: list("KIA1101"), About: "a destination whose host no service has"},
	{Names: list("KIA1102"), About: "a VirtualService's gateway that is not there"},
	{Names: list("KIA1104"), About: "a weight on the only destination"},
	{Names: list("KIA1106"), About: "two VirtualServices for one host"},
	{Names: list("KIA1107"), About: "a subset that no DestinationRule defines"},
	{Names: list("KIA1211"), About: "ServiceEntries for one host and port"},
	{Names: list("KIA1212"), About: "ServiceEntries for one host and port with different protocols"},

	{list("IST0001"), "a fault of the tool itself", "about no manifest"},
	{list("IST0002"), "one deprecated field of fault injection", "fault injection is not part of the model"},
	{
		list("IST0102 IST0103 IST0123 IST0144 IST0146 IST0147 IST0148 IST0158"), "sidecars and their injection: labels of namespaces, images, user IDs",
		"about pods, not about where requests go",
	},
	{
		list("IST0107 IST0108 IST0125 IST0135 IST0136"), "Istio's annotations: where they stand, their names and values",
		"most shape pods or proxies, which are " + notModelled,
	},
	{list("IST0110 IST0111 IST0167 KIA0002 KIA0003 KIA0004 KIA1004 KIA1006 KIA1007"), "`Sidecar` and which pods it selects", notModelled},
	{
		list("IST0116 IST0118 IST0137 IST0150 KIA0601 KIA0602 KIA0701"), "ports of Services and Deployments, their names",
		"about the application, not about where requests go; a port without a known name is sniffed",
	},
	{list("IST0126"), "registries in the MeshConfig's networks", "several networks are " + notModelled},
	{list("IST0127"), "a selector that no workload has", "of AuthorizationPolicies†; authentication and authorization are " + notModelled},
	{list("IST0128 IST0129"), "client TLS without a CA", "istiod takes the system's CAs then†"},
	{list("IST0133"), "what istiod's validation only warns of", "what it refuses is `rejected-by-istiod`"},
	{list("IST0134"), "TCP ServiceEntry without addresses", "addresses are not part of the model"},
	{list("IST0139 IST0163 IST0164"), "istiod's webhooks and where they lead", "about the installation, not about where requests go"},
	{
		list("IST0140"), "a gateway route without the subset that a mesh route has",
		"may well be meant, the usual egress route in two hops among others; `gatelint trace` shows both",
	},
	{list("IST0141 IST0142"), "rights and the Kubernetes version that an installation needs", "about the installation, not about where requests go"},
	{list("IST0143"), "an application that listens on localhost only", "about the application, not about where requests go"},
	{list("IST0149"), "routes by claims without a RequestAuthentication", "authentication is " + notModelled},
	{list("IST0151 IST0152 IST0153 IST0154 IST0155"), "operations of EnvoyFilters", "EnvoyFilters are opaque: what they patch is not judged"},
	{list("IST0157 IST0159 IST0160"), "Telemetry", "telemetry is " + notModelled},
	{
		list("IST0165"), "a reference to what istiod makes of a Gateway of the Gateway API",
		"with its namespace such a name is refused, which is `rejected-by-istiod`",
	},
	{
		list("IST0156 IST0166 IST0172 IST0176 KIA1401 KIA1402 KIA1501 KIA1502 KIA1503 KIA1504 KIA1601"), "the Kubernetes Gateway API",
		"another API; its own tools check it",
	},
	{list("IST0168 IST0169"), "defaults that an upgrade of Istio changes", "about the installation; the verdicts hold for one release"},
	{list("IST0170 IST0171"), "differences between clusters, status conditions", "of live objects only"},
	{list("IST0175"), "where istiod may fetch the keys of tokens from", "authentication is " + notModelled},
	{list("KIA0005"), "`exportTo` of a namespace that is not there", "namespaces are made elsewhere"},
	{list("KIA0204 KIA0205 KIA0206 KIA0207 KIA0208"), "mutual TLS against PeerAuthentication", "authentication is " + notModelled},
	{list("KIA0209"), "a subset without labels", "works: it is the whole service"},
	{list("KIA0210 KIA0211 KIA0212 KIA1109 KIA1113 KIA1114"), "waypoints of ambient mode", notModelled},
	{list("KIA1105"), "one destination twice in a route", "works: each with its weight"},
	{list("KIA1108"), "a dot in the name of a Gateway", "legal"},
}

func list(names string) []string { return strings.Fields(names) }
