package policy

// Unfolded gives the policies of a Set as they were written: nothing is worked out when they are loaded.
func Unfolded(s *Set) (*Set, error) {
	x := &Set{sources: s.sources, caps: s.caps, schemas: s.schemas, compiler: s.compiler, folded: s.compiler, store: s.store, timeout: s.timeout, last: s.last}
	for _, p := range s.policies {
		x.policies = append(x.policies, &policy{Policy: p.Policy, rule: p.rule})
	}
	return x, x.prepare()
}
