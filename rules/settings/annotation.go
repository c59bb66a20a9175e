package settings

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"sigs.k8s.io/yaml"
)

// Annotation is the key of the annotation that accepts findings on its object:
//
//	gatelint.io/ignore: "rule: reason; rule2 until 2027-03-01: reason"
const Annotation = "gatelint.io/ignore"

// IstioAnnotation is istioctl's own: the codes, or "*", that istioctl analyze does not report of its object. It counts for the rules
// that stand for such a code, and as istioctl reads it: parted by commas, a space belongs to a code and so hits none, and
// CODE=KIND NAME is known to its flag only (istio.io/istio, pkg/config/analysis/local/istiod_analyze.go, filterMessages).
const IstioAnnotation = "galley.istio.io/analyze-suppress"

// Annotations reads the ignores in the annotations of objects, and those that stand where they are not read.
func Annotations(objs []*manifest.Object) []*Ignore {
	var out []*Ignore
	for _, o := range objs {
		if text, ok := o.Annotations[Annotation]; ok {
			pos := o.At("metadata", "annotations", Annotation)
			for _, g := range parseAnnotation(text) {
				g.Object, g.Pos = o, pos
				out = append(out, g)
			}
		}
		for _, key := range manifest.Keys(o.Annotations) {
			if near := manifest.Nearest(key, []string{Annotation, Handover}); near != "" && key != Annotation && key != Handover {
				out = append(out, &Ignore{Object: o, Pos: o.At("metadata", "annotations", key), problem: fmt.Sprintf("the annotation %q is not read; did you mean %q?", key, near)})
			}
		}
		out = append(out, suppressed(o)...)
		for _, path := range misplaced(o) {
			out = append(out, &Ignore{
				Object: o, Pos: o.At(path...),
				problem: fmt.Sprintf("%s is read under metadata.annotations of %s only, not at %s", Annotation, o.ID, manifest.FieldPath(path...)),
			})
		}
	}
	return out
}

var istioCode = regexp.MustCompile(`^(\*|[A-Z]+[0-9]+)$`)

func suppressed(o *manifest.Object) (out []*Ignore) {
	text := o.Annotations[IstioAnnotation]
	if text == "" {
		return nil
	}
	codes := knownToIstio()
	for _, code := range strings.Split(text, ",") {
		if code == "" {
			continue
		}
		g := &Ignore{Code: code, Object: o, Pos: o.At("metadata", "annotations", IstioAnnotation)}
		switch {
		case !istioCode.MatchString(code):
			g.problem = fmt.Sprintf(`%q in %s suppresses nothing: istioctl reads codes there, or "*", parted by commas without spaces`, code, IstioAnnotation)
		case code != "*" && !slices.Contains(codes, code):
			g.problem = fmt.Sprintf(`%q in %s suppresses nothing: istioctl %s has no such code%s`, code, IstioAnnotation, Release, meant(code, codes))
		}
		out = append(out, g)
	}
	return out
}

// knownToIstio are the codes of istioctl.
func knownToIstio() (out []string) {
	for _, c := range rules.Codes {
		for _, name := range c.Names {
			if strings.HasPrefix(name, "IST") {
				out = append(out, name)
			}
		}
	}
	return out
}

// entryHead is how an entry of the annotation begins. What does not look so continues the reason before it.
var entryHead = regexp.MustCompile(`^\s*([A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*)(?:\s+until(=\S+?|\s+\S+?))?\s*(?::|$)`)

func parseAnnotation(text string) []*Ignore {
	var out, last []*Ignore
	var texts []string         // of entries
	of := map[*Ignore][2]int{} // the entry it is of, and its place among the rules there
	for _, entry := range strings.Split(text, ";") {
		m := entryHead.FindStringSubmatch(entry)
		switch {
		case m == nil && len(last) > 0:
			for _, g := range last {
				g.Reason += ";" + entry
			}
			texts[len(texts)-1] += ";" + entry
		case m == nil && strings.TrimSpace(entry) != "":
			return append(out, &Ignore{problem: fmt.Sprintf("%q is no ignore: write \"rule: reason\"", strings.TrimSpace(entry))})
		case m != nil:
			last = entries(m[1], m[2], " ", strings.TrimSpace(entry[len(m[0]):]))
			for i, g := range last {
				of[g] = [2]int{len(texts), i}
			}
			texts = append(texts, entry)
			out = append(out, last...)
		}
	}
	for _, g := range out {
		others := slices.Clone(texts)
		at, i := of[g][0], of[g][1]
		names := entryHead.FindStringSubmatch(texts[at])[1]
		others[at] = strings.Replace(texts[at], names, without(names, i), 1)
		if without(names, i) == "" {
			others = slices.Delete(others, at, at+1)
		}
		rest := strings.TrimSpace(strings.Join(others, ";"))
		g.rest = &rest
	}
	if len(out) == 0 {
		out = append(out, &Ignore{problem: Annotation + ` is empty: write "rule: reason"`})
	}
	return out
}

// entries makes an ignore of each rule in a list separated by commas. The last day has the sign before it that parts it from "until" there.
func entries(names, until, sign, reason string) []*Ignore {
	var day time.Time
	problem, text := "", strings.TrimSpace(strings.TrimPrefix(until, "="))
	if until != "" {
		var err error
		if day, err = time.Parse(time.DateOnly, text); err != nil {
			problem = fmt.Sprintf("%q is no date: write YEAR-MONTH-DAY", text)
		} else if strings.HasPrefix(until, "=") != (sign == "=") {
			problem = fmt.Sprintf("%q is not read here: write %q", "until"+until, "until"+sign+text)
		}
	}
	var out []*Ignore
	for _, name := range strings.Split(names, ",") {
		out = append(out, &Ignore{Rule: strings.TrimSpace(name), Reason: reason, Until: day, problem: problem})
	}
	return out
}

// without is a list of rules, separated by commas, without one of them.
func without(names string, i int) string {
	return strings.TrimSpace(strings.Join(slices.Delete(strings.Split(names, ","), i, i+1), ","))
}

// misplaced gives the paths at which an object has the annotation's key elsewhere than among its annotations.
func misplaced(o *manifest.Object) [][]any {
	if o.Doc != nil && !bytes.Contains(o.Doc.Text, []byte(Annotation)) {
		return nil
	}
	var out [][]any
	walk(content(o), nil, func(path []any) {
		if manifest.FieldPath(path[:len(path)-1]...) != "metadata.annotations" {
			out = append(out, path)
		}
	})
	if _, label := o.Labels[Annotation]; label && len(out) == 0 {
		out = append(out, []any{"metadata", "labels", Annotation})
	}
	return out
}

// content is the object as plain values. Istio objects keep only their typed spec, so their text is read again: few carry the key.
func content(o *manifest.Object) any {
	if o.Tree != nil || o.Doc == nil {
		return o.Tree
	}
	var v any
	if yaml.Unmarshal(o.Doc.Text, &v) != nil {
		return nil
	}
	if o.Item >= 0 {
		m, _ := v.(map[string]any)
		items, _ := m["items"].([]any)
		if o.Item >= len(items) {
			return nil
		}
		v = items[o.Item]
	}
	return v
}

func walk(v any, path []any, found func([]any)) {
	at := func(e any) []any { return append(path[:len(path):len(path)], e) }
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for k := range v {
			names = append(names, k)
		}
		sort.Strings(names)
		for _, k := range names {
			if k == Annotation {
				found(at(k))
			}
			walk(v[k], at(k), found)
		}
	case []any:
		for i, e := range v {
			walk(e, at(i), found)
		}
	}
}
