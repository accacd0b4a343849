package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/stretchr/testify/require"
)

// confirmed is a line of a feedback file.
const confirmed = `- {series: '{pod="a"}', from: 2026-03-08T12:00:00Z, to: 2026-03-08T13:00:00Z, verdict: confirmed}
`

// withFeedback returns options with a feedback file of some content; "": there is no file yet.
func withFeedback(t *testing.T, content string) runOptions {
	t.Helper()
	o := testOptions(writeConfig(t, deaf(t), "up"))
	o.feedbackFile = filepath.Join(t.TempDir(), "feedback.yml")
	if content != "" {
		require.NoError(t, os.WriteFile(o.feedbackFile, []byte(content), 0o600))
	}
	return o
}

func TestFeedback_IsReadAtStartAndAtReload(t *testing.T) {
	o := withFeedback(t, confirmed+confirmed[:40])
	r := start(t, o)
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_feedback_verdicts{verdict=\"confirmed\"} 1\n")
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_feedback_invalid_lines 1\n", "a torn line")
	require.Contains(t, r.log.String(), `feedback.yml line=2 err=`)

	require.NoError(t, os.WriteFile(o.feedbackFile, nil, 0o600))
	status, body := r.request(http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_feedback_verdicts{verdict=\"confirmed\"} 0\n")

	require.NoError(t, os.Remove(o.feedbackFile))
	require.NoError(t, os.Mkdir(o.feedbackFile, 0o700))
	status, body = r.request(http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, body, "feedback file: read "+o.feedbackFile+": is a directory")
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_feedback_last_reload_successful 0\n")
	require.Contains(t, r.get("/metrics"), "\nanomaly_exporter_config_last_reload_successful 0\n")
}

func TestFeedback_DoesNotStartWithAFileThatCannotBeRead(t *testing.T) {
	o := withFeedback(t, "")
	require.NoError(t, os.Mkdir(o.feedbackFile, 0o700))
	require.ErrorContains(t, run(t.Context(), o, testQueries(), nil, log.NewNopLogger()), "is a directory")
}

// A process that is killed, as by kill -9, keeps what it has answered with 200.
func TestFeedback_SurvivesKill9(t *testing.T) {
	dir := t.TempDir()
	config := writeConfig(t, deaf(t), "up")
	file := filepath.Join(dir, "feedback.yml")
	var acknowledged atomic.Int64
	for range 3 {
		cmd := command(t, dir, "--config.file="+config, "--web.listen-address=127.0.0.1:0", "--feedback.file="+file,
			"--web.allow-anonymous-feedback")
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		url := ""
		for lines := bufio.NewScanner(stderr); url == "" && lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				url = "http://" + m[1] + "/api/v1/feedback"
			}
		}
		go func() { _, _ = io.Copy(io.Discard, stderr) }()
		require.NotEmpty(t, url)
		before := acknowledged.Load()
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for {
					body := fmt.Sprintf(`{"series": "{n=\"%d\"}", "from": "0", "to": "1", "verdict": "confirmed"}`, rand.Uint64())
					resp, err := http.Post(url, "application/json", strings.NewReader(body))
					if err != nil {
						return // it is dead
					}
					_ = resp.Body.Close()
					if resp.StatusCode == http.StatusOK {
						acknowledged.Add(1)
					}
				}
			})
		}
		require.Eventually(t, func() bool { return acknowledged.Load() > before+5 }, 20*time.Second, time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		clients.Wait()
		// What a crash of the machine may leave.
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(confirmed[:50])
		require.NoError(t, errors.Join(err, f.Close()))
	}
	said, err := readFeedback(file, log.NewNopLogger())
	require.NoError(t, err)
	require.GreaterOrEqual(t, int64(len(said.All())), acknowledged.Load())
	require.Len(t, said.Invalid, 3, "those that were torn")
}

// listening matches the log line of exporter-toolkit with the address.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

func TestFeedback_IsNotThereWithoutTheFlag(t *testing.T) {
	r := start(t, testOptions(writeConfig(t, deaf(t), "up")))
	require.NotContains(t, r.get("/metrics"), "feedback")
}
