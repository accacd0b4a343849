package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

func batchOf(states ...string) *result.Batch {
	b := &result.Batch{
		Source: result.Source{Name: "load"}, Format: &result.Format{Unit: "bytes"}, Models: map[string]int{"theta": 1},
	}
	for _, s := range states {
		b.Series = append(b.Series, result.Series{State: result.State{State: s}})
	}
	return b
}

func TestMetrics_ShowsAtEveryScrapeWhatIsThereInEachCycle(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	b := batchOf("", "", "muted")
	m.Show(b, 0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				m.Show(b, 0)
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for range 500 {
		n, err := testutil.GatherAndCount(reg,
			"anomaly_exporter_series", "anomaly_exporter_models", "anomaly_exporter_detector_info")
		require.NoError(t, err)
		require.Equal(t, 4, n)
	}
}

func TestMetrics_ForgetsWhatIsThereNoMore(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	m.Show(batchOf("", "muted"), 0)
	later := batchOf("")
	later.Models = map[string]int{"arima": 1}
	m.Show(later, 0)
	require.Equal(t, 1, testutil.CollectAndCount(m.series))
	require.InDelta(t, 1, testutil.ToFloat64(m.series.WithLabelValues("load", "", "scored", "")), 0)
	require.Equal(t, 1, testutil.CollectAndCount(m.models))
	require.InDelta(t, 1, testutil.ToFloat64(m.models.WithLabelValues("load", "", "arima")), 0)
	m.Forget(later.Source)
	require.Zero(t, testutil.CollectAndCount(m.series)+testutil.CollectAndCount(m.models)+testutil.CollectAndCount(m.info))
}
