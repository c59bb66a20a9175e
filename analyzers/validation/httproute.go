package validation

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

func (a at) httpRoute(h *networking.HTTPRoute, delegate bool) {
	a.actions(h, delegate)
	for i, m := range h.GetMatch() {
		a.in("match", i).httpMatch(m)
	}
	a.headerOperations(h.GetHeaders())
	a.authorityOnce(h)
	if h.CorsPolicy != nil {
		a.in("corsPolicy").cors(h.CorsPolicy)
	}
	if h.Fault != nil {
		a.in("fault").fault(h.Fault)
	}
	//lint:ignore SA1019 still read by istiod
	if h.MirrorPercent.GetValue() > 100 {
		a.in("mirrorPercent").refuse("mirrorPercent is more than 100")
	}
	a.in("mirrorPercentage").percentage(h.MirrorPercentage, 0)
	if h.Mirror != nil {
		a.in("mirror").destination(h.Mirror)
	}
	for i, m := range h.Mirrors {
		a.in("mirrors", i, "destination").destination(m.GetDestination())
		a.in("mirrors", i, "percentage").percentage(m.GetPercentage(), 0)
	}
	if h.Redirect != nil {
		a.in("redirect").redirect(h.Redirect, h.Match)
	}
	if h.DirectResponse != nil {
		a.in("directResponse").directResponse(h.DirectResponse)
	}
	if h.Retries != nil {
		a.in("retries").retries(h.Retries)
	}
	if h.Rewrite != nil {
		a.in("rewrite").rewrite(h.Rewrite)
	}
	a.destinations(h.Route)
	a.duration("timeout", h.Timeout)
}

// actions finds actions of which only one may stand, or none at all.
func (a at) actions(h *networking.HTTPRoute, delegate bool) {
	set := map[string]bool{
		"route": len(h.Route) > 0, "redirect": h.Redirect != nil, "directResponse": h.DirectResponse != nil,
		"fault": h.Fault != nil, "rewrite": h.Rewrite != nil,
	}
	beside := func(one string, others ...string) {
		for _, other := range others {
			if set[one] && set[other] {
				a.in(other).refuse("%q stands beside %q, which excludes it", other, one)
			}
		}
	}
	if h.Delegate != nil && !delegate {
		set["delegate"] = true
		beside("delegate", "redirect", "route")
		return
	}
	if h.Delegate != nil {
		a.in("delegate").refuse("a VirtualService without hosts is a delegate and delegates no further")
	}
	switch {
	case set["redirect"]:
		beside("redirect", "route", "fault", "rewrite", "directResponse")
	case set["directResponse"]:
		beside("directResponse", "route", "fault", "rewrite")
	case !set["route"]:
		a.refuse("an http rule has neither route nor redirect nor directResponse")
	}
	if h.Mirror != nil && len(h.Mirrors) > 0 {
		a.in("mirror").refuse("\"mirror\" stands beside \"mirrors\", which excludes it")
	}
}

func (a at) httpMatch(m *networking.HTTPMatchRequest) {
	for _, k := range manifest.Keys(m.GetHeaders()) {
		here := a.in("headers", k)
		here.matchable(k)
		here.text("header "+strconv.Quote(k), m.Headers[k], false)
	}
	for _, k := range manifest.Keys(m.GetWithoutHeaders()) {
		here := a.in("withoutHeaders", k)
		here.matchable(k)
		if m.WithoutHeaders[k].GetRegex() != "*" { // istiod's other spelling of presence
			here.text("header "+strconv.Quote(k), m.WithoutHeaders[k], false)
		}
	}
	a.in("uri").text("uri", m.GetUri(), true)
	a.in("scheme").text("scheme", m.GetScheme(), false)
	a.in("method").text("method", m.GetMethod(), false)
	a.in("authority").text("authority", m.GetAuthority(), false)
	for _, k := range manifest.Keys(m.GetQueryParams()) {
		a.in("queryParams", k).text("query parameter "+strconv.Quote(k), m.QueryParams[k], false)
	}
	if n := m.GetPort(); n != 0 {
		a.in("port").because(port("port", n))
	}
	a.in("sourceLabels").labelMap(m.GetSourceLabels())
	a.in("gateways").gatewayNames(m.GetGateways())
	if ns := m.GetSourceNamespace(); ns != "" {
		a.in("sourceNamespace").because(label("sourceNamespace", ns))
	}
}

