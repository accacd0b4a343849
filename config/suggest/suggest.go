// Package suggest finds the word that somebody meant who mistyped it.
package suggest

import (
	"fmt"
	"strings"
)

// DidYouMean returns a question to append to an error about an unknown word, such as `; did you mean "expr"?`. It is ""
// if none of the known words resembles it.
func DidYouMean(word string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d, ok := distance(normal(word), normal(k)); ok && (best == "" || d < least) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// normal returns a word without what people often get wrong.
func normal(word string) string { return strings.ReplaceAll(strings.ToLower(word), "-", "_") }

// leastPart is the number of letters from which a part of a longer word is taken for it. Chosen, not tuned.
const leastPart = 4

// distance returns how far apart two words are, and whether they are close enough to be confused: up to a third of the
// letters differ, or one is the first or the last part of the other, as window of lead_window.
func distance(word, known string) (letters int, near bool) {
	letters = edits(word, known)
	if letters <= max(1, len(word)/3) {
		return letters, len(word) > 1
	}
	part := strings.HasPrefix(known, word+"_") || strings.HasSuffix(known, "_"+word)
	return letters, part && len(word) >= leastPart
}

// edits returns the smallest number of letters to insert, remove, replace or swap with their neighbour that make b of a
// (optimal string alignment).
func edits(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
