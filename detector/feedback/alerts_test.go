package feedback_test

import (
	"math"
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

// The alerts that are counted are those of a small fleet: its bar is the lowest that the rules have, which is that of
// the high score.
func TestRule_IsTheOneThatIsShipped(t *testing.T) {
	type rule struct {
		Record        string         `yaml:"record"`
		Alert         string         `yaml:"alert"`
		Expr          string         `yaml:"expr"`
		For           model.Duration `yaml:"for"`
		KeepFiringFor model.Duration `yaml:"keep_firing_for"`
	}
	load := func(name string) (all []rule) {
		text, err := os.ReadFile("../../rules/" + name)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(text, &file))
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
		return all
	}
	alerts := 0
	for _, r := range load("anomalies.yml") {
		if r.Alert == "AnomalyDetectedHighScore" {
			alerts++
			require.Contains(t, r.Expr, "anomaly:return_period_bar:seconds")
			require.Equal(t, feedback.HoldFor, time.Duration(r.For))
			require.Equal(t, feedback.KeepFiring, time.Duration(r.KeepFiringFor))
		}
	}
	require.Equal(t, 2, alerts)
	lowest := regexp.MustCompile(`^clamp_min\(.*, (\S+)\)$`)
	for _, r := range load("recording.yml") {
		if r.Record == "anomaly:return_period_bar:seconds" {
			seconds, err := strconv.ParseFloat(lowest.FindStringSubmatch(r.Expr)[1], 64)
			require.NoError(t, err)
			require.InEpsilon(t, 300*math.Pow(10, 5*feedback.HighScore), seconds, 1e-9, "return period of the high score")
			return
		}
	}
	require.Fail(t, "no bar in recording.yml")
}
