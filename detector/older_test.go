package detector_test

import (
	"testing"
	"time"

	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// forgetful is a storage that has lost what is older than a time.
type forgetful struct {
	*tsdb.DB
	from  time.Time
	reads int
}

func (f *forgetful) Querier(mint, maxt int64) (promstorage.Querier, error) {
	f.reads++
	return f.DB.Querier(max(mint, f.from.UnixMilli()), maxt)
}

// A server gets its old data back while the exporter runs. At the next refit all is as if they had always been there.
func TestManager_ReadsOlderDataThatComeLater(t *testing.T) {
	const text = `
global: {history: 4d, min_history: 1d, refit_interval: 1h, step: 5m, query_offset: 0s}
detectors:
  - {name: load, expr: load, forecaster: {horizons: [15m]}}
  - {name: joint, inputs: {a: load, b: 2 * load}, by: [pod]}
`
	end := epoch.Add(5 * 24 * time.Hour)
	db := &forgetful{DB: newStorage(t, epoch, end, 5*time.Minute, pods(2), daily), from: end.Add(-6 * time.Hour)}
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, text), db))
	at := end.Add(-4 * time.Hour)
	for ; at.Before(end.Add(-2 * time.Hour)); at = at.Add(5 * time.Minute) {
		cycle(t, m, at)
	}
	require.Empty(t, published(m.Snapshot(), result.Score), "too young")

	db.from = epoch
	for ; !at.After(end.Add(-time.Hour)); at = at.Add(5 * time.Minute) {
		cycle(t, m, at)
	}
	require.Len(t, published(m.Snapshot(), result.Score), 4)
	fresh := newManager(t, detector.Options{})
	require.NoError(t, fresh.ApplyConfig(load(t, text), db))
	cycle(t, fresh, at.Add(-5*time.Minute))
	require.Equal(t, results(fresh.Snapshot()), results(m.Snapshot()))
}

// A server without older data is asked for them once in a refit interval, and history is not read again.
func TestManager_AsksForOlderDataOnceInARefitInterval(t *testing.T) {
	const text = `
global: {history: 4d, min_history: 1d, refit_interval: 2h, step: 5m, query_offset: 0s}
detectors: [{name: load, expr: load}]
`
	end := epoch.Add(5 * 24 * time.Hour)
	from := end.Add(-10 * time.Hour)
	db := &forgetful{DB: newStorage(t, from, end, 5*time.Minute, pods(2), daily), from: epoch}
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, text), db))
	cycle(t, m, end.Add(-8*time.Hour))
	db.reads = 0
	steps := 0
	for at := end.Add(-8*time.Hour + 5*time.Minute); !at.After(end); at = at.Add(5 * time.Minute) {
		cycle(t, m, at)
		steps++
	}
	require.Equal(t, steps+4*4, db.reads, "four probes in each of four refit intervals")
}
