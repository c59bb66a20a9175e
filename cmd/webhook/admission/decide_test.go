package admission

import (
	"context"
	"encoding/json"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const clashing = `{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"NAME","namespace":"shop","creationTimestamp":"TIME"},
"spec":{"selector":{"a":"b"},"servers":[{"port":{"number":443,"name":"https","protocol":"HTTPS"},"tls":{"mode":"SIMPLE","credentialName":"x"},"hosts":["a.example.com"]}]}}`

func gateway(name, created string) []byte {
	return []byte(strings.NewReplacer("NAME", name, "TIME", created).Replace(clashing))
}

// config holds one Gateway, with which the one of create clashes.
func config(t *testing.T, list []*rules.Rule) Config {
	e := NewEngine(list, mesh.Options{Complete: mesh.Everything()})
	o, faults := manifest.ParseObject(gateway("first", "2026-01-01T00:00:00Z"), manifest.Options{})
	require.Empty(t, faults)
	e.Set(o)
	return Config{Engine: e, Settings: &settings.Config{}, Now: fixtureTime}
}

func create(raw []byte) *admissionv1.AdmissionRequest {
	return &admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: raw},
		Kind: metav1.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"},
	}
}

// A rule that panics, before or after, denies nothing and takes no other rule down; half made tables do not outlive it.
func TestPanickingRule(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		broken := *rules.Find("overlapping-hosts")
		run := broken.Run
		broken.Run = func(p *rules.Pass) {
			if (len(p.World.Gateways) == 2) == (when == "after") {
				panic("on purpose")
			}
			run(p)
		}
		c := config(t, []*rules.Rule{&broken, rules.Find("missing-credential")})
		d, err := Decide(context.Background(), c, create(gateway("second", "2026-02-01T00:00:00Z")))
		require.NoError(t, err)
		require.True(t, d.Response.Allowed, when)
		require.Contains(t, d.Broken["overlapping-hosts"], "on purpose")
		require.Len(t, d.Broken, 1)

		c = config(t, rules.All())
		d, err = Decide(context.Background(), c, create(gateway("second", "2026-02-01T00:00:00Z")))
		require.NoError(t, err)
		require.False(t, d.Response.Allowed, "without the panic it is denied")
	}
}

func TestTablesOfAPanickingRuleAreNotUsedAgain(t *testing.T) {
	var first *routing.Tables
	list := []*rules.Rule{
		{Name: "a", Run: func(p *rules.Pass) { first = p.Tables; panic("on purpose") }},
		{Name: "b", Run: func(p *rules.Pass) { require.NotSame(t, first, p.Tables) }},
	}
	d, err := Decide(context.Background(), config(t, list), create(gateway("second", "2026-02-01T00:00:00Z")))
	require.NoError(t, err)
	require.Len(t, d.Broken, 1)
}

func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Decide(ctx, config(t, rules.All()), create(gateway("second", "2026-02-01T00:00:00Z")))
	require.ErrorIs(t, err, context.Canceled)

	// Also while others have the engine.
	c := config(t, rules.All())
	for range cap(c.Engine.large) {
		c.Engine.large <- struct{}{}
	}
	_, err = c.Engine.everything(ctx, Change{})
	require.ErrorIs(t, err, context.Canceled)
}

// Who has all turns of one namespace holds up nobody of another, and whoever waits goes when the time is up.
func TestTurns(t *testing.T) {
	turns := newTurns()
	var ends []func()
	for range goruntime.GOMAXPROCS(0) {
		end, err := turns.take(context.Background(), "heavy")
		require.NoError(t, err)
		ends = append(ends, end)
	}
	gone, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := turns.take(gone, "heavy")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	end, err := turns.take(context.Background(), "light")
	require.NoError(t, err)
	end()
	for _, end := range ends {
		end()
	}
	require.Empty(t, turns.of)
	require.Empty(t, turns.all)
}

