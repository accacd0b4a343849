package result_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const (
	ofDetectors = result.Scores | result.Onsets | result.Contributions | result.Expected | result.Forecasts |
		result.States | result.Models
	everything = ofDetectors | result.Recommendations | result.CPURequests | result.MemoryRequests
)

// text writes what a batch has of a family, a line each.
func text(b *result.Batch, f result.Family, dropped result.Selection) string {
	var lines []string
	b.Flatten(f, dropped, func(s result.Sample) bool {
		var pairs []string
		for _, l := range s.Labels.With(nil, s.Extra) {
			pairs = append(pairs, fmt.Sprintf("%s=%q", l.Name, l.Value))
		}
		lines = append(lines, fmt.Sprintf("%s{%s} %v", f.Name(), strings.Join(pairs, ","), s.Value))
		return true
	})
	return strings.Join(lines, "\n")
}

func newBatch(publish result.Selection, series ...result.Series) *result.Batch {
	return &result.Batch{
		Format: result.NewFormat(result.Format{
			Publish: publish, Horizons: []time.Duration{15 * time.Minute, 24 * time.Hour}, Probability: 0.9,
			ExplainThreshold: 0.6, Inputs: []result.Input{{}},
		}),
		Series: series,
	}
}

// observed is a history with one value at step 0.
func observed(v float64) history.View {
	layout, err := history.NewLayout(time.Minute, time.Hour, 0, history.Drop)
	if err != nil {
		panic(err)
	}
	s := history.New(layout)
	s.Append(0, v, false)
	return s.View()
}

// scored is a series that has everything a detector can say of one.
func scored(name string, score float64) result.Series {
	return result.Series{
		Labels: resultLabels("detector", "d", "n", name, "job", ""),
		Score: scorer.Score{
			Value: score, ReturnPeriod: 86400, Expected: 10, Lower: 8, Upper: 12,
			Contributions: []scorer.Contribution{{Feature: "level", Share: 0.75}, {Feature: "trend", Share: 0.25}},
		},
		History: []history.View{observed(7)},
		Onset:   score / 2,
		Forecast: &result.Forecast{
			Model: "arima",
			Points: []forecaster.Point{
				{Steps: 15, Median: 11, Lower: 9, Upper: 13, Max: 14}, {Steps: 1440, Median: 21, Lower: 19, Upper: 23, Max: 24},
			},
			Breaches: []result.Breach{
				{Bound: "lower", Value: 5, Probability: []float64{0, 0.125}, Seconds: math.NaN()},
				{Bound: "upper", Value: 20, Probability: []float64{0.25, 0.5}, Seconds: 3600},
			},
		},
	}
}

// without is a series that has a state instead.
func without(name, state, reason string) result.Series {
	return result.Series{
		Labels: resultLabels("detector", "d", "n", name), State: result.State{State: state, Reason: reason},
		Score: result.NoScore(), Onset: math.NaN(),
	}
}

func sized(name string) result.Series {
	return result.Series{
		Labels: resultLabels("scaler", "s", "n", name), Score: result.NoScore(), Onset: math.NaN(),
		Replicas: replicas.Recommendation{Replicas: 7, Source: "forecast"}, Request: 1.5,
	}
}