var corsMethods = []string{
	"*", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect,
	http.MethodOptions, http.MethodTrace,
}

func (a at) cors(c *networking.CorsPolicy) {
	for i, o := range c.AllowOrigins {
		here := a.in("allowOrigins", i)
		switch re := o.GetRegex(); {
		case re != "":
			here.in("regex").because(regex("allowOrigins regex", re))
		case o.GetExact() == "" && o.GetPrefix() == "":
			here.refuse("an entry of allowOrigins is empty")
		}
	}
	for i, m := range c.AllowMethods {
		if !slices.Contains(corsMethods, m) && !manifest.Placeholder(m) {
			a.in("allowMethods", i).refuse("allowMethods has %q, which istiod does not know", m)
		}
	}
	for _, part := range [...]struct {
		name string
		list []string
	}{{"allowHeaders", c.AllowHeaders}, {"exposeHeaders", c.ExposeHeaders}} {
		for i, h := range part.list {
			if h != "*" && !headerForm.MatchString(h) && !manifest.Placeholder(h) {
				a.in(part.name, i).refuse("%s has %q, which is no name of a header", part.name, h)
			}
		}
	}
	a.duration("maxAge", c.MaxAge)
	if n := c.MaxAge.GetNanos(); n > 0 && n%1_000_000 == 0 {
		a.in("maxAge").refuse("maxAge is not of whole seconds")
	}
}

// percentage is between 0 and 100, and either 0 or at least least.
func (a at) percentage(p *networking.Percent, least float64) {
	if v := p.GetValue(); v < 0 || v > 100 || v > 0 && v < least {
		a.refuse("%v is no percentage", v)
	}
}

var grpcStatuses = strings.Fields(`OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
	RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED`)

// leastFault is the smallest share that Envoy can tell from nothing.
const leastFault = 0.0001

func (a at) fault(f *networking.HTTPFaultInjection) {
	if f.Abort == nil && f.Delay == nil {
		a.refuse("fault has neither abort nor delay")
	}
	if f.Abort != nil {
		here := a.in("abort")
		here.in("percentage").percentage(f.Abort.Percentage, leastFault)
		switch e := f.Abort.ErrorType.(type) {
		case *networking.HTTPFaultInjection_Abort_GrpcStatus:
			if !slices.Contains(grpcStatuses, e.GrpcStatus) && !manifest.Placeholder(e.GrpcStatus) {
				here.in("grpcStatus").refuse("gRPC has no status %q", e.GrpcStatus)
			}
		case *networking.HTTPFaultInjection_Abort_Http2Error:
			here.in("http2Error").refuse("istiod does not implement http2Error")
		case *networking.HTTPFaultInjection_Abort_HttpStatus:
			here.in("httpStatus").status(e.HttpStatus)
		}
	}
	if f.Delay != nil {
		here := a.in("delay")
		here.in("percentage").percentage(f.Delay.Percentage, leastFault)
		switch d := f.Delay.HttpDelayType.(type) {
		case *networking.HTTPFaultInjection_Delay_FixedDelay:
			here.duration("fixedDelay", d.FixedDelay)
		case *networking.HTTPFaultInjection_Delay_ExponentialDelay:
			here.in("exponentialDelay").refuse("istiod does not implement exponentialDelay")
		}
	}
}

// status is checked up to 600, though Envoy takes no more than 599.
func (a at) status(s int32) {
	if s < 200 || s > 600 {
		a.refuse("status %d is not between 200 and 599", s)
	}
}

