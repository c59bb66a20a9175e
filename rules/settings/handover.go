package settings

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Handover is the annotation by which the owner of a host lets another object take it:
//
//	gatelint.io/handover: "Gateway/shop/public until 2027-03-01"
const Handover = "gatelint.io/handover"

var handoverEntry = regexp.MustCompile(`^([A-Za-z]+)/([^/\s]+)/([^/\s]+)\s+until\s+(\d{4}-\d{2}-\d{2})$`)

// yields tells whether an object lets a clash with another one pass; why says what is wrong with its annotation.
func yields(owner, to *manifest.Object, now time.Time) (ok bool, why string) {
	text, there := owner.Annotations[Handover]
	if !there {
		return false, ""
	}
	for _, entry := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
		m := handoverEntry.FindStringSubmatch(strings.TrimSpace(entry))
		if m == nil {
			return false, fmt.Sprintf("%s of %s: %q is no hand-over: write \"KIND/NAMESPACE/NAME until YEAR-MONTH-DAY\"", Handover, owner.ID, strings.TrimSpace(entry))
		}
		day, err := time.Parse(time.DateOnly, m[4])
		if err != nil {
			return false, fmt.Sprintf("%s of %s: %q is no date", Handover, owner.ID, m[4])
		}
		if !strings.EqualFold(m[1], to.Kind) || m[2] != to.Namespace || m[3] != to.Name {
			continue
		}
		if now.Before(day.AddDate(0, 0, 1)) {
			return true, ""
		}
		why = fmt.Sprintf("%s of %s has expired on %s", Handover, owner.ID, m[4])
	}
	return false, why
}
