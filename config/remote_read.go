package config

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// RemoteRead is a server that history is read from.
type RemoteRead struct {
	URL           *commoncfg.URL `yaml:"url"` // http or https, with a host; never nil after Load
	RemoteTimeout model.Duration `yaml:"remote_timeout"`

	// What the server adds to its answers: matched, and stripped from them.
	ExternalLabels labels.Labels `yaml:"external_labels,omitempty"`

	// Validated; paths of files in it are absolute.
	HTTPClientConfig commoncfg.HTTPClientConfig `yaml:",inline"`
}

func loadRemoteRead(s *section, dir string) RemoteRead {
	r := RemoteRead{
		RemoteTimeout:    model.Duration(time.Minute),
		HTTPClientConfig: commoncfg.DefaultHTTPClientConfig,
	}
	if !s.decode(&r) {
		return r
	}
	switch {
	case r.URL == nil:
		s.errorf("url", "is missing")
	case r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Hostname() == "":
		s.errorf("url", "must be http://HOST... or https://HOST...")
	}
	s.require(r.RemoteTimeout > 0, "remote_timeout", "must be longer than 0s")
	r.ExternalLabels.Range(func(l labels.Label) {
		checkLabelName(s, "external_labels."+l.Name, l.Name)
		checkLabelValue(s, "external_labels."+l.Name, l.Value)
	})
	checkHTTPClient(s, &r.HTTPClientConfig)
	setDirectory(&r.HTTPClientConfig, dir)
	return r
}

// secretRef is the path of a key that the HTTP client takes, but cannot serve here.
var secretRef = regexp.MustCompile(`^(oauth2\.)?((basic_auth|authorization|tls_config)\.)?[a-z_]+_ref$`)

func checkHTTPClient(s *section, c *commoncfg.HTTPClientConfig) {
	for _, key := range slices.Sorted(maps.Keys(s.lines)) {
		s.require(!secretRef.MatchString(key), key, "there is no secret manager to refer to; give a file")
	}
	if c.OAuth2 != nil {
		_, err := url.Parse(c.OAuth2.TokenURL)
		s.require(err == nil, "oauth2.token_url", "not a valid URL")
	}
	if c.HTTPHeaders != nil {
		if err := c.HTTPHeaders.Validate(); err != nil {
			s.errorf("http_headers", "%s", err)
			return
		}
	}
	if err := c.Validate(); err != nil {
		s.errorf(s.mentioned(err.Error()), "%s", err)
	}
}

func setDirectory(c *commoncfg.HTTPClientConfig, dir string) {
	c.SetDirectory(dir)
	if o := c.OAuth2; o != nil { // SetDirectory leaves it out
		o.ClientCertificateKeyFile = commoncfg.JoinDir(dir, o.ClientCertificateKeyFile)
	}
}

// MarshalYAML hides what the secret type does not cover: a password in the token
// URL, and the parameters posted to it.
func (r RemoteRead) MarshalYAML() (any, error) {
	if r.HTTPClientConfig.OAuth2 != nil {
		o := *r.HTTPClientConfig.OAuth2
		if u, err := url.Parse(o.TokenURL); err == nil && u.User != nil {
			o.TokenURL = u.Redacted()
		}
		params := map[string]string{}
		for name := range o.EndpointParams {
			params[name] = "<secret>"
		}
		o.EndpointParams = params
		r.HTTPClientConfig.OAuth2 = &o
	}
	type plain RemoteRead // without this method
	return plain(r), nil
}
