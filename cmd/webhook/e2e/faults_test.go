//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gateway is a second Gateway on the workload of a world.
const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: NS}
spec:
  selector: {istio: NS}
  servers:
  - port: {number: 443, name: https-own, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: NS}
    hosts: ["HOST"]
`

// route is a second VirtualService of a world.
const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: NS}
spec:
  hosts: [api.example.com]
  gateways: [istio-system/NS]
  http:
`

// TestFiveFaults applies each of the five faults and its healthy twin, then fixes what was let pass, or edits it otherwise.
func TestFiveFaults(t *testing.T) {
	w := newWorld(t)
	t.Run("overlapping-hosts", func(t *testing.T) {
		w := &world{t, w.ns}
		out := w.refused(replace(gateway, "HOST", "shop.example.com"))
		require.Contains(t, out, w.text("gatelint refuses Gateway NS/own, for 1 fault that this change introduces:\n"))
		require.Contains(t, out, w.text(`- Gateway NS/own spec.servers[0]: host "shop.example.com" on port 443 is claimed by server istio-system/NS port 443 too`))
		require.Contains(t, out, w.text("Gateway istio-system/NS spec.servers[1].hosts[0]: and here"))
		require.Contains(t, out, "[overlapping-hosts]")
		require.Contains(t, out, "docs/webhook.md#my-apply-was-refused-what-now")
		require.Contains(t, out, "Error from server (Forbidden)")
		require.NotContains(t, w.apply(replace(gateway, "HOST", "own.example.com")), "Warning")
		w.seen()
	})
	t.Run("unmerged-port", func(t *testing.T) {
		w := &world{t, w.ns}
		out := w.refused(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: redis, namespace: NS}
spec:
  selector: {istio: NS}
  servers: [{port: {number: 80, name: redis, protocol: TCP}, hosts: ["*"]}]`)
		require.Contains(t, out, w.text("- Gateway NS/redis spec.servers[0]: "))
		require.Contains(t, out, "[unmerged-port]")
		require.NotContains(t, w.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: redis, namespace: NS}
spec:
  selector: {istio: NS}
  servers: [{port: {number: 80, name: http-own, protocol: HTTP}, hosts: ["redis.example.com"]}]`), "Warning")
	})
	t.Run("shadowed-match", func(t *testing.T) {
		w := &world{t, w.ns}
		broken := route + `
  - match: [{uri: {prefix: /a}}]
    redirect: {uri: /}
  - match: [{uri: {prefix: /a/b}}]
    route: [{destination: {host: cart}}]`
		out := w.apply(broken)
		require.Contains(t, out, w.text("Warning: VirtualService NS/api spec.http[1]: no request reaches this rule of NS/api: spec.http[0].match[0] of NS/api takes them"))
		require.Contains(t, out, "[shadowed-match]")
		w.keepsAndFixes(broken, "VirtualService NS/api spec.http[1]", route+`
  - match: [{uri: {prefix: /a/b}}]
    route: [{destination: {host: cart}}]
  - match: [{uri: {prefix: /a}}]
    redirect: {uri: /}`)
	})
	t.Run("shadowed-match-of-another-namespace", func(t *testing.T) {
		w := &world{t, w.ns}
		early := `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: early, namespace: default}
spec:
  hosts: [early.example.com]
  gateways: [istio-system/NS]
  http: [{match: [{uri: {prefix: /e}}], redirect: {uri: /elsewhere}}]`
		late := replace(replace(route, "name: api", "name: late"), "api.example.com", "early.example.com") + `
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: cart}}]`
		require.NotContains(t, w.apply(early), "Warning")
		w.seen()
		time.Sleep(time.Second) // istiod's order counts seconds
		require.NotContains(t, w.apply(late), "Warning")
		w.seen()
		out := w.refused(replace(early, "prefix: /e", "prefix: /c"))
		require.Contains(t, out, "gatelint refuses VirtualService default/early")
		require.Contains(t, out, w.text("- VirtualService NS/late spec.http[0]: no request reaches"))
		require.Contains(t, out, "example: GET http")
		require.Contains(t, w.apply(replace(early, "prefix: /e", "prefix: /f")), "configured")
	})
	t.Run("missing-credential", func(t *testing.T) {
		w := &world{t, w.ns}
		broken := replace(replace(gateway, "HOST", "tls.example.com"), "credentialName: NS", "credentialName: NS-typo")
		broken = replace(broken, "name: own", "name: typo")
		out := w.apply(broken)
		require.Contains(t, out, w.text(`Warning: Gateway NS/typo spec.servers[0].tls.credentialName: there is no Secret "NS-typo" in namespace istio-system, where gateway workload istio-system/NS runs`))
		require.Contains(t, out, "[missing-credential]")
		w.keepsAndFixes(broken, "Gateway NS/typo spec.servers[0].tls.credentialName", replace(broken, "credentialName: NS-typo", "credentialName: NS"))
	})
	t.Run("dangling-subset", func(t *testing.T) {
		w := &world{t, w.ns}
		broken := replace(route, "name: api", "name: pay") + `
  - match: [{uri: {prefix: /pay}}]
    route: [{destination: {host: cart, subset: v2}}]`
		out := w.apply(broken)
		require.Contains(t, out, w.text(`Warning: VirtualService NS/pay spec.http[0].route[0].destination.subset: DestinationRule NS/cart, the one istiod chooses for cart.NS.svc.cluster.local, has no subset "v2": requests get 503 (no cluster)`))
		require.Contains(t, out, "[dangling-subset]")
		w.keepsAndFixes(broken, "VirtualService NS/pay spec.http[0].route[0].destination.subset", replace(broken, "v2", "v1"))
	})
}

