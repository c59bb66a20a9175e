package match

import (
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// A search walks the strings of a piece through the product of the automata of
// its expressions, of what is taken out of it, and of the universe. Two strings
// after which all of them stand alike are one: so the walk ends, and is exact.
// It goes first where the whole string is the shortest, by what the expressions
// still need at least, and takes plain characters before others.
type search struct {
	universe *universe
	piece    piece
	tails    []span // of less, behind the text of the piece; sorted
	chars    []rune // one of each kind that anything in the product tells apart
	budget   *int
	depth    map[string]int32 // the least at which a place was seen
	trail    []spot
	queue    [][]int32 // of trail, by the least length of the whole
}

// spot is a string in the walk: that of its parent and one more character.
type spot struct {
	parent int32
	char   rune
	depth  int32
	states []int32 // of each sign
	// tail is what was walked, while it may still become something in less, and
	// segment that of a path, while it may still become a dot segment; else free.
	tail, segment string
}

const free = "\xff"

// find gives the shortest string of the piece in the universe. Within the
// budget it is known whether there is one; each step of an automaton costs one.
func (p piece) find(u *universe, budget *int) (text string, found, known bool) {
	if !p.open {
		return p.text, u.holds(p.text), true
	}
	if !u.extends(p.text) {
		return "", false, true
	}
	s := &search{universe: u, piece: p, budget: budget, depth: map[string]int32{}}
	for _, l := range p.less {
		s.tails = append(s.tails, span{l.text[len(p.text):], l.open})
	}
	slices.SortFunc(s.tails, func(a, b span) int { return strings.Compare(a.text, b.text) })
	return s.run()
}

// alphabet picks the characters to walk with. Every string of the universe has
// one of the same length over them that the product takes alike.
func (s *search) alphabet() []rune {
	special := map[rune]bool{}
	for _, t := range s.tails {
		for _, r := range t.text {
			special[r] = true
		}
	}
	if s.universe.segments {
		for _, r := range "/.%2eE" {
			special[r] = true
		}
	}
	candidates := []rune(s.universe.alphabet)
	if len(s.piece.signs) > 0 {
		candidates = append(candidates, s.universe.edges()...)
	}
	for r := range special {
		candidates = append(candidates, r, r+1)
	}
	for _, sign := range s.piece.signs {
		candidates = append(candidates, sign.pattern.auto.starts...)
	}
	*s.budget -= len(candidates) * len(s.piece.signs)
	n := len([]rune(s.universe.alphabet))
	slices.Sort(candidates[n:])
	var out []rune
	seen := map[string]bool{}
	for _, r := range candidates {
		if !utf8.ValidRune(r) || !s.universe.allowed(r) {
			continue
		}
		var key []byte
		if special[r] {
			key = utf8.AppendRune(key, r)
		}
		key = append(key, 0xff)
		for _, sign := range s.piece.signs {
			key = binary.LittleEndian.AppendUint32(key, uint32(sign.pattern.auto.classOf(r, false)))
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, r)
		}
	}
	return out
}

// edges are the characters at which the universe begins to allow some.
func (u *universe) edges() []rune {
	out := []rune{0xe000} // behind the surrogates
	for r := rune(1); r < 0x200; r++ {
		if u.allowed(r) && !u.allowed(r-1) {
			out = append(out, r)
		}
	}
	return out
}

func (s *search) run() (text string, found, known bool) {
	first, ok := s.first()
	if !ok {
		return "", false, *s.budget >= 0
	}
	for i, length := range s.enter(first, nil) {
		s.await(length, int32(i))
	}
	for length := 0; length < len(s.queue); length++ {
		for len(s.queue[length]) > 0 {
			last := len(s.queue[length]) - 1
			i := s.queue[length][last]
			s.queue[length] = s.queue[length][:last]
			if s.accepts(s.trail[i]) {
				return s.piece.text + s.text(i), true, true
			}
			if s.chars == nil {
				s.chars = s.alphabet()
			}
			if !s.expand(i) {
				return "", false, false
			}
		}
	}
	return "", false, *s.budget >= 0
}

// expand enters the strings of one character more; it fails when the budget is spent.
func (s *search) expand(i int32) bool {
	from := len(s.trail)
	var lengths []int32
	for _, r := range s.chars {
		if *s.budget -= 1 + len(s.trail[i].states); *s.budget < 0 {
			return false
		}
		if next, ok := s.next(i, r); ok {
			lengths = s.enter(next, lengths)
		}
	}
	for k := len(lengths) - 1; k >= 0; k-- { // the last of a list is looked at first: the plainest character
		s.await(lengths[k], int32(from+k))
	}
	return true
}

