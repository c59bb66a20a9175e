//go:build !brokenrule

package server

import "github.com/gatelint/gatelint/rules"

// catalogue has the rules to choose from.
func catalogue() []*rules.Rule { return rules.All() }
