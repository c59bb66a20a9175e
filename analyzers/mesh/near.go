package mesh

import (
	"slices"
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// nearIndex finds names within two edits of another without comparing all: of three consecutive parts of a name, two edits
// leave one untouched, which then stands in the other name at most two places off.
type nearIndex struct {
	parts map[part][]string
	names map[string]*manifest.Object
}

type part struct {
	length, number int
	text           string
}

const edits = 2

// cut gives the bounds of the parts of a name of some length.
func cut(length int) [edits + 2]int {
	var at [edits + 2]int
	for i := range at {
		at[i] = length * i / (edits + 1)
	}
	return at
}

func newNearIndex(names map[string]*manifest.Object) *nearIndex {
	x := &nearIndex{parts: map[part][]string{}, names: names}
	for _, n := range manifest.Keys(names) {
		at := cut(len(n))
		for i := 0; i <= edits; i++ {
			key := part{len(n), i, n[at[i]:at[i+1]]}
			x.parts[key] = append(x.parts[key], n)
		}
	}
	return x
}

// nearest gives the closest name within two edits, "" if there is none; short names are too easily alike.
func (x *nearIndex) nearest(name string) string { return manifest.Nearest(name, x.candidates(name)) }

// candidates are names that can be within two edits.
func (x *nearIndex) candidates(name string) (candidates []string) {
	if len(name) < shortest || strings.Contains(name, "$") {
		return nil
	}
	seen := map[string]bool{}
	for length := len(name) - edits; length <= len(name)+edits; length++ {
		at := cut(length)
		for i := 0; i <= edits; i++ {
			size := at[i+1] - at[i]
			for shift := -edits; shift <= edits; shift++ {
				from := at[i] + shift
				if from < 0 || from+size > len(name) {
					continue
				}
				for _, n := range x.parts[part{length, i, name[from : from+size]}] {
					if !seen[n] && n != name && len(candidates) < 1000 {
						seen[n] = true
						candidates = append(candidates, n)
					}
				}
			}
		}
	}
	return candidates
}

// shortest is the length from which a name that is near another one tells something.
const shortest = 5

// Meant tells whether a name that is none of the candidates can only be a slip of one: no other is near, and they are not told
// apart on purpose.
func Meant(name string, candidates []string) bool {
	near := manifest.Nearest(name, candidates)
	others := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return c == near })
	return near != "" && len(name) >= shortest && slip(name, near) && manifest.Nearest(name, others) == ""
}

// counterparts stands in for what tells apart names that are alike on purpose.
var counterparts = strings.NewReplacer("egress", "ingress", "external", "internal",
	"0", "#", "1", "#", "2", "#", "3", "#", "4", "#", "5", "#", "6", "#", "7", "#", "8", "#", "9", "#")

// slip tells whether a name is likely to mean another one that is near it: "web-1" and "web-2", "ingressgateway" and
// "egressgateway" are two things, not a misspelt one.
func slip(name, near string) bool { return counterparts.Replace(name) != counterparts.Replace(near) }

// nearCache keeps the indexes of the kinds and namespaces that were asked for.
type nearCache struct {
	mu sync.Mutex
	by map[string]*nearIndex
}

func (c *nearCache) of(key string, names func() map[string]*manifest.Object) *nearIndex {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*nearIndex{}
	}
	if c.by[key] == nil {
		c.by[key] = newNearIndex(names())
	}
	return c.by[key]
}
