// Package result holds the results of detectors and scalers, series by series, and flattens them to metric families. It
// is the only package that contains the names of published metrics.
//
// Everything in a Snapshot is immutable: any number of readers may use it without a lock.
package result

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A Source is the detector or scaler that produced results.
type Source struct {
	Scaler   bool   // whether it is a scaler; a scaler may share the name of a detector
	Name     string // as configured
	Resource string // "cpu" or "memory" for the requests that a scaler recommends; else empty
}

// ID returns the name, followed by the resource if there is one, as in "checkout/cpu".
func (s Source) ID() string {
	if s.Resource == "" {
		return s.Name
	}
	return s.Name + "/" + s.Resource
}

// Kind returns "detector" or "scaler".
func (s Source) Kind() string {
	if s.Scaler {
		return "scaler"
	}
	return "detector"
}

// String returns the kind and the name, for errors and logs.
func (s Source) String() string { return fmt.Sprintf("%s %q", s.Kind(), s.Name) }

// Compare orders sources by ID, detectors first.
func (s Source) Compare(other Source) int {
	return cmp.Or(strings.Compare(s.ID(), other.ID()), strings.Compare(s.Kind(), other.Kind()))
}

// A State says why a series has no score or no recommendation. The zero State means that it has one.
type State struct{ State, Reason string }

// The states, and the reasons that are not errors of the scorer.
const (
	Learning = "learning"
	Failed   = "failed"
	Muted    = "muted"
	Stale    = "stale"

	ReasonFitError     = "fit_error"
	ReasonMute         = "mute"
	ReasonNoData       = "no_data"
	ReasonNoCommon     = "no_common_label"
	ReasonHistogram    = "histogram"
	ReasonResolution   = "resolution"
	ReasonSeveral      = "several_series"
	ReasonMissing      = "missing_input"
	ReasonFewSiblings  = "few_siblings"
	ReasonNoCapacity   = "no_capacity"
	ReasonShortHistory = "short_history"
	ReasonNotFitted    = "not_fitted"
)

// A Breach describes how likely and how soon a series crosses one of its bounds.
type Breach struct {
	Bound       string // "lower" or "upper"
	Value       float64
	Probability []float64 // of crossing the bound within each horizon
	Seconds     float64   // until the central forecast crosses the bound; NaN: not within the longest horizon
}

// Since is when the score of a series became high. Pauses as short as those that the alerting rule passes over do not
// end it.
type Since struct {
	At int64 // the first step (ms) with a high score
	// OrEarlier says that the score was already high when the process began to watch it.
	OrEarlier bool
}

// A Forecast is the forecast of a series as of the step of its Batch.
type Forecast struct {
	Model    string             // in service; for a combination, its leading member
	Points   []forecaster.Point // by horizon
	Breaches []Breach           // by known bound
}

// A Fault is why a cycle of a detector or scaler failed.
type Fault struct {
	At  time.Time
	Err string // without secrets, as in the log
}

// Series holds the results of one series at the step of its Batch.
type Series struct {
	ID     uint64        // hash of Input
	Input  labels.Labels // of the series
	Labels Labels        // of all its results

	State     State
	Unjoined  bool // a mask or other joined expression shares no label with it
	Duplicate bool // an earlier series has the same Labels and State, which is published once

	Score    scorer.Score // Value is NaN if there is none
	Since    Since        // of a detector: since when the score has been high; zero if it is not
	Onset    float64      // NaN if there is none
	Forecast *Forecast    // nil if there is none

	Replicas replicas.Recommendation // of a scaler, if State is zero
	Scaling  *Scaling                // of a scaler's load, if State is zero
	Request  float64                 // of a scaler's resource, if State is zero
	Totals   replicas.StrategyTotals // of a scaler: totals of each strategy since the previous Batch

	History []history.View // by input, up to the step
}

// Scaling is what the recommendation of a scaler was made of, and what else could have run.
type Scaling struct {
	replicas.Decision
	Capacity float64       // load that one replica carries
	Horizon  time.Duration // that the load is forecast for, and that a replica takes to serve
	Running  float64       // replicas that were running; NaN: not known
}

// An Input describes one of the expressions of a detector.
type Input struct {
	Name   string        // empty if there is only one input
	Counts time.Duration // range over which a value counts events; 0: it does not count
}

