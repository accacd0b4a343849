package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// runMain is the environment variable that makes the test binary run the program.
const runMain = "LLM_CORRELATION_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

// good is a diagnosis as the model writes it.
const good = `{"summary": "The api is slow.", "likely_cause": "Its cache misses since a roll-out.",
	"confidence": "medium", "evidence": ["cache_hit_ratio fell from 0.93 to 0.70"],
	"next_commands": [{"command": "kubectl -n shop rollout history deployment/api", "why": "What was rolled out."}]}`

// answer is an answer of the Messages API.
func answer(stop, text string) string {
	b, _ := json.Marshal(map[string]any{
		"id": "msg_1", "type": "message", "role": "assistant", "model": "test-model", "stop_reason": stop,
		"stop_details": map[string]any{"type": "refusal", "category": "cyber"},
		"content":      []any{map[string]any{"type": "text", "text": text}},
		"usage":        map[string]any{"input_tokens": 100, "output_tokens": 20},
	})
	return string(b)
}

// world is everything around the receiver: stand-ins of the exporter, of the model's API and of Slack.
type world struct {
	exporter, api, slack *httptest.Server

	context   func(http.ResponseWriter, *http.Request)
	complete  func(http.ResponseWriter, *http.Request)
	post      func(http.ResponseWriter, *http.Request)
	asked     atomic.Int64 // requests to the model
	mu        sync.Mutex
	prompts   []string
	posted    []string // accepted messages
	selectors []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	text, err := os.ReadFile("testdata/context.json")
	require.NoError(t, err)
	w := &world{}
	w.context = func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(text) }
	w.complete = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, answer("end_turn", good))
	}
	w.post = func(http.ResponseWriter, *http.Request) {}
	w.exporter = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.selectors = append(w.selectors, r.URL.Query().Get("match[]"))
		w.mu.Unlock()
		if r.URL.Path != "/anomaly/api/v1/context" {
			http.NotFound(rw, r)
			return
		}
		w.context(rw, r)
	}))
	w.api = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.asked.Add(1)
		w.mu.Lock()
		w.prompts = append(w.prompts, string(body))
		w.mu.Unlock()
		if r.URL.Path != "/v1/messages" || !strings.Contains(fmt.Sprint(r.Header), "open-sesame") {
			http.Error(rw, `{"type": "error", "error": {"type": "authentication_error"}}`, http.StatusUnauthorized)
			return
		}
		w.complete(rw, r)
	}))
	w.slack = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status := &recorder{ResponseWriter: rw, status: http.StatusOK}
		w.post(status, r)
		if status.status == http.StatusOK {
			w.mu.Lock()
			w.posted = append(w.posted, string(body))
			w.mu.Unlock()
		}
	}))
	for _, s := range []*httptest.Server{w.exporter, w.api, w.slack} {
		t.Cleanup(func() {
			s.CloseClientConnections()
			s.Close()
		})
	}
	return w
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (w *world) messages() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.posted...)
}

func (w *world) lastPrompt() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.prompts[len(w.prompts)-1]
}

// read returns what the model got to read last.
func (w *world) read(t *testing.T) string {
	t.Helper()
	var request struct {
		Messages []struct{ Content []struct{ Text string } }
	}
	require.NoError(t, json.Unmarshal([]byte(w.lastPrompt()), &request))
	return request.Messages[0].Content[0].Text
}

// secretPath is the secret part of the webhook's URL.
const secretPath = "/services/T000/B000/very-secret"

func (w *world) options(t *testing.T) options {
	t.Helper()
	u, err := url.Parse(w.exporter.URL + "/anomaly")
	require.NoError(t, err)
	return options{
		listen: &toolkit.FlagConfig{
			WebListenAddresses: &[]string{"127.0.0.1:0"}, WebSystemdSocket: new(bool), WebConfigFile: new(string),
		},
		exporter: u, matchLabels: []string{"cluster", "namespace"}, model: "test-model", baseURL: w.api.URL,
		maxTokens: 8192, timeout: 10 * time.Second, perHour: 100, maxBytes: 60_000, redactLabels: defaultDeny,
		maxAge: 25 * time.Hour, apiKey: "open-sesame", webhookURL: w.slack.URL + secretPath,
	}
}

// program is the program, running within the test.
type program struct {
	t    *testing.T
	url  string
	log  *syncBuffer
	stop func() error
}

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

func start(t *testing.T, o options) *program {
	t.Helper()
	p := &program{t: t, log: &syncBuffer{}}
	addresses := make(chan net.Addr, 1)
	o.listening = addresses
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx, o, slog.New(slog.NewTextHandler(p.log, nil))) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		require.NoError(t, p.stop())
		require.NotContains(t, p.log.String(), "open-sesame")
		require.NotContains(t, p.log.String(), "very-secret")
	})
	select {
	case a := <-addresses:
		p.url = "http://" + a.String()
	case err := <-done:
		done <- err
		require.NoError(t, err)
	}
	return p
}

// firing is a notification of a group.
func firing(group string, labels map[string]string) []byte { return notify("firing", group, labels) }

func notify(status, group string, labels map[string]string) []byte {
	of := map[string]string{"namespace": "shop", "job": "api"}
	maps.Copy(of, labels)
	b, _ := json.Marshal(map[string]any{
		"version": "4", "groupKey": group, "status": status, "receiver": "diagnosis",
		"groupLabels": of, "commonLabels": of, "externalURL": "http://alertmanager:9093",
		"alerts": []any{map[string]any{
			"status": status, "labels": of, "annotations": map[string]string{"summary": "latency of api is unusual"},
			"startsAt": "2026-11-29T01:44:00Z", "generatorURL": "http://prometheus:9090/graph", "fingerprint": "abc",
		}},
	})
	return b
}

// send posts a notification and returns the status.
func (p *program) send(body []byte) int {
	p.t.Helper()
	resp, err := http.Post(p.url+"/alerts", "application/json", bytes.NewReader(body))
	require.NoError(p.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.NotContains(p.t, string(text), "very-secret")
	return resp.StatusCode
}

func (p *program) metrics() string {
	p.t.Helper()
	resp, err := http.Get(p.url + "/metrics")
	require.NoError(p.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return string(text)
}
