package report

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// Limits of GitHub's code scanning: of more results it keeps 5,000 of its own choice, a result has 1,000 locations, a rule 20 tags,
// a description 1,024 characters.
const (
	maxResults     = 5000
	maxLocations   = 1000
	maxTags        = 20
	maxDescription = 1024
	maxUpload      = 10 << 20 // bytes, compressed
)

// SARIF 2.1.0, the part that is written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		Version         string      `json:"version"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		Name             string          `json:"name"`
		ShortDescription sarifText       `json:"shortDescription"`
		FullDescription  sarifText       `json:"fullDescription"`
		Help             sarifText       `json:"help"`
		HelpURI          string          `json:"helpUri,omitempty"`
		Configuration    sarifLevel      `json:"defaultConfiguration"`
		Properties       sarifProperties `json:"properties"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Tags      []string `json:"tags,omitempty"`
		Precision string   `json:"precision,omitempty"`
		Severity  string   `json:"problem.severity,omitempty"`
		Evidence  string   `json:"evidence,omitempty"`
		Admission string   `json:"admission,omitempty"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Related      []sarifLocation   `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   sarifProperties   `json:"properties"`
	}
	sarifLocation struct {
		ID       int           `json:"id,omitempty"`
		Physical sarifPhysical `json:"physicalLocation"`
		Logical  []sarifObject `json:"logicalLocations,omitempty"`
		Message  *sarifText    `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifObject struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

// sarif writes SARIF 2.1.0 as GitHub's code scanning wants it. What ignores accept is left out: GitHub does not know
// suppressions and would show them as open. Two findings of one rule on one line would be one alert there, with the message
// of either: they are one result with both.
func sarif(w io.Writer, r *Report) error {
	r = r.inTemplates()
	s := &sarifWriter{r: r, index: map[string]int{}, hashes: map[string][]string{}}
	for _, rule := range r.Rules {
		s.add(rule)
	}
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	list := s.merged()
	notes := s.failures()
	if n := len(list) - maxResults; n > 0 {
		note := fmt.Sprintf("%d results are left out of the SARIF report, which GitHub limits to %d: the least severe; text and json have all", n, maxResults)
		r.Say("%s", note)
		notes = append(notes, sarifNotification{"warning", sarifText{Text: note}, nil})
		list = worst(list, maxResults)
	}
	for _, same := range list {
		run.Results = append(run.Results, s.result(same))
	}
	run.Invocations = []sarifInvocation{{len(r.Failures) == 0, notes}}
	run.Tool.Driver = sarifDriver{
		Name: "gatelint", Version: r.Version, SemanticVersion: semantic(r.Version), InformationURI: "https://github.com/gatelint/gatelint", Rules: s.rules,
	}
	var size byteCount
	packed := gzip.NewWriter(&size)
	if err := writeJSON(io.MultiWriter(w, packed), sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if size > maxUpload {
		r.Say("the SARIF report has %d MB compressed, and GitHub takes %d: lint fewer files in one run, or raise --min-severity", size>>20, maxUpload>>20)
	}
	return nil
}

// byteCount counts what is written to it.
type byteCount int

func (n *byteCount) Write(p []byte) (int, error) {
	*n += byteCount(len(p))
	return len(p), nil
}

// semantic is the version without its v, "" for a build without one.
func semantic(version string) string {
	v, ok := strings.CutPrefix(version, "v")
	if !ok || strings.Contains(v, " ") {
		return ""
	}
	return v
}

type sarifWriter struct {
	r      *Report
	rules  []sarifRule
	index  map[string]int      // of a rule's name in rules
	hashes map[string][]string // of the lines of a file
}

func (s *sarifWriter) add(rule *rules.Rule) {
	title, body, _ := strings.Cut(strings.TrimSpace(rule.Doc), "\n")
	if body = strings.TrimSpace(body); body == "" {
		body = cmp.Or(title, rule.Name)
	}
	first, _, _ := strings.Cut(body, "\n\n")
	markdown := body
	if page := docs(rule.Name); page != "" {
		markdown += fmt.Sprintf("\n\n[%s](%s) shows examples.", rule.Name, page)
	}
	tags := append([]string{"istio"}, rule.AlsoKnownAs...)
	s.index[rule.Name] = len(s.rules)
	s.rules = append(s.rules, sarifRule{
		ID: rule.Name, Name: rule.Name, HelpURI: docs(rule.Name),
		ShortDescription: sarifText{Text: clip(cmp.Or(title, rule.Name))}, FullDescription: sarifText{Text: clip(strings.Join(strings.Fields(first), " "))},
		Help: sarifText{Text: body, Markdown: markdown}, Configuration: sarifLevel{level(rule.Severity)},
		Properties: sarifProperties{Tags: tags[:min(len(tags), maxTags)], Precision: "high", Severity: problem(rule.Severity)},
	})
}

func clip(text string) string {
	if all := []rune(text); len(all) > maxDescription {
		return string(all[:maxDescription-1]) + "…"
	}
	return text
}

func level(s rules.Severity) string {
	return map[rules.Severity]string{rules.Error: "error", rules.Warning: "warning", rules.Info: "note"}[s]
}

func problem(s rules.Severity) string {
	return map[rules.Severity]string{rules.Error: "error", rules.Warning: "warning", rules.Info: "recommendation"}[s]
}

// merged puts findings of one rule on one line together.
func (s *sarifWriter) merged() (out [][]rules.Finding) {
	type key struct {
		rule, file string
		line       int
	}
	at := map[key]int{}
	for _, f := range s.r.Findings {
		pos := place(f.Pos, f.Object)
		k := key{f.Rule, pos.File, pos.Line}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], f)
	}
	return out
}

