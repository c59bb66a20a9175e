package mesh

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// EntryClash is a host and port that several ServiceEntries describe differently to clients of which each gets only the oldest
// (pilot/pkg/model/sidecar.go, appendSidecarServices).
type EntryClash struct {
	Host          string
	Port          uint32
	Winner, Loser *Service
	More          []*Service // further losers where no order is known
	Protocols     bool       // they differ in the protocol
	What          string     // what differs: "protocol HTTP here and TCP there"
}

// EntryClashes lists them, by host and port. Entries are compared where istiod chooses between them by age: among those for
// everyone, and among those that one namespace gets by name. A namespace prefers its own entry to those of others.
func (w *World) EntryClashes() []EntryClash {
	hosts := map[string][]*Service{}
	for _, s := range w.Services {
		if s.Entry != nil && s.Namespace != "" && !s.Opaque && !manifest.Placeholder(s.Host) {
			hosts[s.Host] = append(hosts[s.Host], s)
		}
	}
	var out []EntryClash
	for _, h := range manifest.Keys(hosts) {
		if len(hosts[h]) > 1 {
			out = append(out, clashesOnHost(hosts[h])...)
		}
	}
	return out
}

func clashesOnHost(list []*Service) []EntryClash {
	byScope := map[string][]*Service{}
	for _, s := range list {
		if s.ExportTo.Public {
			byScope["*"] = append(byScope["*"], s)
			continue
		}
		for ns := range s.ExportTo.To {
			byScope[ns] = append(byScope[ns], s)
		}
	}
	var out []EntryClash
	seen := map[[2]*Service]bool{}
	for _, scope := range manifest.Keys(byScope) {
		group := byScope[scope]
		if own := slices.DeleteFunc(slices.Clone(group), func(s *Service) bool { return s.Namespace != scope }); len(own) > 0 {
			group = own
		}
		out = append(out, clashesInScope(group, seen)...)
	}
	return out
}

// clashesInScope compares the entries of one scope, in istiod's order, with the first that has the port: one clash per certain
// loser, one in all for losers whose order is open.
func clashesInScope(group []*Service, seen map[[2]*Service]bool) []EntryClash {
	first := map[uint32]*Service{}
	open := map[uint32]int{} // port -> 1 + index in out
	var out []EntryClash
	for _, s := range group {
		for _, p := range s.Ports {
			switch by := first[p.Number]; {
			case p.UDP:
			case by == nil:
				first[p.Number] = s
			case by.Object == s.Object || seen[[2]*Service{by, s}] || otherRevision(by, s):
			default:
				c, differs := compareEntries(by, s, p)
				if !differs {
					continue
				}
				seen[[2]*Service{by, s}] = true // one finding for a pair, whatever the number of ports
				if i := open[p.Number]; i > 0 && !OrderKnown(by.Object, s.Object) {
					if had := &out[i-1]; c.Protocols && !had.Protocols { // the worst difference is the one to name
						c.More = append(had.More, had.Loser)
						*had = c
					} else {
						had.More = append(had.More, s)
					}
					continue
				}
				out = append(out, c)
				if !OrderKnown(by.Object, s.Object) {
					open[p.Number] = len(out)
				}
			}
		}
	}
	return out
}

func otherRevision(a, b *Service) bool {
	x, y := a.Labels["istio.io/rev"], b.Labels["istio.io/rev"]
	return x != "" && y != "" && x != y
}

// compareEntries says what two entries for a host and port disagree about. Endpoints of one namespace are joined.
func compareEntries(by, s *Service, p Port) (c EntryClash, differs bool) {
	c = EntryClash{Host: s.Host, Port: p.Number, Winner: by, Loser: s}
	had, _ := by.Port(p.Number)
	a, b := by.Entry, s.Entry
	switch {
	case family(had.Protocol) != family(p.Protocol) && stated(had.Protocol) && stated(p.Protocol):
		c.Protocols, c.What = true, "protocol "+p.Protocol+" here and "+had.Protocol+" there"
	case a.Resolution != b.Resolution:
		c.What = "resolution " + b.Resolution.String() + " here and " + a.Resolution.String() + " there"
	case a.Location != b.Location:
		c.What = "location " + b.Location.String() + " here and " + a.Location.String() + " there"
	case by.Namespace != s.Namespace && !sameEndpoints(a, b):
		c.What = "different endpoints"
	default:
		return c, false
	}
	return c, true
}

// stated tells a protocol from one that is sniffed or not known.
func stated(protocol string) bool { return protocol != "" && !manifest.Placeholder(protocol) }

// family gives protocols that istiod treats alike one name.
func family(protocol string) string {
	switch protocol = strings.ToUpper(protocol); protocol {
	case "HTTPS", "TLS":
		return "TLS"
	case "HTTP2", "GRPC", "GRPC-WEB":
		return "HTTP2"
	case "TCP", "MONGO", "REDIS", "MYSQL":
		return "TCP"
	}
	return protocol
}

func sameEndpoints(a, b *networking.ServiceEntry) bool {
	return proto.Equal(a.WorkloadSelector, b.WorkloadSelector) &&
		slices.EqualFunc(a.Endpoints, b.Endpoints, func(x, y *networking.WorkloadEntry) bool { return proto.Equal(x, y) })
}
