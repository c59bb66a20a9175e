package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// notes says what was not judged, one line each, with the way to have it judged.
func (t *textReport) notes(res *result) {
	t.unknown(res.unknown)
	if res.opened {
		fmt.Fprintf(t.w, "not complete: %s, so it may define what is missing\n", plainText(res.gap))
	}
	t.skipped(res.skipped, manifest.SkipTemplate, "Helm template", "render first: helm template CHART | gatelint lint -")
	t.skipped(res.skipped, manifest.SkipPatch, "kustomize patch", "build first: gatelint lint -k DIR")
	if n := len(res.placeholders); n > 0 {
		fmt.Fprintf(t.w, "not judged: what rests on the values of %s (%s); render first, or set vars of a world in .gatelint.yaml\n",
			count(n, "placeholder"), plainText(few(res.placeholders)))
	}
	if res.assumed != "" {
		fmt.Fprintf(t.w, "assumed: %s\n", plainText(res.assumed))
	}
	if len(res.opaque) > 0 {
		fmt.Fprintf(t.w, "not judged: routes of gateway workloads where these change them: %s\n", plainText(few(res.opaque)))
	}
}

func (t *textReport) unknown(all []unknown) {
	all = slices.DeleteFunc(slices.Clone(all), func(u unknown) bool { return manifest.Placeholder(u.ref()) }) // nothing to load has that name
	for len(all) > 0 {
		kind := all[0].kind
		var names []string
		for _, u := range all {
			if u.kind == kind {
				names = append(names, u.ref())
			}
		}
		all = all[len(names):]
		fmt.Fprintf(t.w, "unknown: %s that the input does not have: %s; load them with --with PATH, or say --complete=%s if there are no others\n",
			count(len(names), kind), plainText(few(names)), plainText(kind))
	}
}

// ref is how an unknown thing is named: a host is a name in itself.
func (u unknown) ref() string {
	if u.namespace == "" || strings.Contains(u.name, ".") {
		return u.name
	}
	return u.namespace + "/" + u.name
}

func (t *textReport) skipped(all []manifest.Skip, why manifest.SkipReason, what, cure string) {
	n := 0
	var files []string
	for _, s := range all {
		if s.Why == why {
			n++
			if !slices.Contains(files, s.File) && len(files) <= fewNames {
				files = append(files, s.File)
			}
		}
	}
	if n > 0 {
		fmt.Fprintf(t.w, "skipped: %s (%s); %s\n", count(n, what), plainText(few(files)), cure)
	}
}

// leftOut says how much there is that is no object yet.
func leftOut(all []manifest.Skip) string {
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s of Helm or kustomize skipped: render first)", count(len(all), "document"))
}

// total is the last line.
func total(res *result) string {
	if res.verdicts != nil {
		return verdictTotal(res)
	}
	s := res.summary
	var found []string
	for _, c := range []struct {
		n    int
		noun string
	}{{s.Errors, "error"}, {s.Warnings, "warning"}, {s.Infos, "info"}} {
		if c.n > 0 {
			found = append(found, count(c.n, c.noun))
		}
	}
	if len(found) == 0 {
		found = []string{"no findings"}
	}
	line := fmt.Sprintf("gatelint: %s%s in %s (%s)", res.failing(), strings.Join(found, ", "), count(s.Documents, "document"), count(s.Objects, "object"))
	lies := " over "
	if s.Documents == 0 && len(res.over) > 0 {
		line, lies = fmt.Sprintf("gatelint: %s%s in %s", res.failing(), strings.Join(found, ", "), count(s.Objects, "object")), " of "
	}
	if len(res.over) > 0 {
		line += lies + plainText(strings.Join(res.over, ", "))
	}
	if s.Unknown > 0 {
		line += fmt.Sprintf("; %s unknown", count(s.Unknown, "reference"))
	}
	if n := s.Suppressed - res.baselined - res.elsewhere; n > 0 {
		line += fmt.Sprintf("; %s suppressed", count(n, "finding"))
	}
	if res.baselined > 0 {
		line += fmt.Sprintf("; %d in the baseline", res.baselined)
	}
	if n := len(res.stale); n > 0 {
		line += fmt.Sprintf("; %d of the baseline %s found no more (gatelint baseline prune)", n, isAre(n))
	}
	if res.elsewhere > 0 {
		line += fmt.Sprintf("; %d that the change does not touch", res.elsewhere)
	}
	return line
}

// failing counts the failures, before all else that the total says: without findings not all need be well.
func (r *result) failing() string {
	if n := len(r.failures()); n > 0 {
		return count(n, "failure") + ", "
	}
	return ""
}

func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "patch"):
		noun += "es"
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

const fewNames = 5

// few joins names, the first five of many.
func few(names []string) string {
	if len(names) <= fewNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:fewNames], ", "), len(names)-fewNames)
}
