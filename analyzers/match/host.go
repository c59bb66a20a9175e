package match

import (
	"regexp"
	"strings"
)

// Host is the authorities that select a virtual host: its domain in any letter
// case, with or without a port, but those of more specific domains. Put it to a
// match with And.
func Host(domain string, but ...string) Box {
	b := Box{}.onHost(domain, false)
	for _, d := range but {
		b = b.onHost(d, true)
	}
	return b
}

func (b Box) onHost(domain string, not bool) Box {
	if domain == "*" && !not {
		return b
	}
	c := condition{on: dimension{kind: authority}, not: not, op: regex}
	// A wildcard stands for one character at least, of whatever labels.
	rest, wild := strings.CutPrefix(domain, "*")
	c.text = "(?i:" + regexp.QuoteMeta(rest) + ")(:[0-9]+)?"
	if wild {
		c.text = ".+" + c.text
	}
	var err error
	if c.pattern, err = newPattern(c.text); err != nil {
		return b.unread(c, err.Error())
	}
	return b.with(c)
}
