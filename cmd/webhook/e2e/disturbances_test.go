//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestDisturbances lets go wrong what can: errors are clear, nothing crashes, nothing is lost.
func TestDisturbances(t *testing.T) {
	t.Run("malformed-requests", malformedRequests)
	t.Run("a-rule-panics", panicking)
	t.Run("an-object-of-a-megabyte", megabyte)
	t.Run("caches-not-yet-synced", unready)
	t.Run("the-webhook-is-killed", killed)
	t.Run("the-api-server-restarts", restarted)
	t.Run("certificates-rotate", rotation)
}

// panicking applies what makes a rule panic: the others judge it, and the next request is judged as ever.
func panicking(t *testing.T) {
	w := newWorld(t)
	out := w.apply(replace(route, "name: api, namespace: NS", "name: panic, namespace: NS, labels: {panic: please}") + "  - route: [{destination: {host: nowhere}}]")
	require.Equal(t, 1, strings.Count(out, "Warning"), out)
	require.Contains(t, out, "[unknown-host]")
	require.NotContains(t, out, "on purpose")
	w.refused(replace(gateway, "HOST", "shop.example.com"))
	_, page := cluster.hook.get(cluster.hook.metrics)
	require.Regexp(t, `gatelint_rule_panics_total\{rule="broken-on-purpose"\} [1-9]`, page)
	require.Contains(t, cluster.hook.logs.String(), `"rule":"broken-on-purpose","stack":"`)
	require.NoError(t, cluster.hook.ready())
	_, err := kubectl("", "delete", "virtualservice", "panic", "-n", w.ns)
	require.NoError(t, err)
}

// megabyte creates objects as large as etcd takes them.
func megabyte(t *testing.T) {
	const size = 1_000_000
	fill := func(format string) string { // a list of as many as a megabyte holds
		var list []string
		for n := 0; n < size; n += len(list[len(list)-1]) + 1 {
			list = append(list, fmt.Sprintf(format, len(list)))
		}
		return strings.Join(list, ",")
	}
	w := newWorld(t)
	routes := func(list string) string {
		return `"VirtualService","spec":{"hosts":["large.example.com"],"gateways":["istio-system/NS"],"http":[` + list + `]}`
	}
	servers := func(list string) string {
		return `"Gateway","spec":{"selector":{"istio":"NS"},"servers":[` + list + `]}`
	}
	for _, c := range []struct{ name, decision, spec string }{ // decision is "" where it depends on the machine
		{"many-routes", "allowed", routes(fill(`{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"cart"}}]}`))},
		{"many-hosts", "allowed", servers(`{"port":{"number":80,"name":"http-large","protocol":"HTTP"},"hosts":[` + fill(`"h%d.large.example.com"`) + `]}`)},
		{"a-long-prefix", "allowed", routes(`{"match":[{"uri":{"prefix":"/` + strings.Repeat("x", size) + `"}}],"route":[{"destination":{"host":"cart"}}]}`)},
		// What takes longer than the API server waits is let pass, with a warning.
		{"many-clashes", "", servers(fill(`{"port":{"number":443,"name":"https-%d","protocol":"HTTPS"},"tls":{"mode":"SIMPLE","credentialName":"NS"},"hosts":["*.large.example.com"]}`))},
		{"many-regular-expressions", "", routes(fill(`{"match":[{"uri":{"regex":"/(a|b)*%d[^/]{1,9}x?"}}],"route":[{"destination":{"host":"cart"}}]}`))},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t, w.ns}
			u := &unstructured.Unstructured{}
			require.NoError(t, u.UnmarshalJSON([]byte(w.text(`{"apiVersion":"networking.istio.io/v1","metadata":{"name":"`+c.name+`","namespace":"NS"},"kind":`+c.spec+`}`))))
			resource := client(t).Resource(resources[u.GetKind()]).Namespace(w.ns)
			_, err := resource.Create(context.Background(), u, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			line := w.decision(c.name)
			t.Logf("%s after %.3f s: %.200v", line["decision"], line["duration"], err)
			require.Less(t, line["duration"], 5.0)
			if c.decision != "" {
				require.Equal(t, c.decision, line["decision"])
			}
			if line["decision"] == "denied" {
				require.ErrorContains(t, err, w.text("gatelint refuses Gateway NS/"+c.name))
			} else {
				require.NoError(t, err)
			}
		})
	}
	require.Eventually(t, func() bool {
		out, err := kubectl(w.text(replace(gateway, "HOST", "shop.example.com")), "apply", "--dry-run=server", "-f", "-")
		return err != nil && strings.Contains(out, "gatelint refuses")
	}, 60*time.Second, time.Second, "requests are not judged any more")
	w.seen()
}

// underLoad runs a function while requests with and without a fault are made, and gives the answers to both.
func (w *world) underLoad(while func()) (faulty, healthy []answer) {
	w.Helper()
	faulty = load(w.T, 20, w.object(replace(replace(gateway, "HOST", "shop.example.com"), "name: own", "name: clash")), func() {
		healthy = load(w.T, 30, w.text(nothing), while)
	})
	return faulty, healthy
}

