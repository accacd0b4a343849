package remediation_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

var update = flag.Bool("update", false, "write the golden files, which test/kubernetes reads, too")

// alert is what a rule gives to an alert.
type alert struct {
	Labels      map[string]string `json:"labels"      yaml:"exp_labels"`
	Annotations map[string]string `json:"annotations" yaml:"exp_annotations"`
}

// alertsOf returns the alerts of a name that promtool has seen our rules fire.
func alertsOf(t *testing.T, file, name string) (all []alert) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../rules", file))
	require.NoError(t, err)
	var f struct {
		Tests []struct {
			Cases []struct {
				Name   string  `yaml:"alertname"`
				Alerts []alert `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(text, &f))
	for _, test := range f.Tests {
		for _, c := range test.Cases {
			for _, a := range c.Alerts {
				if c.Name == name {
					a.Labels["alertname"] = name
					all = append(all, a)
				}
			}
		}
	}
	return all
}

// What a real Alertmanager, configured as alertmanager.yml says, makes of the alerts of our rules: one notification for
// each, with the token, and none of other alerts. The test of the sensor in test/kubernetes starts from the golden
// files.
func TestAlertmanager_PostsOnePodAtATime(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a real Alertmanager")
	}
	type post struct{ authorization, body string }
	posts := make(chan post, 10)
	inbox := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- post{r.Header.Get("Authorization"), string(body)}
	}))
	defer inbox.Close()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("secret"), 0o600))
	text, err := os.ReadFile("alertmanager.yml")
	require.NoError(t, err)
	config := strings.NewReplacer(
		"http://alertmanager-eventsource-svc.remediation.svc:12000", inbox.URL,
		"/etc/alertmanager/secrets/remediation/token", token, "group_wait: 1m", "group_wait: 1s",
	).Replace(string(text))
	am, err := servers.StartAlertmanager(t.Context(), servers.AlertmanagerOptions{Config: config})
	require.NoError(t, err)
	defer func() { require.NoError(t, am.Stop()) }()

	wanted := map[string][]alert{
		"TimeToLimit":              alertsOf(t, "breaches_test.yml", "TimeToLimit")[:1],
		"PredictivePodInstability": alertsOf(t, "anomalies_test.yml", "PredictivePodInstability")[:1],
	}
	all := alertsOf(t, "anomalies_test.yml", "AnomalyDetectedHighScore")
	require.NotEmpty(t, all)
	for _, alerts := range wanted {
		all = append(all, alerts...)
	}
	body, err := json.Marshal(all)
	require.NoError(t, err)
	resp, err := http.Post(am.URL()+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)

	for range wanted {
		var got post
		select {
		case got = <-posts:
		case <-time.After(30 * time.Second):
			t.Fatal("no notification")
		}
		require.Equal(t, "Bearer secret", got.authorization)
		var note map[string]any
		require.NoError(t, json.Unmarshal([]byte(got.body), &note))
		require.Len(t, note["alerts"], 1)
		of := note["alerts"].([]any)[0].(map[string]any)
		name := of["labels"].(map[string]any)["alertname"].(string)
		require.Equal(t, wanted[name][0].Annotations["pod"], of["annotations"].(map[string]any)["pod"])
		// What differs from run to run.
		of["startsAt"], note["externalURL"] = "2026-03-09T12:00:00Z", "http://alertmanager:9093"
		text, err := json.MarshalIndent(note, "", "  ")
		require.NoError(t, err)
		golden := filepath.Join("testdata", name+".json")
		if *update {
			require.NoError(t, os.WriteFile(golden, append(text, '\n'), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(text))
	}
	select {
	case got := <-posts:
		t.Fatal("one more: " + got.body)
	case <-time.After(2 * time.Second):
	}
}
