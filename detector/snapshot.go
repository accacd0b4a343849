package detector

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// Family is one of the metric families that a detector or scaler publishes. All of them are gauges.
type Family int

// The families, in the order in which they are published.
const (
	Score Family = iota
	Onset
	Contribution
	Yhat
	YhatLower
	YhatUpper
	Max
	BreachProbability
	TimeToBreach
	RecommendedReplicas
	RecommendedReplicasSource
	RecommendedCPUCores
	RecommendedMemoryBytes
	ModelState
	ModelInfo
	NumFamilies // how many there are
)

var families = [NumFamilies]struct{ name, help string }{
	Score:                     {"anomaly_score", "How strange the newest step of the series is, from 0 to 1, calibrated to a return period: 0.4 is once in 8 hours of normal life, 0.6 once in 3.5 days, 0.8 once in 5 weeks."},
	Onset:                     {"anomaly_score_onset", "The anomaly score, lowered by how much of the last day was strange already."},
	Contribution:              {"anomaly_score_contribution", "Share of the anomaly score that a feature explains, from 0 to 1."},
	Yhat:                      {"forecast_yhat", "Median forecast of the series at the horizon, in its own unit; horizon 0s is what was expected now."},
	YhatLower:                 {"forecast_yhat_lower", "Lower end of the forecast interval at the horizon."},
	YhatUpper:                 {"forecast_yhat_upper", "Upper end of the forecast interval at the horizon."},
	Max:                       {"forecast_max", "Quantile of the maximum of the series from now to the horizon."},
	BreachProbability:         {"forecast_breach_probability", "Probability that the series crosses the bound within the horizon."},
	TimeToBreach:              {"forecast_time_to_breach_seconds", "Time until the central forecast crosses the bound; absent if it does not within the longest horizon."},
	RecommendedReplicas:       {"recommended_replicas", "Number of replicas that carries the load now and, by its forecast, over the horizon."},
	RecommendedReplicasSource: {"recommended_replicas_source", "1 for what decided the recommendation: forecast, current, min, max or stabilization."},
	RecommendedCPUCores:       {"recommended_cpu_cores", "CPU that the container should request, by what it has used and is forecast to use."},
	RecommendedMemoryBytes:    {"recommended_memory_bytes", "Memory that the container should request, by what it has used and is forecast to use, and by where memory ran out."},
	ModelState:                {"anomaly_model_state", "1 for an input series that has no score now: its state, and the reason in one word."},
	ModelInfo:                 {"anomaly_model_info", "1 for the forecast model in service; of a combination, its leader."},
}

// Name is the family's metric name.
func (f Family) Name() string { return families[f].name }

// Help is the family's help text, without a line break.
func (f Family) Help() string { return families[f].help }

// Labels are the labels of a result, sorted by name. Unlike labels.Labels they can hold a label with an empty value, which tells the scrape
// not to put the exporter's own identity there.
type Labels []labels.Label

// Get returns the value of the label of that name, or "".
func (l Labels) Get(name string) string {
	i, found := slices.BinarySearchFunc(l, name, func(a labels.Label, name string) int { return strings.Compare(a.Name, name) })
	if !found {
		return ""
	}
	return l[i].Value
}

// Key is the same for the same labels only.
func (l Labels) Key() string {
	var b strings.Builder
	for _, l := range l {
		b.WriteString(l.Name)
		b.WriteByte(0xff)
		b.WriteString(l.Value)
		b.WriteByte(0xff)
	}
	return b.String()
}

// Result is one number to publish.
type Result struct {
	Labels Labels
	Value  float64
}

// Part is what one detector or scaler published at its last cycle. It never changes once it is in a Snapshot.
type Part struct {
	Detector string // name of the detector or scaler
	Scaler   bool   // whether it is a scaler's
	Time     int64  // the step that the results speak of, in milliseconds since the epoch
	Results  [NumFamilies][]Result
	Accounts []Account // of a scaler, one for each recommendation; not published
	Alerts   []Alert   // of a detector: that begin to fire at the step; not published
	Outcomes Outcomes  // of a detector; not published
	Seen     []Seen    // of a detector, from Replay alone: the series that have a value; good until the next step

	stale   bool              // holds nothing but states
	trimmed [len(kinds)]*Part // what sample_limit leaves of it, made when first needed
}

// Seen is what a detector has read of a series at a step.
type Seen struct {
	Labels Labels    // of its results
	Inputs []string  // the names of the values; nil: there is one, that of the expression
	Values []float64 // NaN where there is none

	group  *group
	series *series
	at     int64
}

// Before returns the first of the values as it was read some time before the step, at most two days; NaN if there was none.
func (s Seen) Before(d time.Duration) float64 {
	v, _ := s.series.inputs[0].At(s.at - d.Milliseconds())
	return v
}

// Explain says what is behind the score of the step; of several inputs it speaks of the one that contributes most.
func (s Seen) Explain() scorer.Explanation {
	e, _ := s.group.explain(s.series, s.at)
	return e
}

// Len is the number of results in all families.
func (p *Part) Len() int {
	n := 0
	for _, results := range p.Results {
		n += len(results)
	}
	return n
}

// Snapshot holds the newest results of all detectors and scalers, in the order of their names. It is immutable, and a Part that has not changed
// since the last Snapshot is the same pointer.
type Snapshot struct {
	Parts []*Part
}
