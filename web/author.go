package web

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"go.yaml.in/yaml/v3"
)

// errUnauthenticated says that nobody can be told who gives a verdict.
var errUnauthenticated = errors.New("feedback is only taken from people who authenticate: set basic_auth_users, or " +
	"client_auth_type: RequireAndVerifyClientCert, in the file of --web.config.file; or start with " +
	"--web.allow-anonymous-feedback")

// Author returns a function that tells who sends a request, or why nothing can be taken from them. They are known if
// the exporter-toolkit has authenticated them, by its configuration in a file ("": there is none). If anonymous is set,
// all others are "".
func Author(configFile string, anonymous bool) func(*http.Request) (who string, err error) {
	return func(r *http.Request) (string, error) {
		// The exporter-toolkit reads the file at each request, too.
		users, certificates, err := authentication(configFile)
		switch {
		case err != nil:
			return "", err
		case users:
			who, _, _ := r.BasicAuth()
			return who, nil
		case certificates && r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
			return r.TLS.VerifiedChains[0][0].Subject.CommonName, nil
		case anonymous:
			return "", nil
		}
		return "", errUnauthenticated
	}
}

// authentication reports whether a configuration of the exporter-toolkit has users, and whether it requires client
// certificates.
func authentication(configFile string) (users, certificates bool, err error) {
	if configFile == "" {
		return false, false, nil
	}
	text, err := os.ReadFile(configFile)
	if err != nil {
		return false, false, fmt.Errorf("web configuration: %w", err)
	}
	var c struct {
		TLS struct {
			ClientAuth string `yaml:"client_auth_type"`
		} `yaml:"tls_server_config"`
		Users map[string]yaml.Node `yaml:"basic_auth_users"`
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		return false, false, errors.New("web configuration: not valid") // the error may show a hash of a password
	}
	return len(c.Users) > 0, c.TLS.ClientAuth == "RequireAndVerifyClientCert", nil
}
