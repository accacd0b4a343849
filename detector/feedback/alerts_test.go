package feedback_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

// What the rule does is seen from rules/anomalies.yml: for 5m, keep_firing_for 15m, evaluated as soon as a score is
// published.
func TestAlertState_FiresAsTheRuleDoes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		step  time.Duration
		high  string // x where the score is at or over the threshold
		fires string // x where the alert begins to fire
	}{
		{"one step of 5m is not enough", 5 * time.Minute, "..x....x.", "........."},
		{"two are", 5 * time.Minute, "..xx.", "...x."},
		{"a run fires once", 5 * time.Minute, "..xxxxxxx", "...x....."},
		{"pauses of 15m are none", 5 * time.Minute, ".xx...x...xx", "..x........."},
		{"but longer ones are", 5 * time.Minute, ".xx....x...xx", "..x.........x"},
		{"at 1m it takes six", time.Minute, "xxxxx.xxxxxx", "...........x"},
		{"at 2m three", 2 * time.Minute, "xx.xxx", ".....x"},
		{"at 1h each step is long enough", time.Hour, ".x.x.xx..", ".x.x.x..."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a feedback.AlertState
			fires := ""
			for i, c := range tc.high {
				mark := "."
				if c == 'x' && a.High(int64(1000+i)*tc.step.Milliseconds(), tc.step.Milliseconds()) {
					mark = "x"
				}
				fires += mark
			}
			require.Equal(t, tc.fires, fires)
		})
	}
}

func TestAlertState_RemembersWhenTheScoreBecameHigh(t *testing.T) {
	const step = 60_000
	var a feedback.AlertState
	for i := int64(1000); i < 1006; i++ {
		require.Equal(t, i == 1005, a.High(i*step, step))
		require.Equal(t, int64(1000*step), a.Since)
	}
	require.False(t, a.High(1020*step, step), "it fires on")
	require.Equal(t, int64(1000*step), a.Since)
	require.False(t, a.High(1037*step, step))
	require.Equal(t, int64(1037*step), a.Since, "a new run")
}

func TestRule_IsTheOneThatIsShipped(t *testing.T) {
	text, err := os.ReadFile("../../rules/anomalies.yml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert         string         `yaml:"alert"`
				Expr          string         `yaml:"expr"`
				For           model.Duration `yaml:"for"`
				KeepFiringFor model.Duration `yaml:"keep_firing_for"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	thresholds := map[string]bool{}
	threshold := regexp.MustCompile(`predicted_anomaly_score:max >= (\S+)`)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "AnomalyDetectedHighScore" {
				thresholds[threshold.FindStringSubmatch(r.Expr)[1]] = true
				require.Equal(t, feedback.HoldFor, time.Duration(r.For))
				require.Equal(t, feedback.KeepFiring, time.Duration(r.KeepFiringFor))
			}
		}
	}
	least := strconv.FormatFloat(feedback.HighScore, 'g', -1, 64)
	require.Equal(t, map[string]bool{least: true, "0.9": true}, thresholds, "from the lower severity on")
}
