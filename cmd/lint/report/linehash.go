package report

import (
	"strconv"
	"unicode/utf16"
)

// hashWindow is how many characters from the start of a line make its hash.
const hashWindow = 100

// lineHashes gives the hash of each line of a file as GitHub's code scanning computes it, so that an alert is known again
// when lines move: over UTF-16 code units, without spaces and tabs, every line end as \n, 0xffff at the end of the file and
// zeros behind it, h = sum of unit*37^(99-i) modulo 2^64 for the hundred units from the line's start. Equal hashes in one
// file are numbered.
func lineHashes(data []byte) []string {
	var units []uint16
	starts := []int{0}
	text := utf16.Encode([]rune(string(data)))
	for i := 0; i < len(text); i++ {
		u := text[i]
		switch {
		case u == ' ' || u == '\t':
			continue
		case u == '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			u = '\n'
		}
		if units = append(units, u); u == '\n' {
			starts = append(starts, len(units))
		}
	}
	units = append(units, 0xffff)
	units = append(units, make([]uint16, hashWindow)...)
	var hash, top uint64 = 0, 1
	for range hashWindow {
		top *= 37
	}
	for _, u := range units[:hashWindow] {
		hash = hash*37 + uint64(u)
	}
	counts := map[uint64]int{}
	out := make([]string, 0, len(starts))
	for at, line := 0, 0; line < len(starts); at++ {
		if at == starts[line] {
			counts[hash]++
			out = append(out, strconv.FormatUint(hash, 16)+":"+strconv.Itoa(counts[hash]))
			line++
		}
		if at+hashWindow < len(units) {
			hash = hash*37 + uint64(units[at+hashWindow]) - top*uint64(units[at])
		}
	}
	return out
}