// enter adds a place unless it was reached with fewer characters, or no string from it can be in the piece, and notes the least
// length of a whole string through it.
func (s *search) enter(at spot, lengths []int32) []int32 {
	ahead := int32(0)
	for i, sign := range s.piece.signs {
		if _, more := sign.pattern.auto.at(at.states[i]); sign.want {
			ahead = max(ahead, more)
		}
	}
	key := at.key()
	if before, seen := s.depth[key]; ahead == far || seen && before <= at.depth {
		return lengths
	}
	s.depth[key] = at.depth
	s.trail = append(s.trail, at)
	return append(lengths, at.depth+ahead)
}

func (s *search) await(length, place int32) {
	for int(length) >= len(s.queue) {
		s.queue = append(s.queue, nil)
	}
	s.queue[length] = append(s.queue[length], place)
}

// first is the text that every string of the piece begins with.
func (s *search) first() (spot, bool) {
	at := spot{segment: free, tail: free}
	if len(s.tails) > 0 {
		at.tail = ""
	}
	if s.universe.segments {
		at.segment = segmentOf(s.piece.text[strings.LastIndexByte(s.piece.text, '/')+1:])
	}
	for _, sign := range s.piece.signs {
		state := begin
		for _, r := range s.piece.text {
			if *s.budget--; *s.budget < 0 {
				return at, false
			}
			if state = sign.pattern.auto.step(state, r, s.budget); state == unmade {
				*s.budget = -1
				return at, false
			}
		}
		at.states = append(at.states, state)
	}
	return at, true
}

// segmentOf keeps a segment that may become a dot segment.
func segmentOf(text string) string {
	low := strings.ToLower(text)
	for _, dots := range []string{"..", "%2e.", ".%2e", "%2e%2e"} {
		if strings.HasPrefix(dots, low) {
			return low
		}
	}
	return free
}

func (s *search) accepts(at spot) bool {
	if s.universe.nonEmpty && s.piece.text == "" && at.depth == 0 || at.segment != free && dotSegment(at.segment) {
		return false
	}
	if at.tail != free {
		if _, found := s.tailAt(at.tail); found {
			return false
		}
	}
	for i, sign := range s.piece.signs {
		if accepts, _ := sign.pattern.auto.at(at.states[i]); accepts != sign.want {
			return false
		}
	}
	return true
}

// tailAt is where a text stands, or would stand, among the tails.
func (s *search) tailAt(text string) (int, bool) {
	i := sort.Search(len(s.tails), func(i int) bool { return s.tails[i].text >= text })
	return i, i < len(s.tails) && s.tails[i].text == text
}

func (s *search) next(from int32, r rune) (spot, bool) {
	before := s.trail[from]
	at := spot{parent: from, char: r, depth: before.depth + 1, tail: free, segment: free}
	if before.tail != free {
		tail := before.tail + string(r)
		i, found := s.tailAt(tail)
		if found && s.tails[i].open {
			return at, false
		}
		if i < len(s.tails) && strings.HasPrefix(s.tails[i].text, tail) {
			at.tail = tail
		}
	}
	if s.universe.segments {
		switch {
		case r != '/' && before.segment != free:
			at.segment = segmentOf(before.segment + string(r))
		case r == '/' && before.segment != free && dotSegment(before.segment):
			return at, false
		case r == '/':
			at.segment = ""
		}
	}
	at.states = make([]int32, len(before.states))
	for i, sign := range s.piece.signs {
		if at.states[i] = sign.pattern.auto.step(before.states[i], r, s.budget); at.states[i] == unmade {
			*s.budget = -1
			return at, false
		}
	}
	return at, true
}

func (at spot) key() string {
	key := make([]byte, 0, 4*len(at.states)+len(at.tail)+len(at.segment)+1)
	for _, st := range at.states {
		key = binary.LittleEndian.AppendUint32(key, uint32(st))
	}
	return string(append(append(append(key, at.segment...), 0), at.tail...))
}

func (s *search) text(i int32) string {
	var out []rune
	for ; i > 0; i = s.trail[i].parent {
		out = append(out, s.trail[i].char)
	}
	slices.Reverse(out)
	return string(out)
}
