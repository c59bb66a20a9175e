package policy

func (s *Set) check(c *checker) {}
