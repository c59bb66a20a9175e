package mesh

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"
)

// Settings are the parts of MeshConfig that the model reads.
type Settings struct {
	Known                   bool // a MeshConfig was found or given
	RegistryOnly            bool
	ServiceExportTo         []string
	VirtualServiceExportTo  []string
	DestinationRuleExportTo []string
	HTTPRetryPolicy         map[string]any // as it is written; nil: Istio's own
	IngressClass            string
	IngressSelector         string
	TrustedProxies          bool // somewhere a gateway is told to trust what proxies before it say of a request
}

// MeshConfigPaths are what is read of a MeshConfig.
const MeshConfigPaths = "rootNamespace defaultServiceExportTo defaultVirtualServiceExportTo defaultDestinationRuleExportTo " +
	"defaultHttpRetryPolicy outboundTrafficPolicy.mode defaultConfig.gatewayTopology ingressClass ingressSelector"

func (w *World) readSettings(objs []*manifest.Object, opt Options) {
	var m map[string]any
	if len(opt.MeshConfig) > 0 {
		_ = yaml.Unmarshal(opt.MeshConfig, &m) // the caller has checked that it parses
		w.Settings.Known = true
	}
	for _, o := range objs {
		if m != nil {
			break
		}
		if found := meshConfigIn(o); o.Tree != nil && found != nil {
			m = found
			w.Settings.Known = true
		}
	}
	s := &w.Settings
	public := func(key string) []string {
		var out []string
		for _, e := range list(m[key]) {
			out = append(out, str(e))
		}
		if len(out) == 0 {
			return []string{"*"}
		}
		return out
	}
	s.ServiceExportTo = public("defaultServiceExportTo")
	s.VirtualServiceExportTo = public("defaultVirtualServiceExportTo")
	s.DestinationRuleExportTo = public("defaultDestinationRuleExportTo")
	s.HTTPRetryPolicy = obj(m, "defaultHttpRetryPolicy")
	s.RegistryOnly = str(obj(m, "outboundTrafficPolicy")["mode"]) == "REGISTRY_ONLY"
	s.TrustedProxies = obj(m, "defaultConfig")["gatewayTopology"] != nil
	s.IngressClass, s.IngressSelector = str(m["ingressClass"]), str(m["ingressSelector"])
	if s.IngressClass == "" {
		s.IngressClass = "istio"
	}
	if s.IngressSelector == "" {
		s.IngressSelector = "ingressgateway"
	}
	if w.Root == "" {
		w.Root = str(m["rootNamespace"])
	}
	if w.Root == "" {
		w.Root = "istio-system"
	}
}

// meshConfigIn reads a MeshConfig from the ConfigMap "istio", an IstioOperator, or an Istio resource.
func meshConfigIn(o *manifest.Object) map[string]any {
	switch {
	case o.Kind == "ConfigMap" && (o.Name == "istio" || strings.HasPrefix(o.Name, "istio-")):
		var m map[string]any
		if text := str(obj(o.Tree, "data")["mesh"]); text == "" || yaml.Unmarshal([]byte(text), &m) != nil {
			return nil
		}
		return m
	case o.Kind == "IstioOperator":
		return obj(o.Tree, "spec", "meshConfig")
	case o.Kind == "Istio":
		return obj(o.Tree, "spec", "values", "meshConfig")
	}
	return nil
}

// addIngress adds the Gateway that istiod makes of an Ingress of its class (pilot/pkg/config/kube/ingress/conversion.go).
func (w *World) addIngress(o *manifest.Object) {
	spec := obj(o.Tree, "spec")
	class := str(spec["ingressClassName"])
	if a, ok := o.Annotations["kubernetes.io/ingress.class"]; ok {
		class = a
	}
	if class != w.Settings.IngressClass {
		return
	}
	gw := &networking.Gateway{Selector: map[string]string{"istio": w.Settings.IngressSelector}}
	for i, t := range list(spec["tls"]) {
		m, _ := t.(map[string]any)
		s := &networking.Server{
			Port: &networking.Port{Number: 443, Protocol: "HTTPS", Name: "https-443-ingress-" + o.Name + "-" + o.Namespace + "-" + string(rune('0'+i%10))},
			Tls:  &networking.ServerTLSSettings{Mode: networking.ServerTLSSettings_SIMPLE, CredentialName: str(m["secretName"])},
		}
		for _, h := range list(m["hosts"]) {
			s.Hosts = append(s.Hosts, str(h))
		}
		if len(s.Hosts) == 0 {
			s.Hosts = []string{"*"}
		}
		gw.Servers = append(gw.Servers, s)
	}
	gw.Servers = append(gw.Servers, &networking.Server{Port: &networking.Port{Number: 80, Protocol: "HTTP", Name: "http-80-ingress-" + o.Name}, Hosts: []string{"*"}})
	w.Gateways = append(w.Gateways, &Gateway{Object: o, Spec: gw, Ingress: true})
}

// HTTPRoute is a route of the Gateway API, which istiod merges into the tables of the Gateways it names.
type HTTPRoute struct {
	*manifest.Object
	Parents []Name
}

func (w *World) addHTTPRoute(o *manifest.Object) {
	r := &HTTPRoute{Object: o}
	for _, p := range list(obj(o.Tree, "spec")["parentRefs"]) {
		m, _ := p.(map[string]any)
		n := Name{str(m["namespace"]), str(m["name"])}
		if n.Namespace == "" {
			n.Namespace = o.Namespace
		}
		r.Parents = append(r.Parents, n)
	}
	w.HTTPRoutes = append(w.HTTPRoutes, r)
}
