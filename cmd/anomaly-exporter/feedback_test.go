package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

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

func TestFeedback_IsNotThereWithoutTheFlag(t *testing.T) {
	r := start(t, testOptions(writeConfig(t, deaf(t), "up")))
	require.NotContains(t, r.get("/metrics"), "feedback")
}
