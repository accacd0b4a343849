package config

import (
	"net/url"
	"regexp"
	"time"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
	"github.com/anomaly-exporter/anomaly-exporter/config/secrets"
)

// RemoteRead is a server from which history is read.
type RemoteRead struct {
	URL           *commoncfg.URL `yaml:"url"` // http or https, with a host; never nil after Load
	RemoteTimeout model.Duration `yaml:"remote_timeout"`

	// ExternalLabels are those that the server adds to the series that lack them. They are removed from these series.
	ExternalLabels labels.Labels `yaml:"external_labels,omitempty"`

	// A series over one of these limits fails the read, as it fails a scrape of Prometheus; 0 means no limit.
	LabelLimit            int `yaml:"label_limit"`
	LabelNameLengthLimit  int `yaml:"label_name_length_limit"`  // in bytes
	LabelValueLengthLimit int `yaml:"label_value_length_limit"` // in bytes

	// HTTPClientConfig has been validated. File names in it are absolute.
	HTTPClientConfig commoncfg.HTTPClientConfig `yaml:",inline"`
}

// loadRemoteRead decodes and checks an entry of remote_read. File names in it are relative to dir.
func loadRemoteRead(s *document.Section, dir string) RemoteRead {
	r := RemoteRead{
		RemoteTimeout: model.Duration(time.Minute),
		// Guards, chosen and not tuned: far above what people write, and low enough that a series is not felt. A result
		// repeats the labels of its series on every line.
		LabelLimit:            256,
		LabelNameLengthLimit:  1 << 10,
		LabelValueLengthLimit: 64 << 10,

		HTTPClientConfig: commoncfg.DefaultHTTPClientConfig,
	}
	if !s.Decode(&r) {
		return r
	}
	switch {
	case r.URL == nil:
		s.Errorf("url", "is missing")
	case r.URL.Fragment != "":
		s.Errorf("url", fragment)
	case r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Hostname() == "":
		s.Errorf("url", "must be http://HOST... or https://HOST...")
	}
	s.Require(r.RemoteTimeout > 0, "remote_timeout", "must be longer than 0s")
	s.Require(r.LabelLimit >= 0, "label_limit", "%d is negative", r.LabelLimit)
	s.Require(r.LabelNameLengthLimit >= 0, "label_name_length_limit", "%d is negative", r.LabelNameLengthLimit)
	s.Require(r.LabelValueLengthLimit >= 0, "label_value_length_limit", "%d is negative", r.LabelValueLengthLimit)
	r.ExternalLabels.Range(func(l labels.Label) {
		checkLabelName(s, "external_labels."+l.Name, l.Name)
		checkLabelValue(s, "external_labels."+l.Name, l.Value)
	})
	checkHTTPClient(s, &r.HTTPClientConfig)
	setDirectory(&r.HTTPClientConfig, dir)
	return r
}

// secretRef matches the paths of keys that HTTPClientConfig has, but that need a secret manager, which there is not
// here.
var secretRef = regexp.MustCompile(`^(oauth2\.)?((basic_auth|authorization|tls_config)\.)?[a-z_]+_ref$`)

// fragment is the message for a URL with a fragment, which servers never see: a # in a password begins one.
const fragment = "must not contain #; in a password it is written %%23"

func checkHTTPClient(s *document.Section, c *commoncfg.HTTPClientConfig) {
	for _, key := range s.Paths() {
		s.Require(!secretRef.MatchString(key), key, "secret managers are not supported; use the key that ends in _file")
	}
	if c.OAuth2 != nil {
		u, err := url.Parse(c.OAuth2.TokenURL)
		s.Require(err == nil, "oauth2.token_url", "not a valid URL")
		s.Require(err != nil || u.Fragment == "", "oauth2.token_url", fragment)
		s.Require(c.OAuth2.ProxyURL.URL == nil || c.OAuth2.ProxyURL.Fragment == "", "oauth2.proxy_url", fragment)
	}
	s.Require(c.ProxyURL.URL == nil || c.ProxyURL.Fragment == "", "proxy_url", fragment)
	if c.HTTPHeaders != nil {
		if err := c.HTTPHeaders.Validate(); err != nil {
			s.Errorf("http_headers", "%s", err)
			return
		}
	}
	if err := c.Validate(); err != nil {
		s.Errorf(s.LastOf(err.Error()), "%s", err)
	}
}

func setDirectory(c *commoncfg.HTTPClientConfig, dir string) {
	c.SetDirectory(dir)
	if o := c.OAuth2; o != nil { // which SetDirectory forgets
		o.ClientCertificateKeyFile = commoncfg.JoinDir(dir, o.ClientCertificateKeyFile)
	}
}

// MarshalYAML hides secrets that are not of type Secret.
func (r RemoteRead) MarshalYAML() (any, error) {
	r.URL = &commoncfg.URL{URL: secrets.Hide(r.URL.URL, &r.HTTPClientConfig)}
	type plain RemoteRead // without this method
	return plain(r), nil
}

// Secrets returns all texts that nothing may show.
func (r *RemoteRead) Secrets() []string { return secrets.Of(r.URL.URL, &r.HTTPClientConfig) }