// impatient is a context that ends when it is asked for the n-th time.
type impatient struct {
	context.Context
	n, asked int
}

func (c *impatient) Err() error {
	if c.asked++; c.asked >= c.n {
		return context.DeadlineExceeded
	}
	return nil
}

// What nobody waits for any more ends in the middle of a rule, and its half is no answer.
func TestDeadlineWithinARule(t *testing.T) {
	var spec strings.Builder
	for i := range 200 {
		fmt.Fprintf(&spec, `{"match":[{"uri":{"regex":"/.*(a|b).{12}(c|d)%d"}}],"route":[{"destination":{"host":"d"}}]},`, i)
	}
	raw := `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"v","namespace":"shop"},"spec":{"hosts":["a.example.com"],"http":[` +
		strings.TrimSuffix(spec.String(), ",") + `]}}`
	o, faults := manifest.ParseObject([]byte(raw), manifest.Options{})
	require.Empty(t, faults)
	c := config(t, []*rules.Rule{rules.Find("shadowed-match")})
	judge := func(n int) (asked int, err error) {
		ctx := &impatient{Context: context.Background(), n: n}
		_, err = c.Engine.Judge(ctx, Change{After: o})
		return ctx.asked, err
	}
	all, err := judge(1 << 30)
	require.NoError(t, err)
	require.Greater(t, all, 200, "it is asked for each route")
	start := time.Now()
	_, err = judge(20)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	early := time.Since(start)
	start = time.Now()
	_, err = judge(all)
	require.ErrorIs(t, err, context.DeadlineExceeded, "at the very end")
	t.Logf("%s until the 20th of %d questions, %s for all", early, all, time.Since(start))
}

// An audit of everything takes its time. Meanwhile objects come, and requests are answered.
func TestAuditHoldsNobodyUp(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	var audits atomic.Int32
	slow := &rules.Rule{Name: "slow", Run: func(*rules.Pass) {
		if audits.Add(1) == 1 {
			close(started)
			<-finish
		}
	}}
	c := config(t, []*rules.Rule{slow, rules.Find("overlapping-hosts")})
	done := make(chan Live)
	go func() {
		live, err := c.Engine.Audit(context.Background(), c.Engine.rules)
		require.NoError(t, err)
		done <- live
	}()
	<-started
	second, _ := manifest.ParseObject(gateway("second", "2026-02-01T00:00:00Z"), manifest.Options{})
	c.Engine.Set(second)
	for range 2 * cap(c.Engine.turns.all) {
		d, err := Decide(context.Background(), c, create(gateway("third", "2026-03-01T00:00:00Z")))
		require.NoError(t, err)
		require.Equal(t, Denied, d.Outcome)
	}
	close(finish)
	live := <-done
	require.Len(t, live.Objects, 1, "it is of one moment")
	require.Less(t, live.Version, c.Engine.Version())
	live, err := c.Engine.Audit(context.Background(), c.Engine.rules)
	require.NoError(t, err)
	require.Len(t, live.Findings, 1)
}

// An audit says of each object what a request would not say of the others: what istiod and Envoy refuse.
func TestAuditSaysWhatIstiodRefuses(t *testing.T) {
	c := config(t, rules.All())
	o, faults := manifest.ParseObject([]byte(`{"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"a","namespace":"shop"},"spec":{"egress":[{"hosts":["x"]}]}}`), manifest.Options{})
	require.Empty(t, faults)
	c.Engine.Set(o)
	live, err := c.Engine.Audit(context.Background(), c.Engine.rules)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(live.Findings, func(f rules.Finding) bool { return f.Rule == "rejected-by-istiod" && f.Object == o.ID }), "%v", live.Findings)
}