func TestFlatten_TurnsSeriesIntoSamplesOfEachFamily(t *testing.T) {
	unjoined, duplicate, onlyScore := scored("u", 0.5), without("x", "failed", "several_series"), scored("o", 0.5)
	unjoined.Unjoined, duplicate.Duplicate, onlyScore.Forecast = true, true, nil
	both := without("b", "muted", "mute")
	both.Unjoined = true
	unknown := sized("nan")
	unknown.State = result.State{State: "learning", Reason: "no_capacity"}
	for _, tc := range []struct {
		family  result.Family
		publish result.Selection
		series  []result.Series
		want    string
	}{
		{result.Score, result.Scores, []result.Series{scored("a", 0.5), without("b", "muted", "mute"), scored("c", 0)}, `
			anomaly_score{detector="d",job="",n="a"} 0.5
			anomaly_score{detector="d",job="",n="c"} 0`},
		{result.ReturnPeriod, result.Scores, []result.Series{scored("a", 0.5), without("b", "muted", "mute")}, `
			anomaly_return_period_seconds{detector="d",job="",n="a"} 86400`},
		{result.Observed, result.Expected, []result.Series{scored("a", 0.5), without("b", "muted", "mute")}, `
			anomaly_observed{detector="d",job="",n="a"} 7`},
		{result.Onset, result.Onsets, []result.Series{scored("a", 0.5), without("b", "muted", "mute")}, `
			anomaly_score_onset{detector="d",job="",n="a"} 0.25`},
		{result.Contribution, result.Contributions, []result.Series{
			scored("a", 0.5), scored("b", 0.6), without("c", "muted", "mute"),
		}, `
			anomaly_score_contribution{detector="d",feature="level",job="",n="b"} 0.75
			anomaly_score_contribution{detector="d",feature="trend",job="",n="b"} 0.25`},
		{result.Yhat, result.Expected | result.Forecasts, []result.Series{scored("a", 0.5), without("b", "muted", "mute")}, `
			forecast_yhat{detector="d",horizon="0s",job="",n="a"} 10
			forecast_yhat{detector="d",horizon="15m",job="",n="a"} 11
			forecast_yhat{detector="d",horizon="1d",job="",n="a"} 21`},
		{result.YhatLower, result.Expected | result.Forecasts, []result.Series{scored("a", 0.5)}, `
			forecast_yhat_lower{detector="d",horizon="0s",job="",n="a"} 8
			forecast_yhat_lower{detector="d",horizon="15m",job="",n="a"} 9
			forecast_yhat_lower{detector="d",horizon="1d",job="",n="a"} 19`},
		{result.YhatUpper, result.Expected | result.Forecasts, []result.Series{scored("a", 0.5)}, `
			forecast_yhat_upper{detector="d",horizon="0s",job="",n="a"} 12
			forecast_yhat_upper{detector="d",horizon="15m",job="",n="a"} 13
			forecast_yhat_upper{detector="d",horizon="1d",job="",n="a"} 23`},
		{result.Yhat, result.Expected, []result.Series{scored("a", 0.5), onlyScore}, `
			forecast_yhat{detector="d",horizon="0s",job="",n="a"} 10
			forecast_yhat{detector="d",horizon="0s",job="",n="o"} 10`},
		{result.Yhat, result.Forecasts, []result.Series{scored("a", 0.5), onlyScore}, `
			forecast_yhat{detector="d",horizon="15m",job="",n="a"} 11
			forecast_yhat{detector="d",horizon="1d",job="",n="a"} 21`},
		{result.Max, result.Forecasts, []result.Series{scored("a", 0.5), onlyScore}, `
			forecast_max{detector="d",horizon="15m",job="",n="a",probability="0.9"} 14
			forecast_max{detector="d",horizon="1d",job="",n="a",probability="0.9"} 24`},
		{result.BreachProbability, result.Forecasts, []result.Series{scored("a", 0.5), onlyScore}, `
			forecast_breach_probability{bound="lower",detector="d",horizon="15m",job="",n="a"} 0
			forecast_breach_probability{bound="lower",detector="d",horizon="1d",job="",n="a"} 0.125
			forecast_breach_probability{bound="upper",detector="d",horizon="15m",job="",n="a"} 0.25
			forecast_breach_probability{bound="upper",detector="d",horizon="1d",job="",n="a"} 0.5`},
		{result.TimeToBreach, result.Forecasts, []result.Series{scored("a", 0.5), onlyScore}, `
			forecast_time_to_breach_seconds{bound="upper",detector="d",job="",n="a"} 3600`},
		{result.BoundValue, result.Forecasts, []result.Series{scored("a", 0.5), onlyScore}, `
			forecast_bound{bound="lower",detector="d",job="",n="a"} 5
			forecast_bound{bound="upper",detector="d",job="",n="a"} 20`},
		{result.RecommendedReplicas, result.Recommendations, []result.Series{sized("a"), unknown}, `
			recommended_replicas{n="a",scaler="s"} 7`},
		{result.RecommendedReplicasSource, result.Recommendations, []result.Series{sized("a"), unknown}, `
			recommended_replicas_source{n="a",scaler="s",source="forecast"} 1`},
		{result.RecommendedCPUCores, result.CPURequests, []result.Series{sized("a"), unknown}, `
			recommended_cpu_cores{n="a",scaler="s"} 1.5`},
		{result.RecommendedMemoryBytes, result.MemoryRequests, []result.Series{sized("a"), unknown}, `
			recommended_memory_bytes{n="a",scaler="s"} 1.5`},
		{result.ModelState, result.States, []result.Series{
			scored("a", 0.5), without("b", "learning", "short_history"), unjoined, duplicate, both,
		}, `
			anomaly_model_state{detector="d",n="b",reason="short_history",state="learning"} 1
			anomaly_model_state{detector="d",job="",n="u",reason="no_common_label",state="failed"} 1
			anomaly_model_state{detector="d",n="b",reason="no_common_label",state="failed"} 1
			anomaly_model_state{detector="d",n="b",reason="mute",state="muted"} 1`},
		{result.ModelInfo, result.Models, []result.Series{scored("a", 0.5), onlyScore}, `
			anomaly_model_info{detector="d",job="",model="arima",n="a"} 1`},
	} {
		t.Run(fmt.Sprint(tc.family.Name(), tc.publish), func(t *testing.T) {
			want := strings.ReplaceAll(strings.TrimSpace(tc.want), "\t", "")
			require.Equal(t, want, text(newBatch(tc.publish, tc.series...), tc.family, 0))
			require.Empty(t, text(newBatch(tc.publish, tc.series...), tc.family, tc.publish), "dropped")
			others := everything &^ tc.publish
			if strings.HasPrefix(tc.family.Name(), "forecast_yhat") {
				others &^= result.Expected | result.Forecasts
			}
			require.Empty(t, text(newBatch(others, tc.series...), tc.family, 0), "not published")
		})
	}
}

