package match

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
	"sort"
	"sync"
	"unicode"
	"unicode/utf8"
)

// automaton is a regular expression as a deterministic automaton over
// characters, made as far as it is asked for. Characters that no instruction of
// the expression tells apart are one class. State dead accepts nothing any more.
type automaton struct {
	prog   *syntax.Prog
	looks  bool    // asserts something of neighbouring characters
	beyond bool    // tells characters beyond ASCII apart
	starts []rune  // of the intervals of one class
	class  []int32 // of each interval
	ascii  [utf8.RuneSelf]int32
	any    []rune  // one character of each class
	ahead  []int32 // of each instruction: the least number of characters to a match, or far

	mu     sync.Mutex
	states []state
	known  map[string]int32
}

// state is a set of instructions to go on with.
type state struct {
	pcs     []uint32
	before  rune // the character before, where the expression looks at it
	accepts bool
	ahead   int32   // the least number of characters to a match, or far
	next    []int32 // by class
}

const far = 1 << 30

const (
	dead  int32 = 0
	begin int32 = 1
	// unmade is a transition that was not asked for yet.
	unmade int32 = -1
	// newState is what an instruction of a new state costs, in steps.
	newState = 5
	// maxStates bounds the memory of one expression.
	maxStates = 10_000
)

func newAutomaton(tree *syntax.Regexp) (*automaton, error) {
	prog, err := syntax.Compile(tree)
	if err != nil {
		return nil, err
	}
	a := &automaton{prog: prog, known: map[string]int32{}}
	a.classify()
	a.measure()
	a.state(nil, 0)
	a.state([]uint32{uint32(prog.Start)}, -1)
	return a, nil
}

// classify cuts the characters into intervals and groups those that every
// instruction takes alike.
func (a *automaton) classify() {
	var tests []*syntax.Inst
	seen := map[string]bool{}
	cuts := []rune{0, utf8.RuneSelf}
	cut := func(lo, hi rune) { cuts = append(cuts, lo, hi+1) }
	for i := range a.prog.Inst {
		in := &a.prog.Inst[i]
		switch in.Op {
		case syntax.InstEmptyWidth:
			a.looks = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			key := fmt.Sprint(in.Op, in.Arg, in.Rune)
			if seen[key] {
				continue
			}
			seen[key] = true
			tests = append(tests, in)
			cutInst(in, cut)
		}
	}
	if a.looks {
		for _, r := range []rune{'\n', '_'} {
			cut(r, r)
		}
		cut('0', '9')
		cut('A', 'Z')
		cut('a', 'z')
	}
	slices.Sort(cuts)
	a.starts = slices.Compact(cuts)
	a.beyond = slices.ContainsFunc(a.starts, func(r rune) bool { return r > utf8.RuneSelf && !asciiFolds[r] })
	classes := map[string]int32{}
	for _, r := range a.starts {
		bits := make([]byte, len(tests)/8+2)
		for i, in := range tests {
			if in.MatchRune(r) {
				bits[i/8] |= 1 << (i % 8)
			}
		}
		if a.looks {
			bits[len(bits)-1] = byte(kindOf(r))
		}
		c, ok := classes[string(bits)]
		if !ok {
			c = int32(len(a.any))
			classes[string(bits)] = c
			a.any = append(a.any, r)
		}
		a.class = append(a.class, c)
	}
	for r := range a.ascii {
		a.ascii[r] = a.classOf(rune(r), true)
	}
}

// asciiFolds are the bounds of the two characters beyond ASCII that are an s and a k but for their case, of unicode.MaxRune too.
var asciiFolds = map[rune]bool{'\u017f': true, '\u0180': true, '\u212a': true, '\u212b': true, unicode.MaxRune + 1: true}

