package scaling

import (
	"context"
	"math"
	"time"

	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

const (
	// requestHorizon is how far ahead a request must cover the forecast usage. Chosen: whoever applies a request wants
	// to keep it for a day.
	requestHorizon = 24 * time.Hour
	// oomFrom is how long out-of-memory kills count: as long as the samples of the Vertical Pod Autoscaler (8 days).
	oomFrom = 8 * 24 * time.Hour
)

// Requests recommends how much of a resource containers should request. It is not safe for concurrent use.
type Requests struct{ models[*request] }

// NewRequests returns a Requests without models. p must be the Plan of a resource.
func NewRequests(p *Plan, fitting schedule.Fitting, logger log.Logger) *Requests {
	r := &Requests{}
	r.models = newModels(p, fitting, logger, func() *request { return newRequest(r.plan, fitting) })
	return r
}

// Advance advances the models of the containers that have a value at a step to that step, and returns their recommended
// requests.
func (r *Requests) Advance(
	ctx context.Context, step int64, data *dataset.Dataset, report result.Report,
) *result.Batch {
	live := r.advance(ctx, step, data, report)
	if ctx.Err() != nil {
		return &result.Batch{Step: step, Format: r.format}
	}
	b := r.batch(step, live)
	for i, s := range live {
		out := &b.Series[i]
		if out.State == (result.State{}) {
			out.State, out.Request = s.model.state(s.progress.Young), s.model.value()
		}
	}
	return b
}

// request recommends how much of a resource a container should request. The recommendation is computed at each fit;
// between fits only that for memory changes, and only upwards.
type request struct {
	config  *config.Scaler
	options forecaster.Options
	fitting schedule.Fitting
	memory  bool // else CPU
	oom     bool // whether the auxiliary expression reports out-of-memory kills

	forecaster *forecaster.Model // of the last fit
	cpu        float64           // cores; NaN: not known yet
	bytes      replicas.MemoryRequest
	known      bool
}

// newRequest returns a request with no history yet.
func newRequest(p *Plan, fitting schedule.Fitting) *request {
	r := &request{
		config:  p.scaler,
		options: forecasterOptions(p.scaler),
		fitting: fitting,
		memory:  p.Source.Resource == memoryResource,
		oom:     len(p.Data.Auxiliaries) > 0,
	}
	r.options.Horizons = []int{max(1, int(requestHorizon/r.options.Step))}
	return r
}

func (m *request) fit(s *dataset.Series, at int64, w *history.Window) {
	m.reset(s, at)
	var forecast forecaster.Forecast
	ahead := math.NaN()
	m.fitting.Observe(m.options.Model, func() {
		if fitted, err := forecaster.Fit(m.options, w.Start, w.Values, w.Learn); err == nil {
			fitted.Forecast(&forecast)
			m.forecaster, ahead = fitted, forecast.Points[0].Max
		}
	})
	usage := replicas.Usage{Step: m.options.Step, Values: w.Values, Learn: w.Learn}
	if m.memory {
		usage.OOM = m.ranOut(s, at, len(w.Values))
		m.bytes = replicas.NewMemoryRequest(usage, ahead)
	} else {
		m.cpu = replicas.CPURequest(usage, ahead)
	}
	m.known = true
}

// ranOut returns, for each of the last n steps up to at, whether memory ran out.
func (m *request) ranOut(s *dataset.Series, at int64, n int) []bool {
	if !m.oom {
		return nil
	}
	var w history.Window
	s.AuxiliaryWindow(0, at, &w)
	out := make([]bool, n)
	for i, j := n-1, len(w.Values)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		out[i] = w.Learn[j] && w.Values[j] > 0
	}
	return out
}

func (m *request) reset(*dataset.Series, int64) {
	m.forecaster, m.known, m.cpu = nil, false, math.NaN()
}

func (m *request) forecasts() *forecaster.Model { return m.forecaster }

func (m *request) observe(s *dataset.Series, at int64) {
	if !m.known || !m.memory {
		return
	}
	value, _ := s.Value(0, at)
	m.bytes.Observe(value, m.oom && s.Auxiliary(0, at) > 0)
}

// value returns the recommendation; NaN if there is none.
func (m *request) value() float64 {
	switch {
	case !m.known:
		return math.NaN()
	case m.memory:
		return m.bytes.Bytes()
	}
	return m.cpu
}

// state returns why there is no recommendation; it is zero if there is one.
func (m *request) state(young bool) result.State {
	switch {
	case young || !m.known:
		return result.State{State: result.Learning, Reason: result.ReasonShortHistory}
	case math.IsNaN(m.value()):
		return result.State{State: result.Failed, Reason: result.ReasonNoData}
	}
	return result.State{}
}
