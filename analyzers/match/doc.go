// Package match is the algebra of request sets: what a match of a
// VirtualService takes, whether earlier matches leave anything of it, where two
// of them meet, and a request that shows it.
//
// # Boxes
//
// A match is a conjunction of conditions, each about one dimension of a
// request: its path, method, scheme, authority, one header, one query
// parameter, one JWT claim, the namespace or one label of its source. So it is
// a [Box]: for every dimension the set of values it admits, everything where it
// says nothing. A route is a union of boxes.
//
// The sets of one dimension live in a universe, the values that can really
// arrive there: a path starts with a slash and has no query, no fragment, no
// backslash and no dot segment, a method is a token, a header is absent or a
// string without control characters. What lies outside takes no request, so a
// prefix without a leading slash is the empty set and `/.*` is every path.
//
// # Sets of values
//
// A set of values is a union of pieces: the absence of a value, one string, or
// a prefix less finitely many strings and prefixes. Intersection and
// subtraction stay in that form. Regular expressions that are really strings
// and prefixes are read as such. Any other, and a case-insensitive path, is a
// sign on a piece: its strings must match the expression, or must not.
//
// # Automata
//
// Whether a piece has a string at all is decided by walking it: the shortest
// strings first, through the product of the automata of its signs, of what is
// taken out of the piece, and of the universe (dot segments). Two strings after
// which all of these stand alike are one, so the walk ends, and the first string
// that all accept is a shortest one, which makes it a good witness. The automata
// are made of the expression's program as far as the walk needs them, and are
// shared by all matches that use the expression. All characters that no
// expression of the product tells apart are walked as one, the plainest of them.
//
// They read characters, not bytes. RE2 in Envoy reads UTF-8 in older releases,
// and Latin-1, one character a byte, since CVE-2026-73552 was repaired (a real
// 1.40.0 does). Only headers and claims can hold what lies beyond ASCII: Envoy
// answers 400 to it in a path or a query. There an expression that tells such
// characters apart cannot be read, and takes part in no decision. One that does
// not sees words over ASCII and one more letter, whatever that letter's bytes
// are, so that it leaves something of another, or nothing, in both readings.
// What remains is a text beyond ASCII beside an expression that counts
// characters (exact "é" and regex "."): it is taken as characters. Bytes that
// are no UTF-8 are outside the universe.
//
// # Subtraction
//
// [Subtract] asks whether a box is empty once earlier boxes have taken their
// share. What a box B loses to E is cut off one dimension at a time, so that
// the rests are boxes again and do not overlap. An example over path and one
// header, B after E1 and E2:
//
//	B   path /shop*
//	E1  path /shop*   header x = "1"
//	E2  path /shop/*
//
// B and E1 differ in the header alone, so one box remains:
//
//	B-E1      path /shop*   header x absent or a string but "1"
//
// E2 has the shorter reach in the path and says nothing of the header:
//
//	B-E1-E2   path /shop* less /shop/*   header x absent or a string but "1"
//
// This is not empty. The shortest request in it is GET /shop without the header,
// [Box.Matches] confirms that B takes it and neither E1 nor E2 does: B is alive.
// With a third box of path /shop* and withoutHeaders x = "1" nothing would be
// left, E1 and the third box being the ones that cover it.
//
// A witness leads the way: of the boxes that come before, only one that takes
// it is worth cutting off, and if none does, the work is done. The number of
// rests can grow with every dimension and an automaton with its expression, so
// a budget bounds the work, in steps of automata. When it runs out the answer
// is [Undecided], which is never a finding.
//
// # Two evaluators
//
// [Box.Matches] knows nothing of sets. It keeps the conditions as they were
// written and asks each of them, with the real regular expression. Every
// witness passes through it, so a mistake in the algebra can lose a finding but
// not print a request that contradicts it.
package match
