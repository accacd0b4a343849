package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/model"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// runMain is the environment variable that makes the test binary run the program: see command.
const runMain = "ANOMALY_EXPORTER_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

func testOptions(file string) runOptions {
	return runOptions{
		configFile: file,
		listen: &toolkit.FlagConfig{
			WebListenAddresses: &[]string{"127.0.0.1:0"},
			WebSystemdSocket:   new(bool),
			WebConfigFile:      new(string),
		},
		enableLifecycle: true,
	}
}

func testQueries() queryOptions {
	return queryOptions{
		maxSamples:     1e6,
		timeout:        model.Duration(time.Minute),
		lookbackDelta:  model.Duration(5 * time.Minute),
		maxConcurrency: runtime.GOMAXPROCS(0),
	}
}

// writeConfig writes a configuration with one detector that reads from url.
func writeConfig(t *testing.T, url, expr string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yml")
	rewriteConfig(t, file, url, expr)
	return file
}

func rewriteConfig(t *testing.T, file, url, expr string) {
	t.Helper()
	text := fmt.Sprintf(`remote_read:
  - url: %s/api/v1/read
    basic_auth: {username: alice, password: open-sesame}
detectors:
  - name: shop
    expr: %s
`, url, expr)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// deaf returns the URL of a server that answers no query.
func deaf(t *testing.T) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of order", http.StatusTeapot)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// running is the program, running within the test.
type running struct {
	*exporter
	t    *testing.T
	url  string
	hup  chan os.Signal
	log  *syncBuffer
	stop func() error // idempotent
}

func start(t *testing.T, o runOptions) *running {
	t.Helper()
	r := &running{t: t, hup: make(chan os.Signal), log: &syncBuffer{}}
	var err error
	r.exporter, err = newExporter(o, testQueries(), log.NewLogfmtLogger(r.log))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.run(ctx, r.hup) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	addr, err := r.server.Addr(ctx)
	require.NoError(t, err)
	r.url = "http://" + addr.String()
	return r
}

// request returns the status and the body of the response.
func (r *running) request(method, path string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	require.NoError(r.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(body)
}

func (r *running) get(path string) string {
	r.t.Helper()
	status, body := r.request(http.MethodGet, path)
	require.Equal(r.t, http.StatusOK, status, body)
	return body
}

func TestRun_TwoInstancesStartAndStop(t *testing.T) {
	url := deaf(t)
	reached := testOptions(writeConfig(t, url, "down"))
	reached.externalURL = &neturl.URL{
		Scheme: "https", User: neturl.UserPassword("alice", "open-sesame"), Host: "example.com", Path: "/anomaly/",
	}
	reached.routePrefix = "/"
	one, two := start(t, testOptions(writeConfig(t, url, "up"))), start(t, reached)
	for _, r := range []*running{one, two} {
		r.get("/-/healthy")
		status, _ := r.request(http.MethodGet, "/-/ready")
		require.Equal(t, http.StatusServiceUnavailable, status, "nothing has been read")
		metrics := r.get("/metrics")
		require.Contains(t, metrics, "\nanomaly_exporter_config_last_reload_successful 1\n")
		require.Contains(t, metrics, "\nanomaly_exporter_build_info{")
	}
	require.NotContains(t, one.get("/metrics"), "anomaly_exporter_web_info")
	require.Contains(t, two.get("/metrics"), `
anomaly_exporter_web_info{external_url="https://example.com/anomaly"} 1
`)
	require.Contains(t, one.get("/config"), "expr: up")
	require.Contains(t, two.get("/config"), "expr: down")
	require.Contains(t, one.get("/config"), "<secret>")
	require.NotContains(t, one.get("/config"), "open-sesame")

	require.NoError(t, one.stop())
	require.NoError(t, one.stop(), "stopped twice")
	_, err := http.Get(one.url)
	require.Error(t, err)
	two.get("/-/healthy")
	require.NoError(t, two.stop())
	for _, event := range []string{
		"Starting anomaly-exporter", "Configuration loaded", "Listening on", "Stopped anomaly-exporter",
	} {
		require.Equal(t, 1, strings.Count(one.log.String(), `msg="`+event+`"`), event)
	}
	require.NotContains(t, one.log.String(), "open-sesame")
}

func TestReload_OverHTTPAndBySignal(t *testing.T) {
	url := deaf(t)
	file := writeConfig(t, url, "up")
	r := start(t, testOptions(file))

	rewriteConfig(t, file, url, "sum(")
	status, body := r.request(http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusInternalServerError, status)
	require.True(t, strings.HasPrefix(body, file+`:6: detector "shop": expr: `), body)
	require.Contains(t, r.log.String(), strings.ReplaceAll(strings.TrimSpace(body), `"`, `\"`), "the log says the same")
	require.Contains(t, r.get("/config"), "expr: up", "nothing has changed")
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_config_last_reload_successful 0\n")

	rewriteConfig(t, file, url, "down")
	status, body = r.request(http.MethodPut, "/-/reload")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, r.get("/config"), "expr: down")
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_config_last_reload_successful 1\n")

	rewriteConfig(t, file, url, "sideways")
	r.hup <- syscall.SIGHUP
	require.Eventually(t, func() bool {
		return strings.Contains(r.get("/config"), "expr: sideways")
	}, 5*time.Second, 10*time.Millisecond)
}

func TestReload_WhileStoppingDoesNotBlock(t *testing.T) {
	file := writeConfig(t, deaf(t), "up")
	r := start(t, testOptions(file))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _ = r.reloader.reload() })
	}
	require.NoError(t, r.stop())
	wg.Wait()
	r.reloader.close()
}

func TestRun_FailsWithTheReason(t *testing.T) {
	url := deaf(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	address := busy.Addr().String()

	for _, tc := range []struct {
		name   string
		change func(*runOptions)
		want   string
	}{
		{"no file", func(o *runOptions) { o.configFile = "none.yml" }, "open none.yml: no such file or directory"},
		{"bad expression", func(o *runOptions) { o.configFile = writeConfig(t, url, "sum(") }, `detector "shop": expr: `},
		{"busy port", func(o *runOptions) { o.listen.WebListenAddresses = &[]string{address} }, "address already in use"},
		{
			"no web configuration", func(o *runOptions) { o.listen.WebConfigFile = &[]string{"none.yml"}[0] },
			"open none.yml: no such file or directory",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := testOptions(writeConfig(t, url, "up"))
			tc.change(&o)
			require.ErrorContains(t, run(t.Context(), o, testQueries(), nil, log.NewNopLogger()), tc.want)
		})
	}
}

// syncBuffer is a bytes.Buffer that several goroutines may use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