func severity(same []rules.Finding) rules.Severity {
	return slices.MaxFunc(same, func(a, b rules.Finding) int { return cmp.Compare(a.Severity, b.Severity) }).Severity
}

// worst keeps the n most severe, in their order of place.
func worst(list [][]rules.Finding, n int) [][]rules.Finding {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(severity(list[b]), severity(list[a])) })
	order = order[:n]
	slices.Sort(order)
	out := make([][]rules.Finding, 0, n)
	for _, i := range order {
		out = append(out, list[i])
	}
	return out
}

func (s *sarifWriter) failures() (out []sarifNotification) {
	for _, x := range s.r.Failures {
		n := sarifNotification{"error", sarifText{Text: Plain(x.Text)}, nil}
		if x.Pos.File != "" {
			n.Locations = []sarifLocation{s.location(x.Pos, manifest.ID{})}
		}
		out = append(out, n)
	}
	return out
}

func (s *sarifWriter) result(same []rules.Finding) sarifResult {
	same = bySeverity(same) // a list shows how the text begins
	f := same[0]
	if _, known := s.index[f.Rule]; !known {
		s.add(&rules.Rule{Name: f.Rule, Severity: f.Severity})
	}
	out := sarifResult{
		RuleID: f.Rule, RuleIndex: s.index[f.Rule], Level: level(severity(same)), Locations: []sarifLocation{s.location(f.Pos, f.Object)},
		Fingerprints: map[string]string{}, Properties: sarifProperties{Evidence: "proven", Admission: f.Admission.String()},
	}
	var messages, prints []string
	for _, f := range same {
		if f.Suspect {
			out.Properties.Evidence = "suspect"
		}
		messages = append(messages, s.message(f, &out))
		prints = append(prints, f.Fingerprint)
	}
	out.Message.Text = strings.Join(messages, " Also: ")
	if hash := s.hash(place(f.Pos, f.Object)); hash != "" {
		out.Fingerprints["primaryLocationLineHash"] = hash
	}
	out.Fingerprints["gatelint/v1"] = strings.Join(prints, ",")
	return out
}

// message is a finding's first sentence, links to its other ends, which GitHub shows only so, and its example.
func (s *sarifWriter) message(f rules.Finding, into *sarifResult) string {
	text := unlinked(Plain(f.Message)) + "."
	var links []string
	for _, e := range f.Related {
		if len(into.Related) == maxLocations-1 { // the first one is the finding's own
			links = append(links, fmt.Sprintf("%d more", len(f.Related)-len(links)))
			break
		}
		l := s.location(e.Pos, e.Object)
		l.ID, l.Message = len(into.Related)+1, &sarifText{Text: unlinked(endText(e))}
		into.Related = append(into.Related, l)
		links = append(links, fmt.Sprintf("[%s](%d)", linkText(e.Object), l.ID))
	}
	if len(links) > 0 {
		text += " See " + strings.Join(links, ", ") + "."
	}
	if f.Witness != nil {
		text += " Example: " + unlinked(Plain(s.r.Example(f.Witness))) + "."
	}
	return text
}

// unlinked keeps text of a manifest from being read as a link.
func unlinked(text string) string { return strings.ReplaceAll(text, "](", "] (") }

// linkText names an object in a link, where brackets and backslashes are escaped.
func linkText(id manifest.ID) string {
	if id.Kind == "" {
		return "the other place"
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(Plain(id.String()))
}

func (s *sarifWriter) location(pos manifest.Pos, object manifest.ID) sarifLocation {
	pos = place(pos, object)
	name := strings.TrimSpace(object.String() + " " + pos.Path)
	if object.Kind == "" {
		name = pos.Path
	}
	l := sarifLocation{
		Physical: sarifPhysical{sarifArtifact{uri(s.r.fromRoot(pos.File))}, sarifRegion{pos.Line, pos.Column, pos.EndLine, pos.EndColumn}},
	}
	if name != "" {
		l.Logical = []sarifObject{{Plain(name), "object"}}
	}
	return l
}

// uri is a path as a relative reference, an absolute one as a file URI.
func uri(path string) string {
	u := url.URL{Path: path}
	if strings.HasPrefix(path, "/") {
		u.Scheme = "file"
		return u.String()
	}
	// A colon before the first slash would be a scheme; Go keeps it with "./", which GitHub does not take.
	return strings.ReplaceAll(strings.TrimPrefix(u.String(), "./"), ":", "%3A")
}

// hash is the hash of the line at a position, "" if the file was not read.
func (s *sarifWriter) hash(pos manifest.Pos) string {
	all, done := s.hashes[pos.File]
	if !done {
		if data := s.r.data(pos.File); data != nil {
			all = lineHashes(data)
		}
		s.hashes[pos.File] = all
	}
	if pos.Line > len(all) {
		return ""
	}
	return all[pos.Line-1]
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