// measure counts the characters from each instruction to a match, assertions aside.
func (a *automaton) measure() {
	a.ahead = make([]int32, len(a.prog.Inst))
	into := make([][]uint32, len(a.prog.Inst)) // from where an instruction is reached
	var now []uint32
	for pc := range a.prog.Inst {
		a.ahead[pc] = far
		switch in := &a.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			now = append(now, uint32(pc))
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			into[in.Arg] = append(into[in.Arg], uint32(pc))
			into[in.Out] = append(into[in.Out], uint32(pc))
		default:
			into[in.Out] = append(into[in.Out], uint32(pc))
		}
	}
	for distance := int32(0); len(now) > 0; distance++ {
		var next []uint32
		for len(now) > 0 {
			pc := now[len(now)-1]
			now = now[:len(now)-1]
			if a.ahead[pc] != far {
				continue
			}
			a.ahead[pc] = distance
			for _, from := range into[pc] {
				switch a.prog.Inst[from].Op {
				case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
					next = append(next, from)
				default:
					now = append(now, from)
				}
			}
		}
		now = next
	}
}

// cutInst cuts at the bounds of what an instruction takes.
func cutInst(in *syntax.Inst, cut func(lo, hi rune)) {
	switch {
	case in.Op == syntax.InstRuneAnyNotNL:
		cut('\n', '\n')
	case len(in.Rune) == 1:
		r := in.Rune[0]
		cut(r, r)
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				cut(f, f)
			}
		}
	default:
		for i := 0; i+1 < len(in.Rune); i += 2 {
			cut(in.Rune[i], in.Rune[i+1])
		}
	}
}

// kindOf is what assertions see in a character: nothing, a line end, a word
// character, any other.
func kindOf(r rune) rune {
	switch {
	case r < 0:
		return -1
	case r == '\n':
		return '\n'
	case syntax.IsWordChar(r):
		return 'a'
	}
	return ' '
}

func (a *automaton) classOf(r rune, slowly bool) int32 {
	if r < utf8.RuneSelf && !slowly {
		return a.ascii[r]
	}
	return a.class[sort.Search(len(a.starts), func(i int) bool { return a.starts[i] > r })-1]
}

// state finds or makes the state of a set of instructions.
func (a *automaton) state(pcs []uint32, before rune) int32 {
	if !a.looks || len(pcs) == 0 {
		before = 0
	}
	key := make([]byte, 0, 4*len(pcs)+4)
	for _, pc := range pcs {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	key = binary.LittleEndian.AppendUint32(key, uint32(before))
	if s, ok := a.known[string(key)]; ok {
		return s
	}
	if len(a.states) == maxStates {
		return unmade
	}
	s := state{pcs: pcs, before: before, ahead: far, next: make([]int32, len(a.any))}
	for _, pc := range pcs {
		s.ahead = min(s.ahead, a.ahead[pc])
	}
	for i := range s.next {
		s.next[i] = unmade
	}
	a.close(pcs, syntax.EmptyOpContext(before, -1), func(in *syntax.Inst) {
		s.accepts = s.accepts || in.Op == syntax.InstMatch
	})
	a.states = append(a.states, s)
	a.known[string(key)] = int32(len(a.states) - 1)
	return int32(len(a.states) - 1)
}

// close visits the instructions that can be reached without a character.
func (a *automaton) close(pcs []uint32, at syntax.EmptyOp, visit func(*syntax.Inst)) {
	seen := make(map[uint32]bool, 2*len(pcs))
	stack := slices.Clone(pcs)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		in := &a.prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^at == 0 {
				stack = append(stack, in.Out)
			}
		default:
			visit(in)
		}
	}
}

// step follows a character; what it cost is taken from the budget. It gives
// unmade when the expression needs more states than are worth it.
func (a *automaton) step(from int32, r rune, budget *int) int32 {
	c := a.classOf(r, false)
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.states[from]
	if next := s.next[c]; next != unmade {
		return next
	}
	*budget -= newState * (1 + len(s.pcs))
	var pcs []uint32
	like := a.any[c]
	a.close(s.pcs, syntax.EmptyOpContext(s.before, like), func(in *syntax.Inst) {
		if in.Op != syntax.InstMatch && in.Op != syntax.InstFail && in.MatchRune(like) {
			pcs = append(pcs, in.Out)
		}
	})
	slices.Sort(pcs)
	next := a.state(slices.Compact(pcs), kindOf(like))
	a.states[from].next[c] = next
	return next
}

// at tells whether a state accepts, and how far it is to one that does at least.
func (a *automaton) at(s int32) (accepts bool, ahead int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.states[s].accepts, a.states[s].ahead
}
