// Package secrets knows what of a server's URL and HTTP client options nothing may show.
package secrets

import (
	"encoding/base64"
	"net/url"
	"os"
	"strings"

	commoncfg "github.com/prometheus/common/config"
)

// hidden is what is shown in URLs instead of a password or of a value in the query. A <secret> would be escaped.
const hidden = "xxxxx"

// Hide replaces the secrets that are not of type Secret: passwords and queries in URLs, and the parameters sent
// to the token URL. It returns another URL, and changes nothing that c points to.
func Hide(u *url.URL, c *commoncfg.HTTPClientConfig) *url.URL {
	c.ProxyURL.URL = hideURL(c.ProxyURL.URL)
	if c.OAuth2 != nil {
		o := *c.OAuth2
		if u, err := url.Parse(o.TokenURL); err == nil {
			o.TokenURL = hideURL(u).String()
		}
		o.ProxyURL.URL = hideURL(o.ProxyURL.URL)
		params := map[string]string{}
		for name := range o.EndpointParams {
			params[name] = "<secret>"
		}
		o.EndpointParams = params
		c.OAuth2 = &o
	}
	return hideURL(u)
}

// hideURL returns a URL with a hidden password, and hidden values in its query. A query may have a token.
func hideURL(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	shown := *u
	if _, ok := u.User.Password(); ok {
		shown.User = url.UserPassword(u.User.Username(), hidden)
	}
	if u.RawQuery != "" {
		parts := strings.Split(u.RawQuery, "&")
		for i, part := range parts {
			if name, _, ok := strings.Cut(part, "="); ok {
				parts[i] = name + "=" + hidden
			} else {
				parts[i] = hidden
			}
		}
		shown.RawQuery = strings.Join(parts, "&")
	}
	return &shown
}

// Of returns all texts that nothing may show: what a URL and its options have, what is in the files that they name
// now, and how they are sent.
func Of(u *url.URL, c *commoncfg.HTTPClientConfig) []string {
	var all texts
	all.url(u)
	all.proxy(&c.ProxyConfig)
	if b := c.BasicAuth; b != nil {
		user := b.Username
		if b.UsernameFile != "" {
			user = contents(b.UsernameFile)
		}
		all.login(user, string(b.Password))
		if b.PasswordFile != "" {
			all.login(user, contents(b.PasswordFile))
		}
	}
	if a := c.Authorization; a != nil {
		all.add(string(a.Credentials), contents(a.CredentialsFile))
	}
	all.add(string(c.BearerToken), contents(c.BearerTokenFile))
	if o := c.OAuth2; o != nil {
		all.login(o.ClientID, string(o.ClientSecret))
		all.login(o.ClientID, contents(o.ClientSecretFile))
		all.add(string(o.ClientCertificateKey), contents(o.ClientCertificateKeyFile))
		if u, err := url.Parse(o.TokenURL); err == nil {
			all.url(u)
		}
		for _, v := range o.EndpointParams {
			all.add(v)
		}
		all.proxy(&o.ProxyConfig)
	}
	if c.HTTPHeaders != nil {
		for _, h := range c.HTTPHeaders.Headers {
			for _, v := range h.Secrets {
				all.add(string(v))
			}
			for _, file := range h.Files {
				all.add(contents(file))
			}
		}
	}
	return all
}

// texts collects secrets.
type texts []string

// add adds the texts that are not empty.
func (s *texts) add(more ...string) {
	for _, text := range more {
		if text != "" {
			*s = append(*s, text)
		}
	}
}

// login adds a password, and the header that it is sent in.
func (s *texts) login(user, password string) {
	if password != "" {
		s.add(password, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
		escaped := url.QueryEscape(user) + ":" + url.QueryEscape(password) // as OAuth2 does
		s.add(base64.StdEncoding.EncodeToString([]byte(escaped)))
	}
}

// url adds the password of a URL and the values in its query.
func (s *texts) url(u *url.URL) {
	if u == nil {
		return
	}
	if password, ok := u.User.Password(); ok {
		s.login(u.User.Username(), password)
	}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			value = name
		}
		s.add(value)
		if plain, err := url.QueryUnescape(value); err == nil && plain != value {
			s.add(plain)
		}
	}
}

// proxy adds the secrets of a proxy.
func (s *texts) proxy(p *commoncfg.ProxyConfig) {
	s.url(p.ProxyURL.URL)
	for _, values := range p.ProxyConnectHeader {
		for _, v := range values {
			s.add(string(v))
		}
	}
}

// contents returns what is in a file, without white space around it; "" if it cannot be read.
func contents(file string) string {
	if file == "" {
		return ""
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
