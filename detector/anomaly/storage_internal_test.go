package anomaly

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
	epoch  = 20_000 * day // ms
)

// source is a real TSDB and what reads it.
type source struct {
	t  testing.TB
	db *tsdb.DB
	query.Evaluator
}

func newSource(t testing.TB) *source {
	t.Helper()
	db := storage.New(t)
	return &source{t, db, query.Evaluator{Engine: storage.NewEngine(time.Minute, 50e6), Source: db}}
}

// write appends the values of a series at every step from one time to another; NaN is none.
func (s *source) write(l labels.Labels, from, to, step int64, value func(ts int64) float64) {
	s.t.Helper()
	storage.WriteSeries(s.t, s.db, l, from, to, step, value)
}

// fill reads everything up to a step, and returns the series that are gone.
func (s *source) fill(d *dataset.Dataset, to int64) (gone []*dataset.Series) {
	s.t.Helper()
	for {
		p, ok := d.Next(dataset.Request{To: to})
		if !ok {
			return gone
		}
		slice, err := p.Read(context.Background(), s.Evaluator)
		require.NoError(s.t, err)
		d.Apply(slice)
		slice.Close()
		gone = append(gone, d.Trim()...)
	}
}

// running is a Pipeline and the Dataset that it works on.
type running struct {
	*Pipeline
	source *source
	data   *dataset.Dataset
}

// unobserved fits on a number of workers.
func unobserved(workers int) schedule.Fitting {
	return schedule.Fitting{Workers: schedule.NewWorkers(workers), Observe: func(_ string, fit func()) { fit() }}
}

func run(p *Plan, s *source, fitting schedule.Fitting) *running {
	return &running{New(p, fitting, log.NewNopLogger()), s, dataset.New(p.Data)}
}

// read reads everything up to a step, and forgets what is over.
func (r *running) read(to int64) {
	r.source.t.Helper()
	for _, s := range r.source.fill(r.data, to) {
		r.Evict(s)
	}
}

// step reads everything up to a step, and brings the models to it.
func (r *running) step(to int64) *result.Batch {
	r.source.t.Helper()
	r.read(to)
	return r.Advance(context.Background(), to, r.data, nil)
}

// find returns what is kept of the series with a value of a label; nil if that is nothing.
func (r *running) find(name, value string) *series {
	for _, s := range r.series {
		if s.Labels.Get(name) == value {
			return s
		}
	}
	return nil
}

// states returns state and reason of the series of a batch by the value of a label; empty if there is a score.
func states(b *result.Batch, name string) map[string]string {
	found := map[string]string{}
	for _, s := range b.Series {
		found[s.Labels.Get(name)] = s.State.State + s.State.Reason
		if s.State == (result.State{}) == math.IsNaN(s.Score.Value) {
			found[s.Labels.Get(name)] += " but has a score, or has none"
		}
	}
	return found
}
