// Package meaning says what the states, the reasons and the models of series mean, and what to do. docs/metrics.md and
// docs/models.md have the same tables; a test compares them.
package meaning

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// Scored is what series with a score or a recommendation are listed under; others under their state.
const Scored = "scored"

// A Row says what names in labels mean.
type Row struct {
	Names  []string
	States []string // of a reason: those that it comes with
	Means  string
	Do     string
}

// States returns what the states mean.
func States() []Row {
	return []Row{
		{[]string{Scored}, nil, "it has a score or a recommendation", "nothing"},
		{
			[]string{result.Learning},
			nil, "it is too young, or not fitted yet",
			"wait: the page of the series and the command series say when",
		},
		{[]string{result.Failed}, nil, "it has a history, but no score can be computed", "look at the reason"},
		{[]string{result.Muted}, nil, "its mute expression has a value", "nothing"},
		{[]string{result.Stale}, nil, "Prometheus could not be read for too long", "see the log"},
	}
}

// Reasons returns what the reasons mean.
func Reasons() []Row {
	learning, failed := []string{result.Learning}, []string{result.Failed}
	return []Row{
		{
			[]string{result.ReasonShortHistory},
			learning, "its history is shorter than min_history, or too short for a model",
			"wait",
		},
		{
			[]string{result.ReasonNotFitted},
			learning, "its model is being fitted, as after every start",
			"wait: /-/ready tells how long",
		},
		{
			[]string{result.ReasonFewSiblings},
			learning, "fewer than three members of its pool have a value",
			"wait for min_history of its own",
		},
		{
			[]string{result.ReasonNoCapacity},
			learning, "the capacity of a replica has not been learned yet",
			"wait, or set capacity_per_replica",
		},
		{
			[]string{result.ReasonMissing},
			[]string{result.Learning, result.Failed},
			"one of its inputs has no value now", "compare the labels of the inputs",
		},
		{
			[]string{"gaps"},
			failed, "its history is mostly gaps, or the newest value is not a number",
			"look at the expression in Prometheus",
		},
		{
			[]string{"constant"},
			failed, "its history is constant, which this model cannot score",
			"use scorer.model seasonal",
		},
		{
			[]string{result.ReasonSeveral},
			failed, "several series have the same labels where one is expected",
			"aggregate them",
		},
		{[]string{result.ReasonNoCommon}, failed, "a bound, mask or mute shares no label with it", "set `on`"},
		{
			[]string{result.ReasonHistogram},
			failed, "the expression returns native histograms",
			"use histogram_quantile or histogram_count",
		},
		{
			[]string{result.ReasonResolution},
			failed, "its values are too large to show their changes",
			"subtract a constant in the expression",
		},
		{
			[]string{result.ReasonNoData},
			[]string{result.Failed, result.Stale},
			"there is no value now", "look at the expression in Prometheus",
		},
		{[]string{result.ReasonFitError}, failed, "fitting failed", "see the log, and report it"},
		{[]string{result.ReasonMute}, []string{result.Muted}, "the mute expression has a value", "nothing to do"},
	}
}

// Models returns what the names of forecast models mean. With auto, a name is that of the leading forecast.
func Models() []Row {
	const (
		shapeless = "its daily shape does not help: the interval says how far to trust it"
		grows     = "set bounds, to know when it crosses them"
		days      = "nothing: its days are alike"
	)
	return []Row{
		{[]string{"last_value"}, nil, "the last value", shapeless},
		{[]string{"autoregression"}, nil, "the last value, and what its last changes make likely", shapeless},
		{[]string{"level_fast", "level_middle", "level_slow"}, nil, "the mean of the last minutes or hours", shapeless},
		{[]string{"median_short", "median_long"}, nil, "the median of the last half hour or two hours", shapeless},
		{
			[]string{"day_mean", "day_median", "week_mean", "week_median"},
			nil,
			"the mean or the median of the last day or week", shapeless,
		},
		{[]string{"steady_line"}, nil, "the last value, and the median slope of the last day", grows},
		{[]string{"trend_hours", "trend_day"}, nil, "the level, and the trend of the last hours or from day to day", grows},
		{
			[]string{"yesterday", "yesterday_drift", "yesterday_fading_8h", "yesterday_fading_48h"},
			nil,
			"what was a day before; moved by the change from day to day, or by how far today is from it, which fades in hours",
			days,
		},
		{
			[]string{
				"day_profile", "day_profile_shifted", "day_profile_scaled", "day_profile_autoregression",
				"day_profile_fading_8h", "day_profile_fading_48h",
			},
			nil, "the mean day; moved or multiplied by how far today is from it", days,
		},
		{
			[]string{"usual_day", "usual_day_now", "usual_day_shifted", "usual_day_scaled", "usual_day_fading_8h"},
			nil,
			"the median of seven days at that time; moved or multiplied by how far today is from it", days,
		},
		{
			[]string{
				"last_week", "last_week_drift", "last_week_scaled", "last_week_fading_48h", "week_profile",
				"week_profile_fading_8h",
			},
			nil, "what was a week before, or the mean week; moved or multiplied by how far today is from it",
			"keep two weeks of history or more: its weekdays differ",
		},
		{
			[]string{"counts"},
			nil, "how likely events are, and how large",
			"look at forecast_max and breach probabilities: the median of rare events is 0",
		},
		{[]string{"constant"}, nil, "the only value of the history", "is it the series that you meant?"},
		{
			[]string{"seasonal_naive", "drift", "mean", "ses", "holt", "holt_winters", "theta", "arima", "fourier"},
			nil,
			"the model that forecaster.model names; behind a slash, the transform under which it was fitted",
			"use auto, unless a forecast has to be easy to explain",
		},
	}
}

// Of returns the row of a name; ok is false if there is none.
func Of(rows []Row, name string) (r Row, ok bool) {
	i := slices.IndexFunc(rows, func(r Row) bool { return slices.Contains(r.Names, name) })
	if i < 0 {
		return Row{}, false
	}
	return rows[i], true
}