// A Format holds what the series of a Batch share: how to flatten them, and how to interpret their numbers.
type Format struct {
	Publish          Selection
	Step             time.Duration
	MinHistory       time.Duration // that a series needs for a first score: as configured, or more if its model needs more
	Horizons         []time.Duration
	Probability      float64 // of forecast_max
	ExplainThreshold float64 // lowest score with published contributions
	Inputs           []Input
	Unit             string        // of the values of a detector; "": not known
	Fine             time.Duration // length of the history that is kept at every step
	CostPerHour      float64       // of a replica; 0: unknown

	probability string
	horizons    []string
}

// NewFormat returns a copy of f with its label values rendered.
func NewFormat(f Format) *Format {
	f.probability = strconv.FormatFloat(f.Probability, 'g', -1, 64)
	for _, h := range f.Horizons {
		f.horizons = append(f.horizons, Duration(h))
	}
	return &f
}

// An Alert is an alert that starts to fire on a series of a Batch.
type Alert struct {
	Series *Series
	At     int64 // when it fires, in ms since the epoch: a score has been published and held
}

// A Batch holds the results of one detector or scaler at a step.
type Batch struct {
	Source Source
	Step   int64 // milliseconds since the epoch
	Format *Format
	Series []Series // with a value at the step, sorted by Input (for replicas by Labels)

	Alerts    []Alert
	Outcomes  *feedback.Outcomes // decided at the step; nil without a truth
	Incidents feedback.Incidents // of the truth, in progress at the step
	Record    *feedback.Record   // of the alerts lately; nil: nothing tells whether they were right
	Quality   []feedback.Quality // of recent forecasts
	Models    map[string]int     // fitted models in service, by name
	Rejected  int                // series whose newest refit was rejected
	Learned   *Learned           // of a scaler; nil: unknown
	IsStale   bool               // it holds only states, because its results were too old

	Refused int      // series over series_limit, which have no results
	Gone    []Gone   // what is still known of series without a value at the step, sorted by Input
	Labeler *Labeler // made the Labels; nil: the batch has not been published
}

// Gone is a series without a value at the step of a Batch, which had values before, such as one of a pod that was
// replaced.
type Gone struct {
	ID    uint64
	Input labels.Labels
	Last  int64 // step (ms) after which it had no value; a little later than its last one if that is long ago
}

// LabelsOf returns the labels that results of a series have, given its input.
func (b *Batch) LabelsOf(input labels.Labels) Labels { return b.Labeler.Labels(input) }

// A Report is told, while the series of a step are fitted, how many of them are. soFar returns the results of these,
// and the state ReasonNotFitted for the others; it is nil if results belong together. Nothing is fitted until Report
// returns.
type Report func(fitted, of int, soFar func() *Batch)

// Find returns the results of the series with an ID; nil if it has none at the step.
func (b *Batch) Find(id uint64) *Series {
	for i := range b.Series {
		if b.Series[i].ID == id {
			return &b.Series[i]
		}
	}
	return nil
}

// Learned holds the capacity and horizon, configured or learned, that the workloads of a scaler use.
type Learned struct {
	Capacity float64 // load that one replica carries; median over the workloads
	Horizon  float64 // seconds of look-ahead; median over the workloads
}

// Stale returns what is left of b once its results are too old: the state "stale" for each series of a detector,
// nothing for a scaler.
func (b *Batch) Stale() *Batch {
	stale := &Batch{Source: b.Source, Step: b.Step, Format: NewFormat(Format{Publish: States}), IsStale: true}
	if b.Source.Scaler {
		return stale
	}
	for i := range b.Series {
		s := &b.Series[i]
		stale.Series = append(stale.Series, Series{
			ID: s.ID, Input: s.Input, Labels: s.Labels, State: State{Stale, ReasonNoData}, Score: NoScore(), Onset: math.NaN(),
		})
	}
	return stale
}

// Relabel returns b with another Format and new labels. This is all that a reload changes if it keeps the models.
func (b *Batch) Relabel(f *Format, l *Labeler) *Batch {
	relabelled := *b
	relabelled.Format, relabelled.Labeler = f, l
	relabelled.Alerts, relabelled.Outcomes = nil, nil // belong to the step and were published once
	relabelled.Incidents = feedback.Incidents{}
	relabelled.Series = make([]Series, len(b.Series))
	for i, s := range b.Series {
		s.Labels, s.Totals = l.Labels(s.Input), replicas.StrategyTotals{}
		relabelled.Series[i] = s
	}
	return &relabelled
}

// NoScore returns the Score of a series that has none; its numbers are NaN.
func NoScore() scorer.Score {
	nan := math.NaN()
	return scorer.Score{Value: nan, ReturnPeriod: nan, Expected: nan, Lower: nan, Upper: nan}
}
