package mesh

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"sigs.k8s.io/yaml"
)

// Workload is a set of pods with the same labels: a pod template, or what stands for one.
type Workload struct {
	Object    *manifest.Object // nil for an assumed workload
	Namespace string           // "" when unstated or assumed
	Labels    map[string]string
	Services  []*Service        // Services of its namespace that select it, oldest first
	Ports     map[string]uint32 // container ports by name
	// Assumed is set for the workload that a Gateway's selector implies and nothing in the input is.
	Assumed bool
	// Synthetic is set when the kind makes its own Service: Services then holds it.
	Synthetic bool
	HostPorts bool // clients can reach ports of the pods without a Service
	gateway   bool
}

// String names the workload for messages: its object, or the selector that implies it.
func (wl *Workload) String() string {
	if wl.Object == nil {
		return "with labels " + LabelText(wl.Labels)
	}
	return Name{wl.Namespace, wl.Object.Name}.String()
}

// LabelText prints labels in a fixed order: "app=web,version=v1".
func LabelText(labels map[string]string) string {
	var b strings.Builder
	for i, k := range manifest.Keys(labels) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k + "=" + labels[k])
	}
	return b.String()
}

// template finds the pod template of a workload kind; ok is false for other kinds.
func template(o *manifest.Object) (meta, spec map[string]any, ok bool) {
	t := o.Tree
	switch o.Kind {
	case "Pod":
	case "CronJob":
		t = obj(t, "spec", "jobTemplate", "spec", "template")
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Rollout", "DeploymentConfig":
		t = obj(t, "spec", "template")
	default:
		return nil, nil, false
	}
	return obj(t, "metadata"), obj(t, "spec"), true
}

func (w *World) addWorkloads(o *manifest.Object) {
	switch o.Kind {
	case "MeshGateway", "IstioMeshGateway":
		w.addMeshGateway(o)
	case "IstioOperator", "Istio":
		w.addOperator(o)
	case "HelmRelease", "Application":
		w.addChart(o)
		w.rendered[o.Namespace] = true
		for _, ns := range []string{str(obj(o.Tree, "spec")["targetNamespace"]), str(obj(o.Tree, "spec", "destination")["namespace"])} {
			if ns != "" {
				w.rendered[ns] = true
			}
		}
	}
	meta, spec, ok := template(o)
	if !ok {
		return
	}
	w.rendered[o.Namespace] = w.rendered[o.Namespace] || len(o.Opaque) > 0
	wl := &Workload{Object: o, Namespace: o.Namespace, Labels: strs(meta["labels"]), Ports: map[string]uint32{}}
	wl.gateway = strs(meta["annotations"])["inject.istio.io/templates"] == "gateway"
	wl.HostPorts, _ = spec["hostNetwork"].(bool)
	w.Settings.TrustedProxies = w.Settings.TrustedProxies || strings.Contains(strs(meta["annotations"])["proxy.istio.io/config"], "gatewayTopology")
	for _, c := range list(spec["containers"]) {
		m, _ := c.(map[string]any)
		// Gateways are for routers alone (pilot/pkg/model/context.go, SetGatewaysForProxy).
		if args := list(m["args"]); str(m["name"]) == "istio-proxy" && !slices.Contains(args, any("sidecar")) && !slices.Contains(args, any("waypoint")) {
			wl.gateway = true
		}
		for _, p := range list(m["ports"]) {
			pm, _ := p.(map[string]any)
			wl.HostPorts = wl.HostPorts || pm["hostPort"] != nil
			if n := str(pm["name"]); n != "" {
				wl.Ports[n] = num(pm["containerPort"])
			}
		}
	}
	w.Apps = append(w.Apps, wl)
}