// What no finding could deny is not refused either where gatelint fails and the failure mode is deny.
func TestDeniable(t *testing.T) {
	for want, list := range map[bool][]string{
		true:  {"enforcement: standard", "enforcement: strict", "deletes: deny", "{enforcement: warn, rules: {shadowed-match: {enforcement: strict}}}", "namespaces: [{names: [other], enforcement: off}]"},
		false: {"enforcement: warn", "enforcement: off", "exempt: {users: [ann]}", "namespaces: [{names: [shop], enforcement: warn}]"},
	} {
		for _, text := range list {
			s, err := settings.Parse([]byte("version: 1\nadmission: "+block(text)), "config", rules.All())
			require.NoError(t, err, text)
			c := Config{Engine: NewEngine(nil, mesh.Options{}), Settings: s}
			req := create(gateway("second", "2026-02-01T00:00:00Z"))
			req.Namespace, req.UserInfo.Username = "shop", "ann"
			require.Equal(t, want, c.Deniable(req), text)
			req.Operation = admissionv1.Delete
			require.Equal(t, text == "deletes: deny", c.Deniable(req), text)
			req.UserInfo.Username = "system:serviceaccount:kube-system:namespace-controller"
			require.False(t, c.Deniable(req), text)
		}
	}
}

func block(text string) string {
	if strings.HasPrefix(text, "{") {
		return text
	}
	return "{" + text + "}"
}

func TestUnreadable(t *testing.T) {
	c := config(t, rules.All())
	for raw, want := range map[string]string{
		"":             "reading object: it is empty",
		"{":            "reading object: ",
		"[]":           "reading object: this is no Kubernetes object",
		`{"kind":"x"}`: "reading object: this is no Kubernetes object",
		`"a"` + "\x00": "reading object: ",
		`{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"generateName":7}}`: "reading object: ",
	} {
		_, err := Decide(context.Background(), c, create([]byte(raw)))
		require.ErrorContains(t, err, want, raw)
	}
	req := create(nil)
	req.Operation = admissionv1.Delete
	_, err := Decide(context.Background(), c, req)
	require.ErrorContains(t, err, "reading oldObject: it is empty")
}

// Every object that a request can carry decides without a panic, whatever is in it.
func FuzzDecide(f *testing.F) {
	f.Add(gateway("second", "2026-02-01T00:00:00Z"), []byte(nil))
	f.Add(gateway("second", "x"), gateway("first", ""))
	f.Add([]byte(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","spec":{"http":[null,{"match":[null]}]}}`), []byte(`{"apiVersion":"a","kind":"Gateway"}`))
	f.Fuzz(func(t *testing.T, object, old []byte) {
		c := config(t, rules.All())
		req := create(object)
		req.OldObject.Raw = old
		for _, op := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect} {
			req.Operation = op
			d, err := Decide(context.Background(), c, req)
			if err != nil {
				continue
			}
			require.Empty(t, d.Broken)
			checkLimits(t, req, d.Response)
			_, err = json.Marshal(d.Response)
			require.NoError(t, err)
		}
	})
}

func TestFit(t *testing.T) {
	require.Equal(t, []string{"a b c"}, fit([]string{"a\nb\tc"}))
	long := strings.Repeat("é", 300)
	require.Equal(t, []string{strings.Repeat("é", 255) + "…"}, fit([]string{long}))
	sixteen := strings.Split(strings.Repeat(strings.Repeat("x", 256)+"\n", 16), "\n")[:16]
	require.Len(t, fit(sixteen), 16, "exactly as much as the API server takes")
	require.Equal(t, "and 2 more", fit(append(sixteen, "y"))[15])
}

// A long message is cut, its rule is not.
func TestLongWarning(t *testing.T) {
	f := settings.Fault{Finding: rules.Finding{Rule: "some-rule", Object: manifest.ID{Kind: "Gateway", Namespace: "a", Name: "b"}, Message: "x\n" + strings.Repeat("é", 400)}}
	w := warning(f, false)
	require.Equal(t, maxWarning, utf8.RuneCountInString(w))
	require.Regexp(t, `^Gateway a/b: x é+… \[some-rule\]$`, w)
}
