package result

import (
	"math"

	"github.com/prometheus/prometheus/model/labels"
)

// Len returns the number of results that the batch publishes without the dropped kinds.
func (b *Batch) Len(dropped Selection) (n int) {
	for f := range NumFamilies {
		b.Flatten(f, dropped, func(Sample) bool { n++; return true })
	}
	return n
}

// Flatten calls yield with each result of a family, in the order of the series and without the dropped kinds, until
// yield returns false.
func (b *Batch) Flatten(f Family, dropped Selection, yield func(Sample) bool) {
	if publish := b.Format.Publish &^ dropped; publish.Has(kindsOf[f]) {
		out := flattener{Format: b.Format, batch: b, publish: publish, family: f, yield: yield}
		for i := range b.Series {
			out.position = i
			if out.series(&b.Series[i]); out.done {
				return
			}
		}
	}
}

// kindsOf maps each family to the kinds that have results in it.
var kindsOf = [NumFamilies]Selection{
	Score:                     Scores,
	ReturnPeriod:              Scores,
	Onset:                     Onsets,
	Contribution:              Contributions,
	Observed:                  Expected,
	Yhat:                      Expected | Forecasts,
	YhatLower:                 Expected | Forecasts,
	YhatUpper:                 Expected | Forecasts,
	Max:                       Forecasts,
	BreachProbability:         Forecasts,
	TimeToBreach:              Forecasts,
	BoundValue:                Forecasts,
	RecommendedReplicas:       Recommendations,
	RecommendedReplicasSource: Recommendations,
	RecommendedCPUCores:       CPURequests,
	RecommendedMemoryBytes:    MemoryRequests,
	ModelState:                States,
	ModelInfo:                 Models,
}

// flattener turns series into the samples of one family.
type flattener struct {
	*Format
	batch    *Batch
	publish  Selection
	family   Family
	yield    func(Sample) bool
	done     bool
	position int // index of the current series
	extra    [2]labels.Label
}

// emit yields a value with additional labels, given as alternating names and values. It skips NaN.
func (f *flattener) emit(s *Series, v float64, more ...string) {
	if f.done || math.IsNaN(v) {
		return
	}
	extra := f.extra[:0]
	for i := 0; i < len(more); i += 2 {
		extra = append(extra, labels.Label{Name: more[i], Value: more[i+1]})
	}
	f.done = !f.yield(Sample{Series: f.position, Labels: s.Labels, Extra: extra, Value: v})
}

func (f *flattener) series(s *Series) {
	known := s.State == State{}
	switch f.family {
	case Score:
		f.emit(s, s.Score.Value)
	case ReturnPeriod:
		f.emit(s, s.Score.ReturnPeriod)
	case Onset:
		f.emit(s, s.Onset)
	case Contribution:
		if s.Score.Value >= f.ExplainThreshold {
			for _, c := range s.Score.Contributions {
				f.emit(s, c.Share, "feature", c.Feature)
			}
		}
	case Observed:
		if !math.IsNaN(s.Score.Value) && len(f.Inputs) == 1 {
			f.emit(s, f.batch.Value(s, 0))
		}
	case Yhat, YhatLower, YhatUpper:
		f.quantile(s)
	case Max, BreachProbability, TimeToBreach, BoundValue:
		if s.Forecast != nil {
			f.forecast(s)
		}
	case RecommendedReplicas:
		if known {
			f.emit(s, float64(s.Replicas.Replicas))
		}
	case RecommendedReplicasSource:
		if known {
			f.emit(s, 1, "source", string(s.Replicas.Source))
		}
	case RecommendedCPUCores, RecommendedMemoryBytes:
		if known {
			f.emit(s, s.Request)
		}
	case ModelState:
		f.state(s)
	case ModelInfo:
		if s.Forecast != nil {
			f.emit(s, 1, "model", s.Forecast.Model)
		}
	}
}

// quantile yields the value expected now, and the forecasts.
func (f *flattener) quantile(s *Series) {
	if f.publish.Has(Expected) {
		f.emit(s, f.choose(s.Score.Expected, s.Score.Lower, s.Score.Upper), "horizon", Duration(0))
	}
	if s.Forecast == nil || !f.publish.Has(Forecasts) {
		return
	}
	for i, p := range s.Forecast.Points {
		f.emit(s, f.choose(p.Median, p.Lower, p.Upper), "horizon", f.horizons[i])
	}
}

// choose returns the number that belongs to the family.
func (f *flattener) choose(median, lower, upper float64) float64 {
	switch f.family {
	case YhatLower:
		return lower
	case YhatUpper:
		return upper
	}
	return median
}

// forecast yields the maxima, breach probabilities, times to a breach and bounds.
func (f *flattener) forecast(s *Series) {
	switch f.family {
	case Max:
		for i, p := range s.Forecast.Points {
			f.emit(s, p.Max, "horizon", f.horizons[i], "probability", f.probability)
		}
	case BreachProbability:
		for _, b := range s.Forecast.Breaches {
			for i, p := range b.Probability {
				f.emit(s, p, "bound", b.Bound, "horizon", f.horizons[i])
			}
		}
	case TimeToBreach:
		for _, b := range s.Forecast.Breaches {
			f.emit(s, b.Seconds, "bound", b.Bound)
		}
	case BoundValue:
		for _, b := range s.Forecast.Breaches {
			f.emit(s, b.Value, "bound", b.Bound)
		}
	}
}

func (f *flattener) state(s *Series) {
	if s.Unjoined {
		f.emit(s, 1, "reason", ReasonNoCommon, "state", Failed)
	}
	if s.State != (State{}) && !s.Duplicate {
		f.emit(s, 1, "reason", s.State.Reason, "state", s.State.State)
	}
}
