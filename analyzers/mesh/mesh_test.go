package mesh_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// world reads documents in short form: "Kind namespace/name" and the rest as YAML below it.
func world(t *testing.T, opt mesh.Options, docs ...string) *mesh.World {
	t.Helper()
	return mesh.New(objects(t, "in.yaml", docs...), opt)
}

var groups = map[string]string{
	"Gateway": "networking.istio.io/v1", "VirtualService": "networking.istio.io/v1", "DestinationRule": "networking.istio.io/v1",
	"ServiceEntry": "networking.istio.io/v1", "Deployment": "apps/v1", "Certificate": "cert-manager.io/v1", "ExternalSecret": "external-secrets.io/v1",
	"MeshGateway": "servicemesh.cisco.com/v1alpha1", "HelmRelease": "helm.toolkit.fluxcd.io/v2", "Application": "argoproj.io/v1alpha1",
	"HTTPRoute": "gateway.networking.k8s.io/v1", "K8sGateway": "gateway.networking.k8s.io/v1", "IstioMeshGateway": "servicemesh.cisco.com/v1alpha1",
	"IstioOperator": "install.istio.io/v1alpha1", "Ingress": "networking.k8s.io/v1", "SealedSecret": "bitnami.com/v1alpha1",
}

func objects(t *testing.T, file string, docs ...string) []*manifest.Object {
	t.Helper()
	var b strings.Builder
	for _, d := range docs {
		head, rest, _ := strings.Cut(d, "\n")
		kind, ref, _ := strings.Cut(head, " ")
		ns, name, stated := strings.Cut(ref, "/")
		if !stated {
			ns, name = "", ref
		}
		api := groups[kind]
		kind = strings.TrimPrefix(kind, "K8s")
		if api == "" {
			api = "v1"
		}
		b.WriteString("---\napiVersion: " + api + "\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n")
		if stated {
			b.WriteString("  namespace: " + ns + "\n")
		}
		b.WriteString(rest + "\n")
	}
	set := manifest.Parse(file, []byte(b.String()), manifest.Options{})
	require.Empty(t, set.Faults)
	return set.Objects
}

func TestKnowledgeOfHosts(t *testing.T) {
	const (
		web    = "Service shop/web-frontend\nspec: {ports: [{port: 80}]}"
		other  = "Service shop/orders\nspec: {ports: [{port: 80}]}"
		afar   = "Service infra/payments\nspec: {ports: [{port: 80}]}"
		nsless = "Service orders\nspec: {ports: [{port: 80}]}"
	)
	for name, c := range map[string]struct {
		docs    []string
		opt     mesh.Options
		host    string
		sibling bool
		want    mesh.State
		near    string
	}{
		"nothing of the kind is known":     {nil, mesh.Options{}, "web.shop.svc.cluster.local", false, mesh.Unknown, ""},
		"a near name":                      {[]string{web}, mesh.Options{}, "web-fronted.shop.svc.cluster.local", false, mesh.Suspect, "web-frontend"},
		"others are there":                 {[]string{other}, mesh.Options{}, "zzz.shop.svc.cluster.local", false, mesh.Suspect, ""},
		"others, but variants":             {[]string{other}, mesh.Options{Variants: map[string]bool{"shop": true}}, "zzz.shop.svc.cluster.local", false, mesh.Unknown, ""},
		"the name in another namespace":    {[]string{afar}, mesh.Options{}, "payments.shop.svc.cluster.local", false, mesh.Suspect, ""},
		"an unstated namespace":            {[]string{other}, mesh.Options{}, "zzz..svc.cluster.local", false, mesh.Unknown, ""},
		"closed":                           {nil, mesh.Options{Complete: mesh.Everything()}, "web.shop.svc.cluster.local", false, mesh.Missing, ""},
		"closed for another namespace":     {nil, mesh.Options{Complete: mesh.ParseComplete("Service/infra")}, "web.shop.svc.cluster.local", false, mesh.Unknown, ""},
		"closed for this namespace":        {nil, mesh.Options{Complete: mesh.ParseComplete("Service/shop")}, "web.shop.svc.cluster.local", false, mesh.Missing, ""},
		"a sibling is there":               {nil, mesh.Options{}, "web.shop.svc.cluster.local", true, mesh.Suspect, ""},
		"external, unknown":                {[]string{other}, mesh.Options{}, "api.example.com", false, mesh.Unknown, ""},
		"external, closed by ServiceEntry": {nil, mesh.Options{Complete: mesh.ParseComplete("ServiceEntry")}, "api.example.com", false, mesh.Missing, ""},
		"looks like a Service":             {[]string{other}, mesh.Options{}, "orders.shop", false, mesh.Suspect, "orders.shop.svc.cluster.local"},
		"a placeholder":                    {[]string{other}, mesh.Options{}, "${APP}.shop.svc.cluster.local", false, mesh.Unknown, ""},
		"assumed":                          {[]string{web}, mesh.Options{Complete: mesh.Everything(), Assume: assumed}, "Web-fronted.shop.svc.cluster.local", false, mesh.Found, ""},
		"another host is assumed":          {nil, mesh.Options{Complete: mesh.Everything(), Assume: assumed}, "web.shop.svc.cluster.local", false, mesh.Missing, ""},
		"external, assumed":                {nil, mesh.Options{Complete: mesh.Everything(), Assume: assumed}, "a.b.example.com", false, mesh.Found, ""},
		"a Service without namespace":      {[]string{nsless}, mesh.Options{}, "web.shop.svc.cluster.local", false, mesh.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := world(t, c.opt, c.docs...).JudgeHost(c.host, c.sibling)
			require.Equal(t, c.want, r.State, r)
			require.Equal(t, c.near, r.Near)
		})
	}
}