// keepsAndFixes edits a broken object elsewhere, which is accepted and told of, and then mends it, which is accepted in silence.
func (w *world) keepsAndFixes(broken, place, fixed string) {
	w.Helper()
	out := w.apply(replace(broken, "namespace: NS}", "namespace: NS, labels: {team: shop}}"))
	require.Contains(w, out, w.text("Warning: there before: "+place))
	require.Contains(w, out, "configured")
	out = w.apply(fixed)
	require.NotContains(w, out, "Warning")
	require.Contains(w, out, "configured")
	w.seen()
}

// TestWhatIsInUse takes away what others refer to.
func TestWhatIsInUse(t *testing.T) {
	w := newWorld(t)
	const v2 = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: NS}
spec:
  host: cart
  subsets: [{name: v2, labels: {version: v2}}]`
	t.Run("an-update-removes-the-subset", func(t *testing.T) {
		w := &world{t, w.ns}
		out := w.apply(v2, "--dry-run=server")
		require.Contains(t, out, w.text("Warning: VirtualService NS/web spec.http[0].route[0].destination.subset: DestinationRule NS/cart, the one istiod chooses"))
	})
	t.Run("a-destination-rule-is-deleted", func(t *testing.T) {
		out, err := kubectl("", "delete", "--dry-run=server", "destinationrule", "cart", "-n", w.ns)
		require.NoError(t, err)
		require.Contains(t, out, w.text("Warning: still used by VirtualService NS/web spec.http[0].route[0].destination.subset: no DestinationRule is for cart.NS.svc.cluster.local"))
	})
	t.Run("a-gateway-is-deleted", func(t *testing.T) {
		out, err := kubectl("", "delete", "--dry-run=server", "gateways.networking.istio.io", w.ns, "-n", "istio-system")
		require.NoError(t, err)
		require.Contains(t, out, w.text("Warning: still used by VirtualService NS/web spec.gateways[0]: "))
		require.Contains(t, out, "[unknown-gateway]")
	})
	t.Run("a-collection-is-deleted", func(t *testing.T) {
		out, err := kubectl("", "delete", "--raw", "/apis/networking.istio.io/v1/namespaces/"+w.ns+"/destinationrules")
		require.NoError(t, err, out)
		require.Contains(t, out, w.text("still used by VirtualService NS/web"))
	})
}
