package policy

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite capabilities.json")

// forbidden are builtins that OPA does not itself mark as having an answer that hangs on more than their arguments.
var forbidden = []string{
	"rego.parse_module", "trace", "crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options",
	"io.jwt.decode_verify", "providers.aws.sign_req", "net.cidr_expand",
}

// TestCapabilities holds capabilities.json to what OPA of this version has, less what reaches out of the evaluation.
func TestCapabilities(t *testing.T) {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return b.Nondeterministic || slices.Contains(forbidden, b.Name) })
	c.AllowNet = []string{}
	want, err := json.MarshalIndent(c, "", " ")
	require.NoError(t, err)
	want = append(want, '\n')
	if *update {
		require.NoError(t, os.WriteFile("capabilities.json", want, 0o644))
		return
	}
	require.Equal(t, string(want), string(capabilitiesJSON), "go test ./policy -run Capabilities -update, then review what is new")
	for _, name := range []string{"http.send", "net.lookup_ip_addr", "opa.runtime", "time.now_ns", "rand.intn", "uuid.rfc4122"} {
		require.NotContains(t, builtinNames(c.Builtins), name)
	}
}