func (a at) redirect(r *networking.HTTPRedirect, matches []*networking.HTTPMatchRequest) {
	if r.Uri != "" && r.PrefixRewrite != "" {
		a.in("prefixRewrite").refuse("\"uri\" and \"prefixRewrite\" exclude each other in redirect")
		return
	}
	for _, m := range matches {
		if _, prefix := m.GetUri().GetMatchType().(*networking.StringMatch_Prefix); r.PrefixRewrite != "" && m.GetUri() != nil && !prefix {
			a.in("prefixRewrite").refuse("prefixRewrite needs a prefix in every uri of the rule, and a match has none")
			return
		}
	}
	if r.Uri == "" && r.PrefixRewrite == "" && r.Authority == "" && r.RedirectPort == nil && r.Scheme == "" {
		a.refuse("redirect says neither uri nor authority nor scheme nor port")
	}
	if c := r.RedirectCode; c != 0 && (c < 300 || c > 399) {
		a.in("redirectCode").refuse("redirectCode %d is no status of a redirect", c)
	}
	if r.Scheme != "" && r.Scheme != "http" && r.Scheme != "https" && !manifest.Placeholder(r.Scheme) {
		a.in("scheme").refuse("scheme %q is neither \"http\" nor \"https\"", r.Scheme)
	}
	if n := r.GetPort(); n > 0 {
		a.in("port").because(port("port", n))
	}
}

func (a at) directResponse(d *networking.HTTPDirectResponse) {
	a.in("status").status(int32(d.Status))
	if size := max(len(d.GetBody().GetString_()), len(d.GetBody().GetBytes())); size > 1<<20 {
		a.in("body").refuse("the body has %d bytes, more than 1 MiB", size)
	}
}

var retryOn = strings.Fields(`5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream
	retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure cancelled deadline-exceeded internal
	resource-exhausted unavailable`)

func (a at) retries(r *networking.HTTPRetry) {
	if r.Attempts < 0 {
		a.in("attempts").refuse("attempts %d is negative", r.Attempts)
	}
	if r.Attempts == 0 && (r.PerTryTimeout != nil || r.RetryOn != "" || r.RetryRemoteLocalities != nil) {
		a.refuse("retries are configured and attempts is 0, which switches them off")
	}
	a.duration("perTryTimeout", r.PerTryTimeout)
	a.duration("backoff", r.Backoff)
	if r.RetryOn == "" {
		return
	}
	for _, on := range strings.Split(r.RetryOn, ",") {
		code, _ := strconv.Atoi(on) // a condition by name is code 0, which is no status
		if http.StatusText(code) == "" && !slices.Contains(retryOn, on) && !manifest.Placeholder(r.RetryOn) {
			a.in("retryOn").refuse("retryOn has %q, which is no condition that Envoy knows", on)
		}
	}
}

func (a at) rewrite(r *networking.HTTPRewrite) {
	switch re := r.UriRegexRewrite; {
	case r.Uri != "" && re != nil:
		a.in("uriRegexRewrite").refuse("\"uri\" and \"uriRegexRewrite\" exclude each other in rewrite")
	case r.Uri == "" && re == nil && r.Authority == "":
		a.refuse("rewrite says neither uri nor uriRegexRewrite nor authority")
	case re == nil:
	case re.Match == "" || re.Rewrite == "":
		a.in("uriRegexRewrite").refuse("uriRegexRewrite lacks match or rewrite")
	default:
		a.in("uriRegexRewrite", "match").because(regex("uriRegexRewrite match", re.Match))
	}
}

func (a at) destinations(list []*networking.HTTPRouteDestination) {
	var total int32
	for i, d := range list {
		here := a.in("route", i)
		here.in("destination").destination(d.GetDestination())
		here.headerOperations(d.GetHeaders())
		here.weight(d.GetWeight())
		total += d.GetWeight()
	}
	a.total(len(list), total)
}
