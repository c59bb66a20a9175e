package policy

// Unfolded gives the policies of a Set as they were written: nothing is worked out before they are asked.
func Unfolded(s *Set) (*Set, error) {
	x := s.apart(false)
	x.folded = x.compiler
	x.asked = func() *Set { return x }
	x.lone = x.asked
	return x, x.prepare()
}
