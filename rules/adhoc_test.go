package rules_test

import (
	"fmt"
	"testing"

	"github.com/gatelint/gatelint/rules"
)

func TestAdhocComplete(t *testing.T) {
	for _, file := range fixtureFiles(t, "clean/*.txtar") {
		t.Run(baseName(file), func(t *testing.T) {
			_, cases := readFixture(t, file)
			for _, c := range cases {
				if c.name != "everything" {
					continue
				}
				c.unpack(t)
				c.flags = append(c.flags, "complete")
				l, _ := lintCase(c, rules.All())
				for _, f := range l {
					fmt.Printf("%s %s:%d %s\n", baseName(file), f.Pos.File, f.Pos.Line, line(f))
				}
			}
		})
	}
}
