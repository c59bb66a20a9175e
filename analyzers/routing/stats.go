package routing

// Stats counts what tables hold and what is certain of it.
type Stats struct {
	Tables, VirtualHosts, Routes int // of gateway workloads
	// Matches of VirtualServices by their fate over all tables.
	Live, Shadowed, Impossible, Undecided, Opaque int
}

// Stats counts. A match is undecided where deciding it would take more steps than it is worth, opaque where it hangs on what is
// not known.
func (t *Tables) Stats() Stats {
	s := Stats{Tables: len(t.Gateways)}
	for _, table := range t.Gateways {
		for _, rc := range table.order {
			s.VirtualHosts += len(rc.Hosts)
			for _, vh := range rc.Hosts {
				s.Routes += len(vh.Entries)
			}
		}
	}
	for _, f := range t.Fates() {
		switch {
		case f.Alive:
			s.Live++
		case f.Undecided:
			s.Undecided++
		case f.Opaque:
			s.Opaque++
		case f.Dead():
			s.Shadowed++
		default:
			s.Impossible++
		}
	}
	return s
}

// Add sums two counts.
func (s *Stats) Add(o Stats) {
	s.Tables, s.VirtualHosts, s.Routes = s.Tables+o.Tables, s.VirtualHosts+o.VirtualHosts, s.Routes+o.Routes
	s.Live, s.Shadowed, s.Impossible = s.Live+o.Live, s.Shadowed+o.Shadowed, s.Impossible+o.Impossible
	s.Undecided, s.Opaque = s.Undecided+o.Undecided, s.Opaque+o.Opaque
}
