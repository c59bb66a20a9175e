package cli

import (
	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

// The report of -o json. Other programs rely on it: every key is always there, an empty list is []; but renderedFrom only beside what
// helm template has made.
type (
	reportJSON struct {
		Schema   int           `json:"schema"`
		Version  string        `json:"version"`
		Findings []findingJSON `json:"findings"`
		Unknown  []unknownJSON `json:"unknown"`
		Failures []string      `json:"failures"` // what could not be read, and policies that gave no answer
		Summary  summary       `json:"summary"`
	}
	findingJSON struct {
		Rule         string        `json:"rule"`
		Severity     string        `json:"severity"`
		Evidence     string        `json:"evidence"`
		Admission    string        `json:"admission"`
		Message      string        `json:"message"`
		Object       objectJSON    `json:"object"`
		Position     positionJSON  `json:"position"`
		RenderedFrom string        `json:"renderedFrom,omitempty"`
		Related      []relatedJSON `json:"related"`
		Witness      *witnessJSON  `json:"witness"`
		Worlds       []string      `json:"worlds"`
		Fingerprint  string        `json:"fingerprint"`
	}
	objectJSON struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Namespace  string `json:"namespace"`
		Name       string `json:"name"`
	}
	positionJSON struct {
		File      string `json:"file"`
		Line      int    `json:"line"`
		Column    int    `json:"column"`
		EndLine   int    `json:"endLine"`
		EndColumn int    `json:"endColumn"`
		Path      string `json:"path"`
	}
	relatedJSON struct {
		Object       objectJSON   `json:"object"`
		Position     positionJSON `json:"position"`
		RenderedFrom string       `json:"renderedFrom,omitempty"`
		Message      string       `json:"message"`
	}
	witnessJSON struct {
		URL     string         `json:"url"`
		Request wireJSON       `json:"request"`
		Answer  routing.Answer `json:"answer"`
	}
	// wireJSON is a request with nothing left to a default, so that it can be asked again unchanged.
	wireJSON struct {
		Port     uint32            `json:"port"`
		Address  string            `json:"address,omitempty"`
		TLS      bool              `json:"tls"`
		SNI      string            `json:"sni"`
		Host     string            `json:"host"`
		Path     string            `json:"path"`
		Method   string            `json:"method"`
		Headers  map[string]string `json:"headers"`
		Claims   map[string]string `json:"claims,omitempty"`
		Workload *routing.Client   `json:"workload,omitempty"`
		Mesh     *routing.Client   `json:"mesh,omitempty"`
	}
	unknownJSON struct {
		Kind         string          `json:"kind"`
		Namespace    string          `json:"namespace"`
		Name         string          `json:"name"`
		ReferencedBy []referenceJSON `json:"referencedBy"`
	}
	referenceJSON struct {
		Object   objectJSON   `json:"object"`
		Position positionJSON `json:"position"`
	}
)

func (a *app) reportJSON(res *result) reportJSON {
	out := reportJSON{Schema: 1, Version: a.version, Findings: []findingJSON{}, Unknown: []unknownJSON{}, Failures: []string{}, Summary: res.summary}
	templates := manifest.NewTemplates(res.files)
	for _, f := range res.findings {
		out.Findings = append(out.Findings, findingAsJSON(f, templates))
	}
	for _, u := range res.unknown {
		x := unknownJSON{Kind: u.kind, Namespace: u.namespace, Name: u.name, ReferencedBy: []referenceJSON{}}
		seen := map[manifest.Pos]bool{}
		for _, ref := range u.by {
			if pos := ref.By.At(ref.Path...); !seen[pos] {
				seen[pos] = true
				x.ReferencedBy = append(x.ReferencedBy, referenceJSON{identity(ref.By.ID, ref.By.APIVersion), positionJSON(pos)})
			}
		}
		out.Unknown = append(out.Unknown, x)
	}
	for _, err := range res.failures() {
		out.Failures = append(out.Failures, err.Error())
	}
	return out
}

func findingAsJSON(f rules.Finding, templates *manifest.Templates) findingJSON {
	from, _ := templates.At(f.Pos)
	x := findingJSON{
		Rule: f.Rule, Severity: f.Severity.String(), Evidence: f.Evidence(), Admission: f.Admission.String(), Message: f.Message,
		Object: identity(f.Object, f.API), Position: positionJSON(f.Pos), RenderedFrom: from, Related: []relatedJSON{},
		Worlds: append([]string{}, f.Worlds...), Fingerprint: f.Fingerprint,
	}
	for _, r := range f.Related {
		from, _ := templates.At(r.Pos)
		x.Related = append(x.Related, relatedJSON{identity(r.Object, r.API), positionJSON(r.Pos), from, r.Message})
	}
	if f.Witness != nil {
		x.Witness = &witnessJSON{f.Witness.URL, wire(f.Witness.Request), f.Witness.Answer}
	}
	return x
}

func wire(r routing.Request) wireJSON {
	headers := r.Headers
	if headers == nil {
		headers = map[string]string{}
	}
	return wireJSON{r.Port, r.Address, r.TLS, r.SNI, r.Host, r.Path, r.Method, headers, r.Claims, r.Workload, r.Mesh}
}

func identity(id manifest.ID, api string) objectJSON {
	return objectJSON{APIVersion: api, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}
}
