// Package redact makes texts that come from a server or from an error fit to be shown: short, on one line, and without
// secrets.
package redact

import (
	"cmp"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxExcerpt is how many bytes of an unexpected answer an error shows: about two lines of a log (chosen, not tuned).
	MaxExcerpt = 200
	// MaxScanned is how much of an unexpected answer should be read, so that a secret that begins within the excerpt is
	// known as a whole. Guard: as large as the headers of a request usually may be.
	MaxScanned = 64 << 10
	// maxText is how many bytes of an error are shown; some libraries quote whole answers (chosen, not tuned).
	maxText = 1000
	// shortest is the shortest text that is taken for a secret. Guard: to replace single letters would hide everything
	// else.
	shortest = 3

	hidden = "<secret>"
)

// Secrets are texts that are not shown, in whatever form a server may repeat them.
type Secrets []string

// Sent returns the credentials that a request was sent with.
func Sent(r *http.Request) Secrets {
	if r == nil {
		return nil
	}
	var s Secrets
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		for _, value := range r.Header.Values(name) {
			scheme, token, ok := strings.Cut(value, " ")
			s = append(s, value)
			if !ok {
				continue
			}
			s = append(s, token)
			if login, err := base64.StdEncoding.DecodeString(token); err == nil && strings.EqualFold(scheme, "Basic") {
				_, password, _ := strings.Cut(string(login), ":")
				s = append(s, string(login), password)
			}
		}
	}
	return s
}

// link matches a URL in a text.
var link = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>\\]*`)

// Text returns a text without the secrets, and without user names, passwords and queries in URLs.
func (s Secrets) Text(text string) string {
	var forms []string
	for _, secret := range s {
		if len(secret) < shortest {
			continue
		}
		quoted := strconv.Quote(secret)
		forms = append(
			forms, secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), quoted[1:len(quoted)-1],
			base64.StdEncoding.EncodeToString([]byte(secret)),
		)
	}
	// The longest first, because one may be a part of another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	for _, form := range slices.Compact(forms) {
		text = strings.ReplaceAll(text, form, hidden)
	}
	return link.ReplaceAllStringFunc(text, func(match string) string {
		u, err := url.Parse(match)
		if err != nil {
			scheme, _, _ := strings.Cut(match, "://")
			return scheme + "://" + hidden
		}
		if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
			return match
		}
		return URL(u)
	})
}

// Excerpt returns the beginning of an answer on one line, without the secrets. Control characters and invalid UTF-8
// become dots.
func (s Secrets) Excerpt(b []byte) string {
	text := s.Text(string(b))
	return oneLine(text[:min(len(text), MaxExcerpt)])
}

func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '.'
		default:
			return r
		}
	}, text))
}

// Error returns err with a text that is short and has no secrets. It wraps err.
func (s Secrets) Error(err error) error {
	text := s.Text(err.Error())
	if len(text) > maxText {
		text = oneLine(text[:maxText]) + "..."
	}
	if text == err.Error() {
		return err
	}
	return &redacted{text, err}
}

type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }

// URL returns the URL without user name, password, query and fragment.
func URL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
