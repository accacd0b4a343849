package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// guarded forwards to a running exporter who knows the password.
func guarded(t *testing.T, e *running) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "open-sesame" {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, e.url+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// detectors connects the SDK's client, and returns the text of the tool detectors.
func detectors(t *testing.T, transport sdk.Transport) string {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), transport, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	r, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "detectors"})
	require.NoError(t, err)
	return r.Content[0].(*sdk.TextContent).Text
}

// It runs the program as clients such as editors do, who talk to it over stdin and stdout.
func TestMCP_OverStdio(t *testing.T) {
	e := start(t, testOptions(writeConfig(t, deaf(t), "up")))
	login := writeFile(t, "http.yml", "basic_auth: {username: alice, password: open-sesame}\n")
	for _, tc := range []struct {
		name, want string
		args       []string
	}{
		{"plain", `"name":"shop"`, []string{"--url=" + e.url}},
		{"without a password", "401 Unauthorized: see --http.config.file", []string{"--url=" + guarded(t, e)}},
		{"with a password", `"name":"shop"`, []string{"--url=" + guarded(t, e), "--http.config.file=" + login}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := command(t, t.TempDir(), append([]string{"mcp"}, tc.args...)...)
			var logged syncBuffer
			cmd.Stderr = &logged
			require.Contains(t, detectors(t, &sdk.CommandTransport{Command: cmd}), tc.want)
			require.True(t, cmd.ProcessState.Success(), "it ends when the client closes stdin")
			require.NotContains(t, logged.String(), "open-sesame")
		})
	}
}

// basicAuth adds a password to each request.
type basicAuth struct{ http.RoundTripper }

func (b basicAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth("bob", "secret")
	return b.RoundTripper.RoundTrip(r)
}

// It runs the program as a server for many, with a password, and stops it.
func TestMCP_OverHTTP(t *testing.T) {
	e := start(t, testOptions(writeConfig(t, deaf(t), "up")))
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	require.NoError(t, err)
	users := writeFile(t, "web.yml", "basic_auth_users: {bob: '"+string(hash)+"'}\n")
	cmd := command(t, t.TempDir(), "mcp", "--transport=http", "--url="+e.url,
		"--web.listen-address=127.0.0.1:0", "--web.config.file="+users)
	var logged syncBuffer
	cmd.Stderr = &logged
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	require.Eventually(t, func() bool {
		return listening.MatchString(logged.String())
	}, 10*time.Second, 10*time.Millisecond)
	endpoint := "http://" + listening.FindStringSubmatch(logged.String())[1] + "/mcp"

	resp, err := http.Post(endpoint, "application/json", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	client := &http.Client{Transport: basicAuth{http.DefaultTransport}}
	transport := &sdk.StreamableClientTransport{Endpoint: endpoint, HTTPClient: client}
	require.Contains(t, detectors(t, transport), `"name":"shop"`)

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}
