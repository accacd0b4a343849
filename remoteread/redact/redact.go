// Package redact makes texts that come from a server or from an error fit to be shown: short, on one line, and without
// secrets.
package redact

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxExcerpt is how many bytes of an unexpected answer an error shows: about two lines of a log (chosen, not tuned).
const MaxExcerpt = 200

// Excerpt returns the beginning of an answer on one line. Control characters and invalid UTF-8 become dots.
func Excerpt(b []byte) string {
	b = b[:min(len(b), MaxExcerpt)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '.'
		default:
			return r
		}
	}, string(b)))
}

// URL returns the URL without user name, password, query and fragment.
func URL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
