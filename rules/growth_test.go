package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// matches writes a VirtualService with n rules of one match each.
func matches(n int, match func(i int) string) string {
	var b strings.Builder
	b.WriteString("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: big, namespace: shop}\nspec:\n  hosts: [big.example.com]\n  gateways: [public]\n  http:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {match: [{%s}], route: [{destination: {host: d%d}}]}\n", match(i), i%7)
	}
	return b.String()
}

const publicGateway = "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: shop}\n" +
	"spec: {selector: {app: gw}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n"

// merged writes n VirtualServices of 50 routes each on one host, with a default in the last.
func merged(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs-%03d, namespace: shop}\nspec:\n  hosts: [big.example.com]\n  gateways: [public]\n  http:\n", i)
		for j := range 50 {
			fmt.Fprintf(&b, "  - {match: [{uri: {prefix: /team-%d/service-%d/}}], route: [{destination: {host: d%d}}]}\n", i, j, j%7)
		}
	}
	b.WriteString("  - route: [{destination: {host: last}}]\n")
	return b.String()
}

// bound writes three VirtualServices that do the same for 50 hosts, on n Gateways of one workload.
func bound(n int) string {
	var b strings.Builder
	var gateways, hosts []string
	for i := range n {
		gateways = append(gateways, fmt.Sprintf("g%d", i))
		b.WriteString(strings.Replace(publicGateway, "public", gateways[i], 1))
	}
	for i := range 50 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.com", i))
	}
	for i := range 3 {
		fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs-%d, namespace: shop}\nspec:\n  hosts: [%s]\n  gateways: [%s]\n  http:\n",
			i, strings.Join(hosts, ", "), strings.Join(gateways, ", "))
		for j := range 10 {
			fmt.Fprintf(&b, "  - {match: [{uri: {prefix: /service-%d/}}], route: [{destination: {host: d}}]}\n", j)
		}
	}
	return b.String()
}

var nasty = []string{"/(a|aa)*b", "/.*a.{20}", "/(?:a?){30}a{30}", "/((a+)+)+c", "/.*(a|b).{15}(c|d).{15}", "/[ab]*a[ab]{24}"}

// BenchmarkShadows measures one host with many matches, and few matches through many Gateways, at three sizes in one run: the
// metric is time against the size before, 2 if it grows with the number of matches, or of Gateways.
func BenchmarkShadows(b *testing.B) {
	kinds := map[string]struct {
		sizes [3]int
		text  func(n int) string
	}{
		"prefixes": {[3]int{1250, 2500, 5000}, func(n int) string {
			return matches(n, func(i int) string { return fmt.Sprintf("uri: {prefix: /service-%d/}", i) })
		}},
		"exact-headers": {[3]int{1250, 2500, 5000}, func(n int) string {
			return matches(n, func(i int) string { return fmt.Sprintf("headers: {x-tenant: {exact: t%d}, x-env: {exact: prod}}", i) })
		}},
		"regexes": {[3]int{1250, 2500, 5000}, func(n int) string {
			return matches(n, func(i int) string { return fmt.Sprintf(`uri: {regex: "/service-%d/v[0-9]+/.*"}`, i) })
		}},
		"merged":   {[3]int{50, 100, 200}, merged},
		"gateways": {[3]int{10, 20, 40}, bound},
		"nasty": {[3]int{50, 100, 200}, func(n int) string {
			return matches(n, func(i int) string {
				return fmt.Sprintf(`uri: {regex: "%s%s"}`, nasty[i%len(nasty)], strings.Repeat("x?", i/len(nasty)))
			})
		}},
	}
	for _, name := range []string{"prefixes", "exact-headers", "regexes", "merged", "gateways", "nasty"} {
		b.Run(name, func(b *testing.B) {
			var took [3]time.Duration
			for b.Loop() {
				for i, n := range kinds[name].sizes {
					text := []byte(kinds[name].text(n) + publicGateway)
					took[i] += timed(func() { lint(manifest.Parse("-", text, manifest.Options{})) })
				}
			}
			b.ReportMetric(took[2].Seconds()/float64(b.N), "s/largest")
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x/first-doubling")
			b.ReportMetric(took[2].Seconds()/took[1].Seconds(), "x/second-doubling")
		})
	}
}