var assumed = mesh.Assume{
	Hosts:    []string{"web-*.shop.svc.cluster.local", "*.example.com"},
	Secrets:  []mesh.Name{{Namespace: "edge", Name: "*-tls"}},
	Gateways: []mesh.Name{{Namespace: "platform*", Name: "public"}},
}

// What is assumed is neither missing nor closed, and only that.
func TestAssumed(t *testing.T) {
	w := world(t, mesh.Options{Complete: mesh.Everything(), Assume: assumed})
	name := func(ns, name string) mesh.Name { return mesh.Name{Namespace: ns, Name: name} }
	require.Equal(t, mesh.Found, w.JudgeSecret(name("edge", "shop-tls")).State)
	require.Equal(t, mesh.Found, w.JudgeSecret(name("", "shop-tls")).State, "an unstated namespace goes by name")
	require.Equal(t, mesh.Missing, w.JudgeSecret(name("other", "shop-tls")).State)
	require.Equal(t, mesh.Missing, w.JudgeSecret(name("edge", "shop")).State)
	require.Equal(t, mesh.Found, w.JudgeGateway(name("platform-a", "public")).State)
	require.Equal(t, mesh.Missing, w.JudgeGateway(name("edge", "shop-tls")).State)
	require.False(t, w.HostClosed("api.example.com"))
	require.True(t, w.HostClosed("api.example.org"))
	require.False(t, w.Closed("Gateway", ""))
	require.False(t, w.Closed("Gateway", "platform"))
	require.True(t, w.Closed("Gateway", "edge"))
	require.True(t, w.Closed("Secret", "other"))
	require.True(t, w.Closed("VirtualService", ""))
}

func TestUnstatedNamespaces(t *testing.T) {
	w := world(t, mesh.Options{},
		"Service web\nspec: {ports: [{port: 80}]}", "Service infra/db\nspec: {ports: [{port: 5432}]}",
		"Gateway gw\nspec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
		"VirtualService shop/a\nspec: {hosts: [a.example.com], gateways: [gw]}",
		"VirtualService b\nspec: {hosts: [b.example.com], gateways: [infra/gw]}")
	require.Len(t, w.ServicesFor("web..svc.cluster.local"), 1, "both unstated")
	require.Len(t, w.ServicesFor("web.shop.svc.cluster.local"), 1, "the Service's namespace is unstated")
	require.Len(t, w.ServicesFor("db..svc.cluster.local"), 1, "the reference's namespace is unstated")
	require.Empty(t, w.ServicesFor("db.shop.svc.cluster.local"), "both stated and different")
	for _, v := range w.VirtualServices {
		require.Len(t, v.Gateways[0].Found, 1, v.Name)
	}
	require.Equal(t, "(no namespace)/b", w.VirtualServices[1].ID().String())
}

func TestSecretsAndProducers(t *testing.T) {
	w := world(t, mesh.Options{},
		"Secret istio-system/keyed\ntype: kubernetes.io/tls\ndata: {tls.crt: bm9wZQ==, tls.key: bm9wZQ==}",
		"Secret istio-system/bare\ndata: {password: bm9wZQ==}",
		"Secret istio-system/redacted",
		"Certificate istio-system/cert\nspec: {secretName: from-certificate, dnsNames: [a.example.com]}",
		"ExternalSecret istio-system/ext\nspec: {target: {name: from-external}}",
		"ExternalSecret istio-system/ext-named\nspec: {}",
		"SealedSecret istio-system/sealed\nspec: {encryptedData: {tls.crt: AgB}}")
	for name, keyPair := range map[string]bool{
		"keyed": true, "bare": false, "redacted": true, "from-certificate": true, "from-external": true, "ext-named": true, "sealed": true,
	} {
		found := w.Secrets(mesh.Name{Namespace: "istio-system", Name: name})
		require.Len(t, found, 1, name)
		require.Equal(t, keyPair, found[0].HasKeyPair(), name)
	}
	require.Equal(t, mesh.Suspect, w.JudgeSecret(mesh.Name{Namespace: "istio-system", Name: "nope"}).State)
	require.Equal(t, mesh.Unknown, w.JudgeSecret(mesh.Name{Namespace: "elsewhere", Name: "nope"}).State)
	only := world(t, mesh.Options{}, "Secret istio-system/bare\ndata: {password: bm9wZQ==}")
	require.Equal(t, mesh.Unknown, only.JudgeSecret(mesh.Name{Namespace: "istio-system", Name: "web-cert"}).State, "no Secret there could serve TLS")
}