// findGatewayWorkloads moves from Apps to Workloads what is a gateway by itself, and what a Gateway's selector matches
// while a Service in front of it exposes a port of that Gateway.
func (w *World) findGatewayWorkloads() {
	var gateways Selectors[*Gateway]
	for _, g := range w.Gateways {
		gateways.Add(g.Spec.Selector, g)
	}
	apps := w.Apps[:0:0]
	for _, wl := range w.Apps {
		if wl.gateway || w.servesGateway(wl, gateways.Matching(wl.Labels)) {
			w.Workloads = append(w.Workloads, wl)
		} else {
			apps = append(apps, wl)
		}
	}
	w.Apps = apps
}

func (w *World) servesGateway(wl *Workload, gateways []*Gateway) bool {
	if len(gateways) == 0 {
		return false
	}
	for _, s := range w.servicesOf(wl) {
		for _, g := range gateways {
			for _, srv := range g.Spec.Servers {
				if _, ok := s.Port(srv.GetPort().GetNumber()); ok {
					return true
				}
			}
		}
	}
	return false
}

// synthetic adds a gateway workload that a custom resource stands for, with the Service it brings.
func (w *World) synthetic(o *manifest.Object, name, namespace string, labels map[string]string, ports []Port) {
	svc := &Service{Object: o, Host: name + "." + namespace + ".svc." + w.Domain, Kube: true, Ports: ports, ExportTo: Visibility{Public: true}, Opaque: len(o.Opaque) > 0}
	w.Workloads = append(w.Workloads, &Workload{
		Object: o, Namespace: namespace, Labels: labels, Services: []*Service{svc}, Synthetic: true, gateway: true,
	})
	w.hosts[svc.Host] = append(w.hosts[svc.Host], svc)
	w.kube[name] = append(w.kube[name], svc)
}

func treePorts(v any) []Port {
	var out []Port
	for _, p := range list(v) {
		m, _ := p.(map[string]any)
		port := Port{Number: num(m["port"]), Target: num(m["targetPort"]), Name: str(m["name"])}
		if port.Target == 0 {
			port.Target = port.Number
		}
		if port.Number != 0 {
			out = append(out, port)
		}
	}
	return out
}

// addMeshGateway reads Banzai's MeshGateway and Cisco's IstioMeshGateway.
func (w *World) addMeshGateway(o *manifest.Object) {
	spec := obj(o.Tree, "spec")
	typ := str(spec["type"])
	if typ == "" {
		typ = "ingress"
	}
	labels := map[string]string{"gateway-name": o.Name, "gateway-type": typ}
	for _, more := range []map[string]any{obj(spec, "labels"), obj(spec, "deployment", "metadata", "labels"), obj(o.Tree, "metadata", "labels")} {
		for k, v := range strs(anyMap(more)) {
			labels[k] = v
		}
	}
	ports := treePorts(spec["ports"])
	if len(ports) == 0 {
		ports = treePorts(obj(spec, "service")["ports"])
	}
	w.synthetic(o, o.Name, o.Namespace, labels, ports)
}

