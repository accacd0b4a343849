package web_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-kit/log"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() web.Options {
	return web.Options{
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		Ready:    func() bool { return true },
		Config:   func() *config.Config { return &config.Config{} },
		Reload:   func() error { return nil },
		Snapshot: func() *result.Snapshot { return &result.Snapshot{} },
		Replay: func(
			context.Context, result.Source, []labels.Labels, time.Time, time.Time, func(*result.Batch),
		) error {
			return nil
		},
		Query:   func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
		Now:     time.Now,
		Version: "1.2.3",
	}
}

func request(t *testing.T, o web.Options, method, path string) (*http.Response, string) {
	t.Helper()
	h, err := web.NewHandler(o)
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec.Result(), rec.Body.String()
}

func TestHandler_ServesItsEndpoints(t *testing.T) {
	for _, tc := range []struct {
		name         string
		change       func(*web.Options)
		method, path string
		status       int
		body         string
	}{
		{"metrics", nil, "GET", "/metrics", 200, "up 1\n"},
		{"overview", nil, "GET", "/", 200, "1.2.3"},
		{"series", nil, "GET", "/series?detector=x", 404, "No series has these labels now"},
		{"API", nil, "GET", "/api/v1/anomalies", 200, `"incidents":[]`},
		{"unknown", nil, "GET", "/metric", 404, "not found"},
		{"healthy", nil, "GET", "/-/healthy", 200, "anomaly-exporter is healthy.\n"},
		{"ready", nil, "GET", "/-/ready", 200, "anomaly-exporter is ready.\n"},
		{"not ready", func(o *web.Options) { o.Ready = func() bool { return false } }, "GET", "/-/ready", 503, "not ready"},
		{"starting", func(o *web.Options) {
			o.Ready = func() bool { return false }
			o.Starting = func() []string { return []string{`detector "a": waiting`, `detector "b": fitting`} }
		}, "GET", "/-/ready", 503, "published yet.\ndetector \"a\": waiting\ndetector \"b\": fitting\n"},
		{"config", nil, "GET", "/config", 200, "remote_read: []\n"},
		{"reload by GET", func(o *web.Options) { o.EnableLifecycle = true }, "GET", "/-/reload", 405, "Only POST or PUT"},
		{"reload not enabled", nil, "POST", "/-/reload", 403, "--web.enable-lifecycle"},
		{"reload", func(o *web.Options) { o.EnableLifecycle = true }, "POST", "/-/reload", 200, "Configuration reloaded.\n"},
		{"reload by PUT", func(o *web.Options) { o.EnableLifecycle = true }, "PUT", "/-/reload", 200, "reloaded.\n"},
		{"reload fails", func(o *web.Options) {
			o.EnableLifecycle = true
			o.Reload = func() error { return errors.New(`a.yml:3: detector "x": expr: what is wrong`) }
		}, "POST", "/-/reload", 500, "a.yml:3: detector \"x\": expr: what is wrong\n"},
		{"no playground", nil, "GET", "/playground", 404, "not found"},
		{"no backtest", nil, "POST", "/api/v1/backtest", 404, "/api/v1/backtest is turned off"},
		{"no feedback", nil, "POST", "/api/v1/feedback", 404, "started without --feedback.file"},
		{"no profiles", nil, "GET", "/debug/pprof/", 404, "not found"},
		{"profiles", func(o *web.Options) { o.EnablePprof = true }, "GET", "/debug/pprof/", 200, "goroutine"},
		{"panic", func(o *web.Options) { o.Ready = func() bool { panic("boom") } }, "GET", "/-/ready", 500, "internal error"},
		{
			"panic of the API", func(o *web.Options) { o.Snapshot = func() *result.Snapshot { panic("boom") } },
			"GET", "/api/v1/series", 500, `{"status":"error","errorType":"internal","error":"internal error"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options()
			if tc.change != nil {
				tc.change(&o)
			}
			resp, body := request(t, o, tc.method, tc.path)
			require.Equal(t, tc.status, resp.StatusCode)
			require.Contains(t, body, tc.body)
		})
	}
}

// A page that somebody looks at cannot reload the configuration.
func TestHandler_RefusesPostsOfOtherOrigins(t *testing.T) {
	o := options()
	o.EnableLifecycle = true
	o.ExternalURL = &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	reloads := 0
	o.Reload = func() error { reloads++; return nil }
	h, err := web.NewHandler(o)
	require.NoError(t, err)
	for _, tc := range []struct {
		method, header, value string
		status                int
	}{
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"PUT", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "Origin", "https://evil.example", 403},
		{"POST", "Origin", "https://example.com", 200}, // behind a proxy that changes the host
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "X-Curl", "no browser", 200},
	} {
		r := httptest.NewRequest(tc.method, "http://10.0.0.1:9942/-/reload", nil)
		r.Header.Set(tc.header, tc.value)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		require.Equal(t, tc.status, rec.Code, "%s %s: %s", tc.method, tc.header, tc.value)
	}
	require.Equal(t, 3, reloads)

	o.RoutePrefix = "/anomaly"
	h, err = web.NewHandler(o)
	require.NoError(t, err)
	const refused = "the page of another site sent this"
	for path, want := range map[string]string{
		"/anomaly/-/reload":        refused + "\n",
		"/anomaly/api/v1/feedback": `{"status":"error","errorType":"forbidden","error":"` + refused + `"}` + "\n",
	} {
		r := httptest.NewRequest("POST", path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		require.Equal(t, 403, rec.Code)
		require.Equal(t, want, rec.Body.String(), "the API answers in its envelope")
	}
}

// As in Prometheus, the prefix is the path of the external URL, unless a proxy removes that.
func TestHandler_ServesBelowAPrefix(t *testing.T) {
	external, err := url.Parse("https://example.com/anomaly/")
	require.NoError(t, err)
	for _, tc := range []struct{ prefix, serves, link string }{
		{"", "/anomaly/", `href="/anomaly/metrics"`},
		{"/", "/", `href="/anomaly/metrics"`},
		{"/other/", "/other/", `href="/anomaly/metrics"`},
	} {
		o := options()
		o.ExternalURL, o.RoutePrefix = external, tc.prefix
		resp, body := request(t, o, "GET", tc.serves)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, body, tc.link)
		resp, _ = request(t, o, "GET", tc.serves+"metrics")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		if tc.serves != "/" {
			resp, _ = request(t, o, "GET", "/")
			require.Equal(t, tc.serves, resp.Header.Get("Location"))
			resp, _ = request(t, o, "GET", "/metrics")
			require.Equal(t, http.StatusNotFound, resp.StatusCode)
		}
	}
	o := options()
	o.RoutePrefix = "x"
	_, body := request(t, o, "GET", "/x/")
	require.Contains(t, body, `href="/x/metrics"`)
}

func TestHandler_LogsPanics(t *testing.T) {
	var logged bytes.Buffer
	o := options()
	o.Logger = log.NewLogfmtLogger(&logged)
	o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	request(t, o, "GET", "/metrics")
	require.Contains(t, logged.String(), `level=error msg="Panic in HTTP handler" path=/metrics err=boom`)

	logged.Reset()
	o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { request(t, o, "GET", "/metrics") })
	require.Empty(t, logged.String())
}

func TestNewHandler_RequiresItsOptions(t *testing.T) {
	o := options()
	o.Reload = nil
	_, err := web.NewHandler(o)
	require.EqualError(t, err, "web: one of Metrics, Ready, Config and Reload is missing")
}

func listen(configFile string, addresses ...string) *toolkit.FlagConfig {
	return &toolkit.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: new(bool), WebConfigFile: &configFile}
}

// start runs a server. The returned function stops it and returns the error of Run.
func start(t *testing.T, h http.Handler, flags *toolkit.FlagConfig) (*web.Server, func() error) {
	t.Helper()
	s := web.NewServer(h, flags, 2, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() error {
		cancel()
		return <-done
	}
}

func TestServer_ListensOnAllAddressesUntilStopped(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	h, err := web.NewHandler(options())
	require.NoError(t, err)
	s, stop := start(t, h, listen("", "127.0.0.1:0", "127.0.0.1:0"))
	one, err := s.Addr(t.Context())
	require.NoError(t, err)
	two, err := s.Addr(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, one.String(), two.String())
	for _, addr := range []net.Addr{one, two} {
		resp, err := http.Get("http://" + addr.String() + "/metrics")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	require.NoError(t, stop())
	_, err = http.Get("http://" + one.String() + "/metrics")
	require.Error(t, err)
}

func TestServer_StopsIfCanceledBeforeStart(t *testing.T) {
	s := web.NewServer(http.NotFoundHandler(), listen("", "127.0.0.1:0"), 512, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx))
}

func TestServer_FinishesOpenRequests(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	s, stop := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = io.WriteString(w, "whole")
	}), listen("", "127.0.0.1:0"))
	addr, err := s.Addr(t.Context())
	require.NoError(t, err)
	body := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + addr.String())
		if err != nil {
			body <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		body <- string(b)
	}()
	<-began
	time.AfterFunc(50*time.Millisecond, func() { close(finish) })
	require.NoError(t, stop())
	require.Equal(t, "whole", <-body)
	http.DefaultClient.CloseIdleConnections()
}

// Connections over the limit wait, over all listeners together, and none is refused.
func TestServer_LimitsConnections(t *testing.T) {
	s, stop := start(t, http.NotFoundHandler(), listen("", "127.0.0.1:0", "127.0.0.1:0"))
	one, err := s.Addr(t.Context())
	require.NoError(t, err)
	two, err := s.Addr(t.Context())
	require.NoError(t, err)
	answered := func(conn net.Conn, within time.Duration) bool {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
		n, _ := conn.Read(make([]byte, 1))
		return n == 1
	}
	var conns []net.Conn
	for _, addr := range []net.Addr{one, two, one} {
		conn, err := net.Dial("tcp", addr.String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		conns = append(conns, conn)
		require.Equal(t, len(conns) < 3, answered(conn, time.Second), "connection %d", len(conns))
	}
	require.NoError(t, conns[0].Close())
	require.True(t, answered(conns[2], 5*time.Second), "its turn has come")
	require.NoError(t, conns[1].Close())
	require.NoError(t, conns[2].Close())
	require.NoError(t, stop())
}

func TestServer_FailsIfItCannotListen(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	s := web.NewServer(http.NotFoundHandler(), listen("", busy.Addr().String()), 512, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, s.Run(t.Context()), "address already in use")

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = s.Addr(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestServer_UsesTLSAndPasswordsOfTheFile(t *testing.T) {
	dir := t.TempDir()
	certificate := selfSigned(t, dir)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	require.NoError(t, err)
	file := filepath.Join(dir, "web.yml")
	text := "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {alice: " + string(
		hash,
	) + "}\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	h, err := web.NewHandler(options())
	require.NoError(t, err)
	s, stop := start(t, h, listen(file, "127.0.0.1:0"))
	addr, err := s.Addr(t.Context())
	require.NoError(t, err)

	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	for password, want := range map[string]int{"secret": http.StatusOK, "wrong": http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr.String()+"/metrics", nil)
		require.NoError(t, err)
		req.SetBasicAuth("alice", password)
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode)
	}
	require.NoError(t, stop())
}

// selfSigned writes a self-signed certificate for 127.0.0.1 to cert.pem and key.pem in dir.
func selfSigned(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "carol"},
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: private},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate
}