func TestGatewayWorkloads(t *testing.T) {
	pod := func(labels, more string) string {
		return "\nspec: {template: {metadata: {labels: " + labels + more + "}, spec: {containers: [{name: app}]}}}"
	}
	for name, c := range map[string]struct {
		docs []string
		want string
	}{
		"injected":      {[]string{"Deployment infra/gw" + pod("{istio: edge}", ", annotations: {inject.istio.io/templates: gateway}")}, "istio=edge"},
		"istio-proxy":   {[]string{"Deployment infra/gw\nspec: {template: {metadata: {labels: {istio: edge}}, spec: {containers: [{name: istio-proxy}]}}}"}, "istio=edge"},
		"application":   {[]string{"Deployment infra/web" + pod("{app: web}", "")}, ""},
		"Banzai":        {[]string{"MeshGateway infra/echo\nspec: {type: ingress, labels: {team: echo}, ports: [{port: 8000, targetPort: 8000}]}"}, "gateway-name=echo,gateway-type=ingress,team=echo"},
		"Cisco":         {[]string{"IstioMeshGateway infra/out\nspec: {type: egress, deployment: {metadata: {labels: {team: net}}}, service: {ports: [{port: 80, targetPort: 8080}]}}"}, "gateway-name=out,gateway-type=egress,team=net"},
		"Flux":          {[]string{"HelmRelease infra/istio-ingress\nspec: {chart: {spec: {chart: gateway}}}"}, "app=istio-ingress,istio=ingress"},
		"Flux, other":   {[]string{"HelmRelease infra/web\nspec: {chart: {spec: {chart: web}}}"}, ""},
		"Argo CD":       {[]string{"Application argocd/edge\nspec: {destination: {namespace: infra}, source: {chart: gateway, helm: {values: \"labels: {team: edge}\"}}}"}, "app=edge,istio=edge,team=edge"},
		"IstioOperator": {[]string{"IstioOperator istio-system/x\nspec: {profile: default}"}, "app=istio-ingressgateway,istio=ingressgateway"},
		"by selector and Service": {[]string{
			"Gateway infra/gw\nspec: {selector: {edge: 'yes'}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
			"Deployment infra/envoy" + pod("{edge: 'yes'}", ""), "Service infra/envoy\nspec: {selector: {edge: 'yes'}, ports: [{port: 80}]}",
		}, "edge=yes"},
		"labels of the wrong type": {[]string{"MeshGateway infra/edge\nspec: {labels: {tier: 1, public: true}}"}, "gateway-name=edge,gateway-type=ingress,public=true,tier=1"},
		"by selector alone": {[]string{
			"Gateway infra/gw\nspec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
			"Deployment infra/web" + pod("{app: web}", ""), "Service infra/web\nspec: {selector: {app: web}, ports: [{port: 8080}]}",
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, wl := range world(t, mesh.Options{}, c.docs...).Workloads {
				got = append(got, mesh.LabelText(wl.Labels))
			}
			require.Equal(t, c.want, strings.Join(got, ";"))
		})
	}
}

func TestSettings(t *testing.T) {
	const text = "rootNamespace: config\ndefaultVirtualServiceExportTo: ['.']\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"
	indented := strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
	vs := "VirtualService shop/a\nspec: {hosts: [a.example.com], http: [{route: [{destination: {host: a}}]}]}"
	for name, w := range map[string]*mesh.World{
		"flag":          world(t, mesh.Options{MeshConfig: []byte(text)}, vs),
		"ConfigMap":     world(t, mesh.Options{}, vs, "ConfigMap istio-system/istio\ndata:\n  mesh: |\n    "+indented),
		"IstioOperator": world(t, mesh.Options{}, vs, "IstioOperator istio-system/x\nspec:\n  meshConfig:\n    "+indented),
	} {
		require.Equal(t, "config", w.Root, name)
		require.True(t, w.Settings.RegistryOnly, name)
		require.Equal(t, mesh.No, w.VirtualServices[0].ExportTo.Covers("other"), name)
		require.Equal(t, mesh.Yes, w.VirtualServices[0].ExportTo.Covers("shop"), name)
	}
	require.Equal(t, mesh.Yes, world(t, mesh.Options{}, vs).VirtualServices[0].ExportTo.Covers("other"))
}

