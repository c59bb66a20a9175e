package routing

// Client says who sends a request: a gateway workload that receives it, or a sidecar ("mesh") that sends it.
type Client struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels,omitempty"`
}

// Request is one request as sent on the wire, or a connection that says no more than a server name: without Host. Port is the
// Service port that a client dials.
// Exactly one of Workload and Mesh is set; with neither, the only gateway workload that listens on the port is asked.
type Request struct {
	ID       string            `json:"id,omitempty"`
	Port     uint32            `json:"port"`
	Address  string            `json:"address,omitempty"` // that is dialled, for a server that is bound to one; "" for any other
	TLS      bool              `json:"tls,omitempty"`
	SNI      string            `json:"sni,omitempty"` // "" with TLS: the host without its port
	Host     string            `json:"host,omitempty"`
	Path     string            `json:"path,omitempty"`   // "" is "/"; may carry ?query
	Method   string            `json:"method,omitempty"` // "" is GET
	Headers  map[string]string `json:"headers,omitempty"`
	Claims   map[string]string `json:"claims,omitempty"` // of its token, by the keys to each: "groups", "realm.role"
	Workload *Client           `json:"workload,omitempty"`
	Mesh     *Client           `json:"mesh,omitempty"`
}

// Outcomes of a request, by what Envoy would do.
const (
	OutcomeNoListener     = "no-listener"
	OutcomeNoTLSServer    = "no-tls-server"
	OutcomeNoHost         = "no-host"
	OutcomeNoRoute        = "no-route"
	OutcomeHTTPSRedirect  = "https-redirect"
	OutcomeRedirect       = "redirect"
	OutcomeDirectResponse = "direct-response"
	OutcomeNoCluster      = "no-cluster"
	OutcomeTCP            = "tcp"
	OutcomeBadRequest     = "bad-request"
	OutcomeRejected       = "rejected"
	OutcomeRouted         = "routed"
	OutcomeUnknown        = "unknown"
	OutcomeError          = "error"
)

// Answer says where a request goes.
type Answer struct {
	ID             string         `json:"id,omitempty"`
	Outcome        string         `json:"outcome"`
	Gateway        string         `json:"gateway,omitempty"`        // "namespace/name"
	VirtualHost    string         `json:"virtualHost,omitempty"`    // the matched domain
	VirtualService string         `json:"virtualService,omitempty"` // "namespace/name"; the root's for a merged delegate
	Route          string         `json:"route,omitempty"`          // "spec.http[2]"
	Match          string         `json:"match,omitempty"`          // "spec.http[2].match[0]"; "" when the rule has no match
	Delegate       *DelegateRef   `json:"delegate,omitempty"`
	Destinations   []AnswerTarget `json:"destinations,omitempty"`
	Alternatives   []Alternative  `json:"alternatives,omitempty"` // of an outcome that depends on what is not known
	Error          string         `json:"error,omitempty"`
}

// Alternative is the answer if something that is not known turns out in one way.
type Alternative struct {
	If string `json:"if"`
	Answer
}

// DelegateRef is where a merged route stands in the delegate VirtualService.
type DelegateRef struct {
	VirtualService string `json:"virtualService"`
	Route          string `json:"route"`
	Match          string `json:"match,omitempty"`
}

// AnswerTarget is one destination of the route that took a request.
type AnswerTarget struct {
	Host    string `json:"host"`
	Port    uint32 `json:"port"` // 0: none is written, and the Service that would tell is not known
	Subset  string `json:"subset,omitempty"`
	Weight  int32  `json:"weight"`
	Cluster string `json:"cluster"` // Envoy's cluster name: outbound|port|subset|host; "" without port
	Exists  *bool  `json:"exists"`  // nil: not known
}
