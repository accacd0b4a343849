package scaling

import (
	"reflect"
	"slices"
	"testing"
	"time"

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

func newTestPlans(t testing.TB, text string) []*Plan {
	t.Helper()
	cfg := loadConfig(t, text)
	plans, err := NewPlans(cfg, &cfg.Scalers[0])
	require.NoError(t, err)
	return plans
}

const everyKey = `
scalers:
  - name: shop
    load: sum by (service) (load)
    by: [service]
    capacity_per_replica: {utilization: utilization, replicas: running}
    horizon: {startup: startup}
    max_replicas: 50
    running_replicas: fleet
    data_range: [0, 1000]
    resources: {cpu: cpu, memory: memory, oom: oom}
    holidays: [01-01]
    labels: {team: a}
    step: 5m
    history: 7d
`

// A key that only results depend on, or only other recommendations, has to be named here. Of all others a change
// drops the models.
func TestSpec_DependsOnEveryKeyButThoseThatOnlyConcernResults(t *testing.T) {
	ofResults := []string{"Labels", "SeriesLimit", "CostPerReplicaHour"}
	ofLoads := []string{
		"Load", "DataRange", "By", "CapacityPerReplica", "Horizon", "MinReplicas", "MaxReplicas", "MaxError",
		"ScaleDownStabilization", "RunningReplicas",
	}
	cfg := loadConfig(t, everyKey)
	base := cfg.Scalers[0]
	for resource, others := range map[string][]string{
		"":             {"Resources"},
		cpuResource:    append(slices.Clone(ofLoads), "Resources.Memory", "Resources.OOM"),
		memoryResource: append(slices.Clone(ofLoads), "Resources.CPU"),
	} {
		t.Run(resource, func(t *testing.T) {
			ignored := append(slices.Clone(ofResults), others...)
			want := newSpec(&base, resource)
			changed, found := base, map[string]bool{}
			configwalk.EachChange(t, &changed, func(path string) {
				if changed.Resources == nil {
					return // then there are none to recommend
				}
				found[path] = true
				same := reflect.DeepEqual(want, newSpec(&changed, resource))
				require.Equal(t, configwalk.Under(path, ignored), same, path)
			})
			require.Greater(t, len(found), 25)
			for _, field := range ignored {
				require.True(
					t,
					slices.ContainsFunc(keys(found), func(path string) bool { return configwalk.Under(path, []string{field}) }),
					field,
				)
			}
			require.Equal(t, base, changed)
		})
	}
}

func keys(m map[string]bool) (all []string) {
	for key := range m {
		all = append(all, key)
	}
	return all
}

func TestSpec_IsAnotherForEachRecommendation(t *testing.T) {
	plans := newTestPlans(t, everyKey)
	require.Len(t, plans, 3)
	for i, p := range plans {
		for j, other := range plans {
			require.Equal(t, i == j, reflect.DeepEqual(p.Spec, other.Spec))
		}
	}
}

func TestNewPlans_AreOfTheLoadAndOfEachResource(t *testing.T) {
	sources := func(text string) (ids []string) {
		for _, p := range newTestPlans(t, text) {
			require.True(t, p.Source.Scaler)
			require.True(t, p.Format.Publish.Has(result.States))
			ids = append(ids, p.Source.ID())
		}
		return ids
	}
	require.Equal(t, []string{"shop", "shop/cpu", "shop/memory"}, sources(everyKey))
	require.Equal(t, []string{"x/cpu"}, sources("scalers: [{name: x, resources: {cpu: cpu}}]"))
	require.Equal(t, []string{"x/memory"}, sources("scalers: [{name: x, resources: {memory: memory, oom: oom}}]"))
	require.Equal(
		t, []string{"x"}, sources("scalers: [{name: x, load: sum(load), capacity_per_replica: 1, max_replicas: 2}]"),
	)
}

func TestNewPlans_ReadWhatTheRecommendationsDependOn(t *testing.T) {
	plans := newTestPlans(t, everyKey)
	var exprs []string
	for _, a := range plans[0].Data.Auxiliaries {
		require.Equal(t, []string{"service"}, a.On)
		require.False(t, a.All)
		require.Equal(t, 48*time.Hour, a.Length)
		exprs = append(exprs, a.Key+" "+a.Expr)
	}
	require.Equal(t, []string{
		"capacity_per_replica.utilization utilization", "capacity_per_replica.replicas running", "horizon.startup startup",
		"running_replicas fleet",
	}, exprs)
	require.Equal(t, 2.0, plans[0].Data.Auxiliaries[utilization].Reduce([]float64{1, 3}), "the mean")
	require.Equal(t, 4.0, plans[0].Data.Auxiliaries[sharing].Reduce([]float64{1, 3}), "the sum")
	require.Equal(
		t, 9.0, plans[0].Data.Auxiliaries[startup].Reduce([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}), "nearly the longest",
	)
	require.Equal(t, []string{"service"}, plans[0].Labeler.Keep)
	require.True(t, plans[0].Data.Layout.Whole, "a spike of a minute counts as long as it is known")
	require.False(t, plans[1].Data.Layout.Whole)

	require.Empty(t, plans[1].Data.Auxiliaries)
	require.Nil(t, plans[1].Labeler.Keep, "a request is of a container: all labels stay")
	memory := plans[2].Data.Auxiliaries
	require.Len(t, memory, 1)
	require.Equal(t, dataset.Selector{Key: "resources.oom", Expr: "oom"}, memory[0].Selector)
	require.Equal(t, 8*24*time.Hour, memory[0].Length)
	require.Equal(t, 3.0, memory[0].Reduce([]float64{1, 2, 3}), "the largest")
	for _, p := range plans {
		require.True(t, p.Labeler.NoName)
		require.Equal(t, map[string]string{"scaler": "shop", "team": "a"}, p.Labeler.Add)
	}
}

// Without `by` there is one load, and all series of the other expressions belong to it.
func TestNewPlans_WithoutByTakeAllSeries(t *testing.T) {
	plans := newTestPlans(t, `
scalers: [{name: x, load: sum(load), capacity_per_replica: {utilization: u, replicas: r}, max_replicas: 2}]`)
	for _, a := range plans[0].Data.Auxiliaries {
		require.True(t, a.All)
	}
	require.Equal(t, []string{}, plans[0].Labeler.Keep, "not one label of the load")
}
