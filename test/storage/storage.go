// Package storage gives tests a real TSDB, a PromQL engine, and a source that can fail.
package storage

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
)

// New returns an empty TSDB, which is closed when the test ends. Samples may be written in any order, as long as they
// lie within 400 days. The TSDB never compacts: a compaction runs beside the test, and its truncation of the head's
// chunk files is not safe against chunks of out-of-order samples that are written at that moment.
func New(t testing.TB) *tsdb.DB {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.RetentionDuration = 0
	o.OutOfOrderTimeWindow = (400 * 24 * time.Hour).Milliseconds()
	db, err := tsdb.Open(t.TempDir(), nil, nil, o, nil)
	require.NoError(t, err)
	db.DisableCompactions()
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// Write appends a sample to each series at every step from one time to another, both included. Times and step are in
// milliseconds. value gets the index of the series; NaN: there is no sample.
func Write(
	t testing.TB, db *tsdb.DB, from, to, step int64, value func(series int, ts int64) float64, series ...labels.Labels,
) {
	t.Helper()
	app := db.Appender(context.Background())
	for ts := from; ts <= to; ts += step {
		for i, l := range series {
			if v := value(i, ts); !math.IsNaN(v) {
				_, err := app.Append(0, l, ts, v)
				require.NoError(t, err)
			}
		}
	}
	require.NoError(t, app.Commit())
}

// WriteSeries is Write for one series.
func WriteSeries(t testing.TB, db *tsdb.DB, l labels.Labels, from, to, step int64, value func(ts int64) float64) {
	t.Helper()
	Write(t, db, from, to, step, func(_ int, ts int64) float64 { return value(ts) }, l)
}

// NewEngine returns an engine that sees a sample for as long as lookback, and that loads at most so many samples for a
// query.
func NewEngine(lookback time.Duration, maxSamples int) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: time.Minute, LookbackDelta: lookback, EnableAtModifier: true,
		Parser: parser.NewParser(parser.Options{}),
	})
}

// Flaky is a source that fails while it is down.
type Flaky struct {
	storage.Queryable
	Down atomic.Bool
}

// Querier is that of the source underneath, or an error that says "connection refused".
func (f *Flaky) Querier(mint, maxt int64) (storage.Querier, error) {
	if f.Down.Load() {
		return nil, errors.New("connection refused")
	}
	return f.Queryable.Querier(mint, maxt)
}
