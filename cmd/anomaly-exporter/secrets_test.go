package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// planted are secrets, which must appear nowhere. They have characters that are escaped in different ways.
var planted = []string{
	"uRl-pa ss&<1>", "uRl-query-2", "proxy-pa/ss+3", "proxy-query-4", "basic%pass#5", "bearer-token=6", "client\"secret-7",
	"endpoint-param-8", "token-url-query-9", "token-pass-10", "header-secret-11", "header-file-12", "connect-header-13",
	"file-password-14", "access-token-15",
}

// forms returns how a secret may be written.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), string(quoted[1 : len(quoted)-1]),
		base64.StdEncoding.EncodeToString([]byte("me:" + secret)),
		base64.StdEncoding.EncodeToString([]byte("me:" + url.QueryEscape(secret))),
	}
}

// echo answers with the request, as helpful error pages do, in several notations.
func echo(status int, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		user, password, _ := r.BasicAuth()
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Echo", r.URL.RawQuery)
		w.WriteHeader(status)
		// What was sent comes at an end of the excerpt, too.
		for line := range strings.SplitSeq(strings.TrimSpace(string(dump)), "\n") {
			fmt.Fprintln(w, strings.TrimSpace(line))
		}
		fmt.Fprintln(w, user, password, html.EscapeString(password), url.QueryEscape(password), r.Form)
		fmt.Fprint(w, strings.Repeat("-", 150), r.Header.Get("Authorization"), r.Header.Get("X-Secret"), r.URL.String())
	}
}

// secretsServer serves every behaviour below a path of its own.
func secretsServer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/echo", echo(http.StatusUnauthorized, "text/html"))
	mux.Handle("/page", echo(http.StatusOK, "text/html"))
	mux.Handle("/frames", echo(http.StatusOK, "application/x-streamed-protobuf"))
	mux.Handle("/samples", echo(http.StatusOK, "application/x-protobuf"))
	mux.HandleFunc("/type", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/"+r.Header.Get("Authorization")+r.URL.RawQuery)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		other := strings.Replace("http://"+r.Host, "127.0.0.1", "localhost", 1)
		http.Redirect(w, r, other+"/thief?"+r.URL.RawQuery, http.StatusPermanentRedirect)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop?"+r.URL.RawQuery, http.StatusPermanentRedirect)
	})
	mux.HandleFunc("/thief", func(_ http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		t.Errorf("another host got %q", dump)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "access-token-15", "token_type": "Bearer", "expires_in": 3600}`)
	})
	mux.Handle("/no-token", echo(http.StatusForbidden, "text/plain"))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// outputs returns everything that the program shows for a configuration file.
func outputs(t *testing.T, file string) string {
	t.Helper()
	var all bytes.Buffer
	r := start(t, testOptions(file))
	require.Eventually(t, func() bool {
		return strings.Contains(r.log.String(), "Cycle failed")
	}, 20*time.Second, 10*time.Millisecond)
	_, body := r.request(http.MethodPost, "/-/reload")
	all.WriteString(body)
	for _, path := range []string{
		"/config", "/metrics", "/", "/series", "/-/ready", "/api/v1/anomalies", "/api/v1/series", "/api/v1/detectors",
		"/api/v1/context", "/api/v1/context?format=markdown", "/api/v1/no", "/debug/pprof/cmdline",
	} {
		_, body := r.request(http.MethodGet, path)
		all.WriteString(body)
	}
	require.NoError(t, r.stop())
	all.WriteString(r.log.String())
	for _, args := range [][]string{
		{"check-config", file}, {"context", "--config.file=" + file}, {"backtest", "--config.file=" + file, "--start=-1h"},
	} {
		execute(append(args, "--log.level=debug"), &all, &all)
	}
	return all.String()
}

func TestSecrets_AppearNowhere(t *testing.T) {
	server := secretsServer(t)
	dead := "http://127.0.0.1:1"
	dir := t.TempDir()
	for name, secret := range map[string]string{"password": "file-password-14", "header": "header-file-12"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600))
	}
	login := "me:" + url.QueryEscape("uRl-pa ss&<1>") + "@"
	target := func(base, path string) string {
		return strings.Replace(base, "http://", "http://"+login, 1) + path + "?tenant=a&key=uRl-query-2"
	}
	proxy := func(base string) string {
		return fmt.Sprintf("    proxy_url: %s?k=proxy-query-4\n    proxy_connect_header: {X-Connect: [connect-header-13]}\n",
			strings.Replace(base, "http://", "http://me:"+url.PathEscape("proxy-pa/ss+3")+"@", 1))
	}
	oauth2 := func(base, path string) string {
		return fmt.Sprintf(`    oauth2:
      client_id: me
      client_secret: 'client"secret-7'
      token_url: %s%s?k=token-url-query-9
      endpoint_params: {audience: endpoint-param-8}
`, strings.Replace(base, "http://", "http://me:token-pass-10@", 1), path)
	}
	const headers = "    http_headers: {X-Secret: {secrets: [header-secret-11]}, X-File: {files: [header]}}\n"
	auths := map[string]string{
		"basic":      headers + "    basic_auth: {username: me, password: 'basic%pass#5'}\n",
		"basic file": headers + "    basic_auth: {username: me, password_file: password}\n",
		"bearer":     headers + "    authorization: {credentials: bearer-token=6}\n",
		"oauth2":     headers + oauth2(server.URL, "/token"),
	}
	entries := map[string]string{
		"oauth2, no token":    target(server.URL, "/echo") + "\n" + oauth2(server.URL, "/no-token"),
		"oauth2, unreachable": target(server.URL, "/echo") + "\n" + oauth2(dead, "/token"),
		"unreachable proxy":   target(server.URL, "/echo") + "\n" + proxy(dead) + headers,
		"proxy":               target(dead, "/echo") + "\n" + proxy(server.URL) + headers,
	}
	for name, auth := range auths {
		for _, path := range []string{"/echo", "/page", "/frames", "/samples", "/type", "/redirect", "/loop"} {
			entries[name+" "+path] = target(server.URL, path) + "\n" + auth
		}
		entries[name+", unreachable"] = target(dead, "/read") + "\n" + auth
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is spent on waiting for retries
			if testing.Short() && !strings.HasSuffix(name, "/echo") {
				t.Skip("starts the program with 30 more configurations")
			}
			file := filepath.Join(dir, strings.NewReplacer(" ", "-", "/", "", ",", "").Replace(name)+".yml")
			text := "remote_read:\n  - url: " + entry + "detectors: [{name: shop, expr: up}]\n"
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			all := outputs(t, file)
			require.Contains(t, all, "<secret>")
			for _, secret := range planted {
				for _, form := range forms(secret) {
					if at := strings.Index(all, form); at >= 0 {
						require.Fail(t, "a secret is shown", "%q in %q", form, all[max(0, at-200):min(len(all), at+100)])
					}
				}
				// Not a part of one either, where a text was cut.
				require.NotContains(t, all, secret[:len(secret)-3])
			}
		})
	}
}