func anyMap(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// defaultPorts are those of istiod's own gateway installations, and of the gateway chart when high is false.
func defaultPorts(high bool) []Port {
	p := []Port{{Number: 15021, Target: 15021, Name: "status-port"}, {Number: 80, Target: 80, Name: "http2"}, {Number: 443, Target: 443, Name: "https"}}
	if high {
		p[1].Target, p[2].Target = 8080, 8443
	}
	return p
}

// addOperator reads the gateways of an IstioOperator (or an Istio resource of the same shape). The default profile has
// an ingress gateway whether it is listed or not.
func (w *World) addOperator(o *manifest.Object) {
	spec := obj(o.Tree, "spec")
	ns := str(spec["namespace"])
	if ns == "" {
		ns = "istio-system"
	}
	for _, ns := range []string{ns, o.Namespace} {
		w.rendered[ns] = w.rendered[ns] || len(o.Opaque) > 0
	}
	for _, kind := range []string{"ingress", "egress"} {
		listed := false
		for _, g := range list(obj(spec, "components")[kind+"Gateways"]) {
			m, _ := g.(map[string]any)
			listed = listed || str(m["name"]) == "istio-"+kind+"gateway"
			if on, ok := m["enabled"].(bool); ok && !on {
				continue
			}
			gwNS := str(m["namespace"])
			if gwNS == "" {
				gwNS = ns
			}
			labels := map[string]string{"app": "istio-" + kind + "gateway", "istio": kind + "gateway"}
			for k, v := range strs(m["label"]) {
				labels[k] = v
			}
			ports := treePorts(obj(m, "k8s", "service")["ports"])
			if len(ports) == 0 {
				ports = defaultPorts(true)
			}
			w.synthetic(o, str(m["name"]), gwNS, labels, ports)
		}
		profile := str(spec["profile"])
		if kind == "ingress" && !listed && o.Kind == "IstioOperator" && (profile == "" || profile == "default" || profile == "demo") {
			w.synthetic(o, "istio-ingressgateway", ns, map[string]string{"app": "istio-ingressgateway", "istio": "ingressgateway"}, defaultPorts(true))
		}
	}
}

// addChart reads the istio "gateway" chart from a Flux HelmRelease or an Argo CD Application.
func (w *World) addChart(o *manifest.Object) {
	spec := obj(o.Tree, "spec")
	if o.Kind == "HelmRelease" {
		if str(obj(spec, "chart", "spec")["chart"]) != "gateway" {
			return
		}
		ns, release := str(spec["targetNamespace"]), str(spec["releaseName"])
		if release == "" {
			release = o.Name
			if ns != "" {
				release = ns + "-" + o.Name
			}
		}
		if ns == "" {
			ns = o.Namespace
		}
		w.chart(o, release, ns, obj(spec, "values"))
		return
	}
	sources := list(spec["sources"])
	if s := obj(spec, "source"); s != nil {
		sources = append(sources, s)
	}
	for _, s := range sources {
		m, _ := s.(map[string]any)
		if str(m["chart"]) != "gateway" {
			continue
		}
		release := str(obj(m, "helm")["releaseName"])
		if release == "" {
			release = o.Name
		}
		values := obj(m, "helm", "valuesObject")
		if values == nil {
			// Values that are no YAML leave the chart's defaults: the gateway is still there.
			_ = yaml.Unmarshal([]byte(str(obj(m, "helm")["values"])), &values)
		}
		w.chart(o, release, str(obj(spec, "destination")["namespace"]), values)
	}
}

func (w *World) chart(o *manifest.Object, release, ns string, values map[string]any) {
	if n := str(values["name"]); n != "" {
		release = n
	}
	labels := map[string]string{"app": release, "istio": strings.TrimPrefix(release, "istio-")}
	for k, v := range strs(values["labels"]) {
		labels[k] = v
	}
	ports := treePorts(obj(values, "service")["ports"])
	if len(ports) == 0 {
		ports = defaultPorts(false)
	}
	w.synthetic(o, release, ns, labels, ports)
}

// NearWorkload finds a positive sign that a Gateway's selector, which no gateway workload satisfies, is wrong: a workload that
// it misses by a near value, or one in the Gateway's own namespace. It gives nil if there is none.
func (w *World) NearWorkload(g *Gateway) (*Workload, string) {
	for _, wl := range w.Workloads {
		for _, k := range manifest.Keys(g.Spec.Selector) {
			v := g.Spec.Selector[k]
			have, ok := wl.Labels[k]
			if !ok || have == v || len(v) < 5 || manifest.Nearest(v, []string{have}) == "" || !slip(v, have) {
				continue
			}
			labels := map[string]string{}
			for k2, v2 := range g.Spec.Selector {
				labels[k2] = v2
			}
			labels[k] = have
			if Subset(labels, wl.Labels) {
				return wl, "a workload has " + k + "=" + have
			}
		}
	}
	for _, wl := range w.Workloads {
		if g.Namespace != "" && wl.Namespace == g.Namespace && !w.rendered[g.Namespace] {
			return wl, "the gateway workloads in its namespace have other labels"
		}
	}
	return nil, ""
}
