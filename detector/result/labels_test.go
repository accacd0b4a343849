package result_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// resultLabels returns the labels of a result from name and value in turn, ascending by name.
func resultLabels(pairs ...string) result.Labels {
	l := result.Labels{}
	for i := 0; i < len(pairs); i += 2 {
		l = append(l, labels.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	slices.SortFunc(l, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
	return l
}

func TestLabeler_MakesTheLabelsOfResults(t *testing.T) {
	for _, tc := range []struct {
		name    string
		labeler result.Labeler
		input   labels.Labels
		want    result.Labels
	}{
		{
			"the name of the metric is kept as metric_name",
			result.Labeler{},
			labels.FromStrings("__name__", "up", "job", "x"), resultLabels("job", "x", "metric_name", "up"),
		},
		{
			"an expression names the metric of a series without a name",
			result.Labeler{MetricName: "requests_total"},
			labels.FromStrings("job", "x"), resultLabels("job", "x", "metric_name", "requests_total"),
		},
		{
			"the series knows its name better",
			result.Labeler{MetricName: "requests_total"},
			labels.FromStrings("__name__", "up"), resultLabels("metric_name", "up"),
		},
		{"no name at all", result.Labeler{}, labels.FromStrings("job", "x"), resultLabels("job", "x")},
		{
			"none is wanted",
			result.Labeler{NoName: true, MetricName: "up"},
			labels.FromStrings("__name__", "up", "job", "x"), resultLabels("job", "x"),
		},
		{
			"added labels win",
			result.Labeler{Add: map[string]string{"team": "a", "detector": "d"}},
			labels.FromStrings("team", "b"), resultLabels("detector", "d", "team", "a"),
		},
		{
			"an added label may be empty",
			result.Labeler{Add: map[string]string{"team": ""}},
			labels.FromStrings("team", "b"), resultLabels("team", ""),
		},
		{
			"empty labels only where they are missing",
			result.Labeler{Empty: []string{"job", "instance", "team"}, Add: map[string]string{"team": "a"}},
			labels.FromStrings("job", "x"), resultLabels("instance", "", "job", "x", "team", "a"),
		},
		{
			"reserved names are exported",
			result.Labeler{Add: map[string]string{"detector": "d"}},
			labels.FromStrings("detector", "theirs", "horizon", "1h", "source", "s"),
			resultLabels("detector", "d", "exported_detector", "theirs", "exported_horizon", "1h", "exported_source", "s"),
		},
		{
			"and again if that is taken",
			result.Labeler{},
			labels.FromStrings("model", "1", "exported_model", "2", "exported_exported_model", "3"),
			resultLabels("exported_model", "2", "exported_exported_model", "3", "exported_exported_exported_model", "1"),
		},
		{
			"a label metric_name of the series is not the name",
			result.Labeler{},
			labels.FromStrings("__name__", "up", "metric_name", "theirs"),
			resultLabels("metric_name", "up", "exported_metric_name", "theirs"),
		},
		{
			"only those that are kept",
			result.Labeler{Keep: []string{"service", "state"}, Add: map[string]string{"scaler": "s"}},
			labels.FromStrings("__name__", "load", "service", "cart", "pod", "x", "state", "up"),
			resultLabels("exported_state", "up", "scaler", "s", "service", "cart"),
		},
		{
			"none are kept",
			result.Labeler{Keep: []string{}, Add: map[string]string{"scaler": "s"}},
			labels.FromStrings("pod", "x"), resultLabels("scaler", "s"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, tc.labeler.Labels(tc.input)) })
	}
}

func TestLabeler_ExportsAllReservedNames(t *testing.T) {
	for _, name := range []string{
		"detector", "metric_name", "horizon", "probability", "bound", "feature", "state", "reason", "model", "scaler",
		"source",
	} {
		var l result.Labeler
		require.Equal(t, resultLabels("exported_"+name, "x"), l.Labels(labels.FromStrings(name, "x")))
	}
}

func TestLabels_WithKeepsTheNamesInOrder(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var all, own, more result.Labels
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			l := labels.Label{Name: name, Value: string(rune('0' + r.IntN(10)))}
			switch r.IntN(3) {
			case 0:
				own, all = append(own, l), append(all, l)
			case 1:
				more, all = append(more, l), append(all, l)
			}
		}
		before := slices.Clone(own)
		prefix := result.Labels{{Name: "z", Value: "before"}}
		merged := own.With(prefix, more)
		require.Equal(t, append(slices.Clone(prefix), all...), merged, "seed %d", seed)
		require.Equal(t, before, own, "untouched")
		for _, l := range all {
			require.Equal(t, l.Value, merged[1:].Get(l.Name))
		}
		require.Empty(t, merged[1:].Get("missing"))
	}
}

func TestLabels_WithDoesNotShareMemoryWithTheLabels(t *testing.T) {
	own := resultLabels("a", "1", "c", "3")
	spare := append(make(result.Labels, 0, 10), own...) // room behind it
	merged := spare.With(nil, resultLabels("b", "2"))
	other := spare.With(nil, resultLabels("b", "4"))
	require.Equal(t, resultLabels("a", "1", "b", "2", "c", "3"), merged)
	require.Equal(t, resultLabels("a", "1", "b", "4", "c", "3"), other)
}

func TestLabels_CompareByNamesAndValues(t *testing.T) {
	ascending := []result.Labels{
		{},
		resultLabels("a", ""), resultLabels("a", "1"), resultLabels("a", "1", "b", "1"), resultLabels("a", "2"),
		resultLabels("b", "1"),
	}
	for i, a := range ascending {
		for j, b := range ascending {
			switch c := a.Compare(b); {
			case i < j:
				require.Negative(t, c, "%v %v", a, b)
			case i > j:
				require.Positive(t, c, "%v %v", a, b)
			default:
				require.Zero(t, c)
			}
		}
	}
}

func TestLabels_WithoutLeavesOutEmptyAndNamedOnes(t *testing.T) {
	l := resultLabels("a", "1", "b", "", "c", "3", "d", "4")
	require.Equal(t, labels.FromStrings("a", "1", "d", "4"), l.Without("c", "x"))
	require.Equal(t, labels.FromStrings("a", "1", "c", "3", "d", "4"), l.Without())
}

func TestAppendEscaped_WritesWhatStandsBetweenQuotes(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "plain": "plain", `a"b`: `a\"b`, `a\b`: `a\\b`, "a\nb": `a\nb`, "größer": "größer", "a\xffb": "a\ufffdb",
		"\u2028\t": "\u2028\t",
	} {
		require.Equal(t, "x"+want, string(result.AppendEscaped([]byte("x"), s)))
	}
}

func TestDuration_IsInTheLargestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Hour: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 15 * time.Second: "15s",
	} {
		require.Equal(t, want, result.Duration(d))
	}
}