func TestIngressIsAGateway(t *testing.T) {
	w := world(t, mesh.Options{}, "Ingress shop/web\nspec: {ingressClassName: istio, tls: [{hosts: [a.example.com], secretName: web-tls}]}", "Ingress shop/other\nspec: {ingressClassName: nginx}")
	require.Len(t, w.Gateways, 1)
	servers := w.Gateways[0].Spec.Servers
	require.Len(t, servers, 2)
	require.Equal(t, uint32(443), servers[0].Port.Number)
	require.Equal(t, "web-tls", servers[0].Tls.CredentialName)
	require.Equal(t, uint32(80), servers[1].Port.Number)
}

func TestRoutesOfTheGatewayAPI(t *testing.T) {
	w := world(t, mesh.Options{},
		"Deployment infra/edge\nspec: {template: {metadata: {labels: {istio: edge}}, spec: {containers: [{name: istio-proxy}]}}}",
		"Service infra/edge\nspec: {selector: {istio: edge}, ports: [{port: 80}]}",
		"HTTPRoute shop/r\nspec: {parentRefs: [{name: gw, namespace: infra}]}", "K8sGateway infra/gw\nspec: {addresses: [{value: edge.infra.svc.cluster.local}]}")
	require.Equal(t, []string{"HTTPRoute shop/r"}, w.Touching(w.Workloads[0]))
}

func TestSplit(t *testing.T) {
	doc := func(file, port string) *manifest.Object {
		return objects(t, file, "Service shop/web\nspec: {ports: [{port: "+port+"}]}")[0]
	}
	lone := func(file, name string) *manifest.Object {
		return objects(t, file, "Service shop/"+name+"\nspec: {ports: [{port: 80}]}")[0]
	}
	for name, c := range map[string]struct {
		objs []*manifest.Object
		want map[string][]string // part -> files
	}{
		"no variants":             {[]*manifest.Object{doc("a.yaml", "80"), lone("b.yaml", "db")}, map[string][]string{"": {"a.yaml", "b.yaml"}}},
		"identical":               {[]*manifest.Object{doc("a/x.yaml", "80"), doc("b/x.yaml", "80")}, map[string][]string{"": {"a/x.yaml"}}},
		"files":                   {[]*manifest.Object{doc("a.yaml", "80"), doc("b.yaml", "81"), lone("c.yaml", "db")}, map[string][]string{"a.yaml": {"a.yaml", "c.yaml"}, "b.yaml": {"b.yaml", "c.yaml"}}},
		"overlays and their base": {[]*manifest.Object{doc("o/dev/x.yaml", "80"), lone("o/dev/y.yaml", "db"), doc("o/prod/x.yaml", "81"), lone("base/z.yaml", "mq")}, map[string][]string{"o/dev": {"base/z.yaml", "o/dev/x.yaml", "o/dev/y.yaml"}, "o/prod": {"base/z.yaml", "o/prod/x.yaml"}}},
		"nested": {
			[]*manifest.Object{doc("eu/dev/x.yaml", "80"), doc("eu/prod/x.yaml", "81"), doc("us/x.yaml", "82"), lone("eu/y.yaml", "db")},
			map[string][]string{"eu/dev": {"eu/dev/x.yaml", "eu/y.yaml"}, "eu/prod": {"eu/prod/x.yaml", "eu/y.yaml"}, "us": {"us/x.yaml"}},
		},
		"a copy in each part": {
			[]*manifest.Object{doc("dev/x.yaml", "80"), lone("dev/y.yaml", "db"), doc("prod/x.yaml", "81"), lone("prod/y.yaml", "db")},
			map[string][]string{"dev": {"dev/x.yaml", "dev/y.yaml"}, "prod": {"prod/x.yaml", "prod/y.yaml"}},
		},
		"copies of a variant": {
			[]*manifest.Object{doc("a/x.yaml", "80"), doc("b/x.yaml", "80"), doc("c/w.yaml", "81"), doc("c/x.yaml", "81"), doc("d/x.yaml", "80"), lone("d/y.yaml", "db")},
			map[string][]string{"a": {"a/x.yaml"}, "b": {"b/x.yaml"}, "c": {"c/w.yaml"}, "d": {"d/x.yaml", "d/y.yaml"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string][]string{}
			for _, in := range mesh.Split(c.objs) {
				var files []string
				for _, o := range in.Objects {
					files = append(files, o.Doc.File)
				}
				got[in.Name] = files
			}
			for part, files := range c.want {
				require.ElementsMatch(t, files, got[part], part)
			}
			require.Len(t, got, len(c.want))
		})
	}
}
