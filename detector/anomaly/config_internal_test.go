package anomaly

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/configwalk"
)

func loadConfig(t testing.TB, text string) *config.Config {
	t.Helper()
	cfg, err := config.Load([]byte("remote_read: [{url: http://localhost:9090/api/v1/read}]\n"+text), "test.yml")
	require.NoError(t, err)
	return cfg
}

func newTestPlan(t testing.TB, text string) *Plan {
	t.Helper()
	cfg := loadConfig(t, text)
	p, err := NewPlan(cfg, &cfg.Detectors[0])
	require.NoError(t, err)
	return p
}

const everyKey = `
detectors:
  - name: load
    expr: load
    step: 5m
    history: 7d
    forecaster: {horizons: [15m, 1h]}
    bounds: {lower: 5, upper: {expr: limit, on: [pod]}}
    mask: {expr: incident, on: [pod]}
    mute: {expr: rollout, on: [pod]}
    scorer: {weight: events}
    holidays: [01-01]
    data_range: [0, 1000]
    unit: requests
    labels: {team: a}
`

// A key that only results depend on has to be named here. Of all others a change drops the models.
func TestSpec_DependsOnEveryKeyButThoseThatOnlyConcernResults(t *testing.T) {
	ofResults := []string{"Labels", "SeriesLimit", "Mute", "Publish", "Unit"} // of Publish see below
	cfg := loadConfig(t, everyKey)
	base := cfg.Detectors[0]
	want := newSpec(&base, true, true)
	changed, unused := base, map[string]bool{}
	for _, field := range ofResults {
		unused[field] = true
	}
	n := 0
	configwalk.EachChange(t, &changed, func(path string) {
		n++
		delete(unused, strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' })[0])
		same := reflect.DeepEqual(want, newSpec(&changed, true, true))
		require.Equal(t, configwalk.Under(path, ofResults), same, path)
	})
	require.Greater(t, n, 35)
	require.Empty(t, unused)
	require.Equal(t, base, changed)
}

func TestSpec_DependsOnWhetherOnsetAndForecastsArePublished(t *testing.T) {
	spec := func(publish string) Spec {
		return newTestPlan(t, strings.Replace(everyKey, "step: 5m", "step: 5m\n    publish: ["+publish+"]", 1)).Spec
	}
	for _, tc := range []struct {
		one, other string
		same       bool
	}{
		{"score", "score, state, contribution, expected", true},
		{"onset", "onset, score, state", true},
		{"forecast", "model", true},
		{"forecast, onset", "model, onset, score", true},
		{"score", "onset", false},
		{"score", "forecast", false},
		{"score", "model", false},
		{"onset", "forecast", false},
		{"onset", "forecast, onset", false},
	} {
		require.Equal(t, tc.same, reflect.DeepEqual(spec(tc.one), spec(tc.other)), "%s and %s", tc.one, tc.other)
	}
}

func TestNewPlan_LooksBackForADayIfTheOnsetIsPublished(t *testing.T) {
	const text = "detectors: [{name: x, expr: load, step: 5m, history: 7d, refit_interval: 4h, publish: [%s]}]"
	with, without := newTestPlan(t, fmt.Sprintf(text, "onset")), newTestPlan(t, fmt.Sprintf(text, "score"))
	require.Equal(t, (24 * time.Hour).Milliseconds(), with.Schedule.LookBack)
	require.Equal(t, (28*time.Hour + 5*time.Minute).Milliseconds(), with.Data.Layout.Overhang)
	require.Zero(t, without.Schedule.LookBack)
	require.Equal(t, (4*time.Hour + 5*time.Minute).Milliseconds(), without.Data.Layout.Overhang)
}

func TestNewPlan_ForecastsOnlyIfSomebodyAsks(t *testing.T) {
	const text = `
detectors: [{name: x, expr: load, step: 5m, forecaster: {horizons: [15m, 1h]}, publish: [%s]}]`
	for publish, want := range map[string][]int{"score": nil, "expected": nil, "forecast": {3, 12}, "model": {3, 12}} {
		require.Equal(t, want, newTestPlan(t, fmt.Sprintf(text, publish)).options.forecaster.Horizons, publish)
	}
}

func TestNewPlan_TranslatesWhatIsRead(t *testing.T) {
	p := newTestPlan(t, everyKey)
	require.Equal(t, []dataset.Input{{Expr: "load"}}, p.Data.Inputs)
	require.Equal(t, &dataset.Selector{Key: "mask", Expr: "incident", On: []string{"pod"}}, p.Data.Mask)
	require.Equal(t, &dataset.Selector{Key: "mute", Expr: "rollout", On: []string{"pod"}}, p.Data.Mute)
	require.Equal(t, &dataset.Selector{Key: "bounds.upper", Expr: "limit", On: []string{"pod"}}, p.Data.Upper)
	require.Nil(t, p.Data.Lower, "a number is not read")
	require.Equal(t, []result.Input{{}}, p.Format.Inputs)

	several := newTestPlan(t, `
detectors: [{name: x, inputs: {b: 'increase(b[5m])', a: 'a offset 1h'}, by: [pod], step: 5m}]`)
	require.Equal(t, []dataset.Input{
		{
			Name: "a", Expr: "a offset 1h", LookBack: time.Hour,
		}, {
			Name: "b", Expr: "increase(b[5m])",
			LookBack: 5 * time.Minute,
		},
	}, several.Data.Inputs)
	require.Equal(t, []result.Input{{Name: "a"}, {Name: "b", Counts: 5 * time.Minute}}, several.Format.Inputs)
	require.Equal(t, []string{"pod"}, several.Data.By)
}

func TestPlan_ShardKeyIsTheSameForTheMembersOfAPool(t *testing.T) {
	pooled := newTestPlan(t, "detectors: [{name: x, expr: load, pool_by: [container]}]")
	alone := newTestPlan(t, "detectors: [{name: x, expr: load}]")
	a1, a2 := labels.FromStrings("container", "a", "pod", "1"), labels.FromStrings("container", "a", "pod", "2")
	b1 := labels.FromStrings("container", "b", "pod", "1")
	require.Equal(t, pooled.ShardKey(a1), pooled.ShardKey(a2))
	require.NotEqual(t, pooled.ShardKey(a1), pooled.ShardKey(b1))
	require.Equal(t, dataset.ID(a1), alone.ShardKey(a1))
	require.NotEqual(t, alone.ShardKey(a1), alone.ShardKey(a2))
}
