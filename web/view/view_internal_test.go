package view

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestView_IdentityLeavesOutWhatTheConfigurationAdds(t *testing.T) {
	cfg := &config.Config{Detectors: []config.Detector{
		{Name: "other", Labels: map[string]string{"pod": "x"}},
		{Name: "load", Labels: map[string]string{"team": "x", "namespace": "renamed"}},
	}}
	v := &View{o: Options{Config: func() *config.Config { return cfg }}}
	s := &Series{
		Labels: map[string]string{"detector": "load", "pod": "a", "team": "x", "namespace": "renamed"},
		batch:  &result.Batch{Source: result.Source{Name: "load"}},
		series: &result.Series{Input: labels.FromStrings("pod", "a", "namespace", "shop")},
	}
	require.Equal(t, `{detector="load", namespace="renamed", pod="a"}`, v.Identity(s).String(),
		"a label that the series has tells it apart, whatever its value has become")
}

func TestSeries_SelectorFindsItself(t *testing.T) {
	s := Series{Labels: map[string]string{"job": `a"b\c`, "my.label": "x\ny", "detector": "d"}}
	selectors, err := ParseSelectors([]string{s.Selector()})
	require.NoError(t, err)
	require.Len(t, selectors[0], 3)
	for _, m := range selectors[0] {
		require.True(t, m.Matches(s.Labels[m.Name]), m)
	}
}