// killed kills the webhook under load: what comes meanwhile passes, as the failurePolicy says, and is known to the next one.
func killed(t *testing.T) {
	w := newWorld(t)
	p := cluster.hook
	var dead, ready time.Time
	faulty, healthy := w.underLoad(func() {
		time.Sleep(time.Second)
		p.kill()
		dead = time.Now()
		require.NotContains(t, w.apply(replace(gateway, "HOST", "shop.example.com")), "Warning", "nobody is asked")
		require.NoError(t, p.start())
		require.NoError(t, p.ready())
		ready = time.Now()
		time.Sleep(2 * time.Second)
	})
	for _, a := range healthy {
		require.NoError(t, a.err)
	}
	passed := 0
	for _, a := range faulty {
		switch {
		case a.err != nil:
			require.ErrorContains(t, a.err, "gatelint refuses Gateway")
		default:
			passed++
			require.True(t, a.at.After(dead.Add(-time.Second)) && a.at.Before(ready.Add(time.Second)), "it passed at %s, dead from %s to %s", a.at, dead, ready)
		}
	}
	require.Positive(t, passed)
	require.ErrorContains(t, faulty[len(faulty)-1].err, "gatelint refuses Gateway")
	out := w.apply(replace(replace(gateway, "HOST", "shop.example.com"), "namespace: NS}", "namespace: NS, labels: {team: shop}}"))
	require.Contains(t, out, w.text("Warning: there before: Gateway NS/own spec.servers[0]: "), "what passed is known")
}

// restarted restarts the API server under load: the webhook goes on with what it holds, and sees what comes afterwards.
func restarted(t *testing.T) {
	w := newWorld(t)
	process := cluster.hook.cmd.Process.Pid
	dir := filepath.Join(cluster.dir, "bin")
	var up time.Time
	faulty, healthy := w.underLoad(func() {
		time.Sleep(time.Second)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "restart"), nil, 0o644))
		text, err := os.ReadFile(filepath.Join(dir, "restart.pid"))
		require.NoError(t, err)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			now, err := os.ReadFile(filepath.Join(dir, "restart.pid"))
			return err == nil && string(now) != string(text)
		}, 90*time.Second, 50*time.Millisecond, "it does not end")
		require.Eventually(t, func() bool { _, err := kubectl("", "get", "--raw", "/readyz"); return err == nil }, 60*time.Second, 200*time.Millisecond)
		up = time.Now()
		time.Sleep(2 * time.Second)
	})
	refused, failed := 0, 0
	for _, a := range faulty {
		require.Error(t, a.err, "a fault passed at %s", a.at)
		if strings.Contains(a.err.Error(), "gatelint refuses Gateway") {
			refused++
		}
	}
	for _, a := range healthy {
		if a.err != nil {
			failed++
			require.NotContains(t, a.err.Error(), "gatelint")
			require.True(t, a.at.Before(up.Add(time.Second)), "%s at %s, the API server was up at %s", a.err, a.at, up)
		}
	}
	t.Logf("%d faults refused of %d, %d of %d healthy requests failed", refused, len(faulty), failed, len(healthy))
	require.Positive(t, failed, "the API server was away")
	require.ErrorContains(t, faulty[len(faulty)-1].err, "gatelint refuses Gateway")
	require.Equal(t, process, cluster.hook.cmd.Process.Pid)
	status, _ := cluster.hook.get(cluster.hook.health + "/readyz")
	require.Equal(t, 200, status)
	require.NotContains(t, w.apply(replace(gateway, "HOST", "after.example.com")), "Warning")
	w.seen()
	w.refused(replace(replace(gateway, "HOST", "after.example.com"), "name: own", "name: late"))
}

// TestClashInFlight creates two Gateways with one host at the same moment, by two clients, while two replicas are asked, and the
// webhook of all tests. Nothing in admission can prevent that both pass; at least one does, and whoever is touched next is told.
func TestClashInFlight(t *testing.T) {
	r := newSelfSigned(t)
	r.start()
	both := 0
	for round := 0; both == 0 && round < 50; round++ {
		names := []string{fmt.Sprintf("one-%d", round), fmt.Sprintf("two-%d", round)}
		errs := make([]error, 2)
		var running sync.WaitGroup
		for i, name := range names {
			var u unstructured.Unstructured
			text := replace(replace(gateway, "HOST", fmt.Sprintf("round-%d.example.com", round)), "name: own", "name: "+name)
			require.NoError(t, json.Unmarshal([]byte(r.object(text)), &u.Object))
			client := client(t)
			running.Go(func() {
				_, errs[i] = client.Resource(resources["Gateway"]).Namespace(r.ns).Create(context.Background(), &u, metav1.CreateOptions{})
			})
		}
		running.Wait()
		passed := 0
		for i, err := range errs {
			if err == nil {
				passed++
				continue
			}
			require.ErrorContains(t, err, "gatelint refuses Gateway "+r.ns+"/"+names[i])
		}
		require.Positive(t, passed, "the one is refused for the sake of the other")
		if passed == 2 {
			both++
			r.seen()
			for _, name := range names {
				out, err := kubectl("", "label", "gateways.networking.istio.io", name, "-n", r.ns, "team=shop")
				require.NoError(t, err)
				require.Contains(t, out, "Warning: there before: ", name)
				require.Contains(t, out, fmt.Sprintf("round-%d.example.com", round))
			}
		}
	}
	require.Positive(t, both, "no two requests met: the test shows nothing")
}
