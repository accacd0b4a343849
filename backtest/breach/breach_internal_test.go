package breach

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

func TestLimits_HaveTheNumbersOfTheRules(t *testing.T) {
	b, err := os.ReadFile("../../rules/breaches.yml")
	require.NoError(t, err)
	rules := string(b)
	require.Contains(t, rules, "expr: vector(4 * 3600)\n")
	require.Equal(t, 4*time.Hour, soon)
	_, timeToLimit, _ := strings.Cut(rules, "- alert: TimeToLimit\n")
	timeToLimit, imminent, _ := strings.Cut(timeToLimit, "- alert: LimitBreachImminent\n")
	require.Contains(t, timeToLimit, "  for: 10m\n        keep_firing_for: 15m\n")
	require.Equal(t, 10*time.Minute, soonFor)
	require.Contains(t, imminent, "expr: workload:breach_probability:max >= 0.8\n")
	require.Contains(t, imminent, "  for: 5m\n        keep_firing_for: 15m\n")
	require.InDelta(t, 0.8, likely, 0)
	require.Equal(t, 15*time.Minute, feedback.KeepFiring)
	require.Equal(t, 5*time.Minute, feedback.HoldFor)
}

// Pods of one workload are one alert, which is about the one that crosses first, and a short pause does not end it.
func TestLimits_FireAsTheRulesDo(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name   string
		step   time.Duration
		hours  func(step int) float64 // until the second pod crosses
		likely func(step int) float64
		want   []int // steps at which it fires
	}{
		{"never", time.Minute, func(int) float64 { return nan }, func(int) float64 { return 0.1 }, nil},
		{"later than in four hours", time.Minute, func(int) float64 { return 4.1 }, func(int) float64 { return 0 }, nil},
		{"soon, for ten minutes", time.Minute, func(i int) float64 {
			if i >= 20 && i < 30 {
				return 3
			}
			return nan
		}, func(int) float64 { return 0 }, nil},
		{"soon, for longer", time.Minute, func(i int) float64 {
			if i >= 20 && i < 40 || i >= 50 && i < 60 || i >= 90 {
				return 3
			}
			return nan
		}, func(int) float64 { return 0 }, []int{30, 100}},
		{"likely within the shortest horizon", time.Minute, func(int) float64 { return nan }, func(i int) float64 {
			if i >= 20 {
				return 0.8
			}
			return 0.79
		}, []int{25}},
		{"with long steps", 5 * time.Minute, func(i int) float64 {
			if i >= 10 {
				return 3
			}
			return nan
		}, func(int) float64 { return 0 }, []int{12}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l Limits
			step := tc.step.Milliseconds()
			for i := range 120 {
				l.Add("api", labels.FromStrings("pod", "a"), result.Breach{
					Bound: "upper", Seconds: 20 * 3600, Probability: []float64{0, 1},
				})
				l.Add("api", labels.FromStrings("pod", "b"), result.Breach{
					Bound: "upper", Seconds: tc.hours(i) * 3600, Probability: []float64{tc.likely(i), 1},
				})
				l.Add("db", labels.FromStrings("pod", "c"), result.Breach{
					Bound: "upper", Seconds: math.NaN(), Probability: []float64{0, 1},
				})
				l.End(int64(i+1000)*step, step)
			}
			var fired []int
			for _, a := range l.Alerts {
				i := int(a.Start/step) - 1000
				fired = append(fired, i)
				require.Equal(t, "upper", a.Bound)
				if !math.IsNaN(tc.hours(i)) {
					require.Equal(t, "b", a.Labels.Get("pod"))
				}
			}
			require.Equal(t, tc.want, fired)
			if len(l.Alerts) > 1 {
				require.EqualValues(t, 1000+60+15+1, l.Alerts[0].End/step, "it keeps firing for 15 minutes")
			}
		})
	}
}
