package detector

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

const (
	// requestsLookAhead is how far ahead the forecast of usage goes that a request has to hold: whoever applies a request wants to keep it.
	requestsLookAhead = 24 * time.Hour
	oomFrom           = 8 * 24 * time.Hour // where evidence counts that memory ran out
)

// sizing recommends how much of a resource a container should request. It is worked out when a model would be fitted; in between only memory
// moves, and only upwards.
type sizing struct {
	options    forecaster.Options
	series     *series
	memory     bool // else CPU
	oom        bool // whether asides[0] tells where memory ran out
	observeFit func(model string, fit func())

	forecaster *forecaster.Model // as of the last fit
	cpu        float64           // NaN as long as it is not known
	bytes      replicas.MemoryRequest
	fitted     bool
}

// newSizing returns a sizing of a series that has seen nothing.
func newSizing(c *config.Scaler, of *series, memory bool, observeFit func(string, func())) *sizing {
	return &sizing{
		options: forecaster.Options{
			Model:          "auto",
			Step:           time.Duration(c.Step),
			Location:       c.Location(),
			Holiday:        c.Holidays.Include(),
			Refit:          refitSteps(c.RefitInterval, c.Step),
			Horizons:       []int{max(1, int(requestsLookAhead/time.Duration(c.Step)))},
			Level:          0.8,
			MaxProbability: c.Probability,
			DataRange:      [2]float64{0, math.Inf(1)},
		},
		series:     of,
		memory:     memory,
		oom:        memory && !c.Resources.OOM.IsZero(),
		observeFit: observeFit,
	}
}

func (s *sizing) fit(w *history.Window) {
	s.reset()
	var forecast forecaster.Forecast
	ahead := math.NaN()
	s.observeFit(s.options.Model, func() {
		if m, err := forecaster.Fit(s.options, w.Start, w.Values, w.Learn); err == nil {
			m.Forecast(&forecast)
			s.forecaster, ahead = m, forecast.Points[0].Max
		}
	})
	usage := replicas.Usage{Step: s.options.Step, Values: w.Values, Learn: w.Learn}
	if s.memory {
		usage.OOM = s.ranOut(len(w.Values))
		s.bytes = replicas.NewMemoryRequest(usage, ahead)
	} else {
		s.cpu = replicas.CPURequest(usage, ahead)
	}
	s.fitted = true
}

// ranOut says for each of the last n steps whether memory ran out.
func (s *sizing) ranOut(n int) []bool {
	if !s.oom {
		return nil
	}
	var w history.Window
	s.series.asides[0].Window(s.series.at, &w)
	out := make([]bool, n)
	for i, j := n-1, len(w.Values)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		out[i] = w.Learn[j] && w.Values[j] > 0
	}
	return out
}

func (s *sizing) reset() { s.forecaster, s.fitted, s.cpu = nil, false, math.NaN() }

func (s *sizing) observe(o observation) {
	if !s.fitted || !s.memory {
		return
	}
	ranOut := false
	if s.oom {
		v, _ := s.series.asides[0].At(o.at)
		ranOut = v > 0
	}
	s.bytes.Observe(o.value, ranOut)
}

// request is what is recommended, NaN if nothing is.
func (s *sizing) request() float64 {
	switch {
	case !s.fitted:
		return math.NaN()
	case s.memory:
		return s.bytes.Bytes()
	}
	return s.cpu
}

// sizingState says why there is no recommendation for a container.
func sizingState(s *series, _ int64) (state, reason string) {
	switch model, _ := s.model.(*sizing); {
	case s.histogram:
		return stateFailed, reasonHistogram
	case model == nil:
		return stateFailed, reasonFitError
	case s.young || !model.fitted:
		return stateLearning, reasonShortHistory
	case math.IsNaN(model.request()):
		return stateFailed, reasonNoData
	}
	return "", ""
}

// sizingResults adds the recommendation for every container to part, or why there is none.
func sizingResults(live []*series, part *Part) {
	for _, s := range live {
		if state, reason := sizingState(s, part.Time); state != "" {
			part.Results[ModelState] = append(part.Results[ModelState], Result{s.base.with("state", state, "reason", reason), 1})
			continue
		}
		model := s.model.(*sizing)
		family := RecommendedCPUCores
		if model.memory {
			family = RecommendedMemoryBytes
		}
		part.Results[family] = append(part.Results[family], Result{s.base, model.request()})
	}
}
