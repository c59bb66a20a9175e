package admission

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the API server takes: longer warnings are cut, those past the total are lost, one with a control character is dropped.
const (
	maxWarning  = 256
	maxWarnings = 4096
	maxCauses   = 50
	maxEnds     = 10 // of one fault
)

// help is the page that every denial links to.
const help = "https://github.com/gatelint/gatelint/blob/main/docs/webhook.md#my-apply-was-refused-what-now"

func allowed(req *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{UID: req.UID, Allowed: true}
}

// Warned allows a request with a warning: what a failure mode says.
func Warned(req *admissionv1.AdmissionRequest, text string) *admissionv1.AdmissionResponse {
	r := allowed(req)
	r.Warnings = fit([]string{text})
	return r
}

// Refused denies a request that could not be judged.
func Refused(req *admissionv1.AdmissionRequest, text string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{UID: req.UID, Result: &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError, Message: text,
	}}
}

func respond(req *admissionv1.AdmissionRequest, s *submission, d Decision, notes []string) *admissionv1.AdmissionResponse {
	r := allowed(req)
	r.AuditAnnotations = audit(d)
	var denied []settings.Fault
	var lines []string
	for _, f := range d.Faults {
		if f.Action == rules.Deny {
			denied = append(denied, f)
		} else {
			lines = append(lines, warning(f, s.After == nil))
		}
	}
	for _, name := range manifest.Keys(d.Failed) {
		notes = append(notes, "policy "+name+" could not be evaluated: "+d.Failed[name])
	}
	r.Warnings = fit(append(lines, notes...))
	if len(denied) > 0 {
		r.Allowed = false
		r.Result = denial(s, denied)
	}
	return r
}

// warning is one fault in one line.
func warning(f settings.Fault, deleting bool) string {
	head, tail := place(f.Object, f.Pos.Path)+": ", " ["+f.Rule+"]"
	switch {
	case f.Old:
		head = "there before: " + head
	case f.Spared == "ignore" || f.Spared == "handover":
		head = "accepted by " + f.Spared + ": " + head
	case deleting && uses(f.Rule):
		head = "still used by " + head
	}
	return clip(head+oneLine(f.Message+otherEnd(f.Finding)), maxWarning-utf8.RuneCountInString(tail)) + tail
}

// uses tells the rules about a reference that names nothing.
func uses(rule string) bool {
	return strings.HasPrefix(rule, "unknown-") || rule == "dangling-subset" || rule == "unbound-host"
}

// place is "VirtualService shop/web spec.http[1]".
func place(id manifest.ID, path string) string {
	if path == "" {
		return id.String()
	}
	return id.String() + " " + path
}

// otherEnd names the other object of a fault where the message does not.
func otherEnd(f rules.Finding) string {
	for _, r := range f.Related {
		if r.Object != f.Object && !strings.Contains(f.Message, r.Object.Name) {
			return "; " + r.Message + ": " + place(r.Object, r.Pos.Path)
		}
	}
	return ""
}

// denial is the answer that kubectl shows: 403 shows the message and the causes, 422 would hide it.
func denial(s *submission, faults []settings.Fault) *metav1.Status {
	o := s.object()
	var b strings.Builder
	what := "refuses "
	if s.After == nil {
		what = "refuses to let go of "
	}
	fmt.Fprintf(&b, "gatelint %s%s, for %d %s that this change introduces:", what, o.ID, len(faults), map[bool]string{true: "fault", false: "faults"}[len(faults) == 1])
	details := &metav1.StatusDetails{Name: o.Name, Group: o.Group, Kind: o.Kind}
	for i, f := range faults {
		if i == maxCauses {
			fmt.Fprintf(&b, "\n- and %d more", len(faults)-i)
			break
		}
		text := oneLine(f.Message)
		fmt.Fprintf(&b, "\n- %s: %s [%s]", place(f.Object, f.Pos.Path), text, f.Rule)
		for _, r := range f.Related[:min(len(f.Related), maxEnds)] {
			fmt.Fprintf(&b, "\n  %s: %s", place(r.Object, r.Pos.Path), oneLine(r.Message))
		}
		if n := len(f.Related) - maxEnds; n > 0 {
			fmt.Fprintf(&b, "\n  and %d more", n)
		}
		if f.Witness != nil {
			fmt.Fprintf(&b, "\n  example: %s", oneLine(f.Witness.Request.String()))
		}
		field := f.Pos.Path
		if f.Object != o.ID {
			text = place(f.Object, f.Pos.Path) + ": " + text
		}
		details.Causes = append(details.Causes, metav1.StatusCause{Type: metav1.CauseType(f.Rule), Message: text, Field: field})
	}
	b.WriteString("\nWhat now: " + help)
	return &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: b.String(), Details: details}
}

// audit puts rule names into the API server's audit log.
func audit(d Decision) map[string]string {
	lists := map[string][]string{}
	for _, f := range d.Faults {
		key := "warned"
		switch {
		case f.Action == rules.Deny:
			key = "denied"
		case f.Old:
			key = "there-before"
		case f.Spared != "":
			key = "spared-by-" + f.Spared
		}
		if !slices.Contains(lists[key], f.Rule) {
			lists[key] = append(lists[key], f.Rule)
		}
	}
	out := map[string]string{"decision": string(d.Outcome)}
	for key, names := range lists {
		slices.Sort(names)
		out[key] = strings.Join(names, ",")
	}
	return out
}

// fit keeps what the API server passes on; the last line counts the rest.
func fit(lines []string) []string {
	const reserve = 32 // for the last line
	total := 0
	for i, l := range lines {
		lines[i] = clip(oneLine(l), maxWarning)
		total += utf8.RuneCountInString(lines[i])
	}
	if total <= maxWarnings {
		return lines
	}
	total = 0
	for i, l := range lines {
		if total += utf8.RuneCountInString(l); total > maxWarnings-reserve {
			return append(lines[:i:i], fmt.Sprintf("and %d more", len(lines)-i))
		}
	}
	return lines
}

// clip cuts a text to a number of characters.
func clip(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// oneLine replaces what would make the API server drop a warning.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
}