func TestFlatten_KeepsForecastsAndWhatIsExpectedApart(t *testing.T) {
	b := newBatch(everything, scored("a", 0.5))
	require.Equal(t, `forecast_yhat{detector="d",horizon="0s",job="",n="a"} 10`, text(b, result.Yhat, result.Forecasts))
	require.NotContains(t, text(b, result.Yhat, result.Expected), `horizon="0s"`)
	require.Empty(t, text(b, result.Max, result.Forecasts))
	require.NotEmpty(t, text(b, result.Max, result.Expected))
}

// What was observed is told beside a score, and not of several inputs, which have units of their own.
func TestFlatten_TellsWhatWasScored(t *testing.T) {
	b := newBatch(result.Expected, scored("a", 0.5))
	require.NotEmpty(t, text(b, result.Observed, 0))
	b.Format.Inputs = []result.Input{{Name: "x"}, {Name: "y"}}
	require.Empty(t, text(b, result.Observed, 0))

	unscored := scored("a", math.NaN())
	require.Empty(t, text(newBatch(result.Expected, unscored), result.Observed, 0))
}

func TestFlatten_StopsWhenItIsToldTo(t *testing.T) {
	b := newBatch(everything, scored("a", 0.7), scored("b", 0.7), sized("c"))
	for f := range result.NumFamilies {
		for stop := 1; stop < 20; stop++ {
			n := 0
			b.Flatten(f, 0, func(result.Sample) bool { n++; return n < stop })
			require.LessOrEqual(t, n, stop, f.Name())
		}
	}
}

// A renderer writes the labels of a series once, and uses them for all of its samples.
func TestFlatten_SaysWhichSeriesASampleIsOf(t *testing.T) {
	b := newBatch(everything, scored("a", 0.7), without("b", "muted", "mute"), sized("c"))
	for f := range result.NumFamilies {
		b.Flatten(f, 0, func(s result.Sample) bool {
			require.Same(t, &b.Series[s.Series].Labels[0], &s.Labels[0], f.Name())
			return true
		})
	}
}

func TestBatch_LenIsTheNumberOfSamples(t *testing.T) {
	unjoined := scored("u", 0.9)
	unjoined.Unjoined = true
	b := newBatch(everything, scored("a", 0.5), scored("b", 0.7), unjoined, without("c", "muted", "mute"), sized("d"))
	for _, dropped := range []result.Selection{
		0, result.Scores, result.Contributions, result.Forecasts, result.Expected, result.Expected | result.Forecasts,
		everything,
	} {
		n := 0
		for f := range result.NumFamilies {
			if lines := text(b, f, dropped); lines != "" {
				n += 1 + strings.Count(lines, "\n")
			}
		}
		require.Equal(t, n, b.Len(dropped))
		require.Equal(t, dropped == everything, n == 0)
	}
}

func TestFamilies_HaveDistinctNamesAndHelp(t *testing.T) {
	seen := map[string]bool{}
	for f := range result.NumFamilies {
		require.Regexp(t, `^(anomaly|forecast|recommended)_[a-z_]+$`, f.Name())
		require.NotEmpty(t, f.Help())
		require.NotContains(t, f.Help(), "\n")
		require.False(t, seen[f.Name()])
		seen[f.Name()] = true
	}
}
