package rules

var rejectedByIstiod = &Rule{
	Name: "rejected-by-istiod", Severity: Error, Admission: Off, Elsewhere: Off,
	AlsoKnownAs: []string{"IST0106"}, Since: "0.1.0",
	Doc: `An object that istiod's own validation refuses

The schema of the CRD takes the object, and then istiod's webhook looks closer: at regular expressions, weights, hosts, names of
headers, which fields exclude each other, which certificates a TLS mode needs. Over files nobody notices until the deployment
fails; where the webhook is not asked (istiod was down, or the object came another way) istiod programs something of it that
nobody has thought about, or Envoy refuses it and keeps what it had.

gatelint looks at the object alone, as istiod does: VirtualService, Gateway, DestinationRule, ServiceEntry and Sidecar.

Fix: correct the field that the finding names; kubectl apply --dry-run=server asks istiod itself.`,
	Run: func(p *Pass) {
		for _, o := range p.World.Istio {
			for _, r := range p.refusalsOf(o) {
				p.Report(Fault{
					On: o, Path: r.Path, Severity: Error, Words: r.Message,
					Message: r.Message + ": istiod's webhook refuses " + o.ID.String(), Twice: r.Twice,
				})
			}
		}
	},
}
