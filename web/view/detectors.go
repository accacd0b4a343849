package view

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
)

// A Detector is the state of a detector or scaler.
type Detector struct {
	Kind        string     `json:"kind"` // "detector" or "scaler"
	Name        string     `json:"name"`
	Expressions []string   `json:"expressions"`
	StepSeconds float64    `json:"stepSeconds"`
	Step        *time.Time `json:"step,omitempty"`    // of the newest results; absent: none yet
	Stale       bool       `json:"stale"`             // the results were too old and have been withdrawn
	Failing     *Failing   `json:"failing,omitempty"` // absent: the newest cycle has not failed
	Scored      int        `json:"scored"`            // series with a score or a recommendation
	States      []State    `json:"states"`            // of the others
	Refused     int        `json:"refused,omitempty"` // series over series_limit, which are none of these
	Alerts      *Alerts    `json:"alerts,omitempty"`  // absent: nothing tells whether they were right
	Forecasts   []Quality  `json:"forecasts,omitempty"`
}

// Failing is why there are no results of a newer step.
type Failing struct {
	At    time.Time `json:"at"` // of the newest attempt
	Error string    `json:"error"`
}

// Alerts is how right the alerts of a detector have been lately, by its truth and the verdicts of people.
type Alerts struct {
	Since     time.Time `json:"since"` // what was before does not count
	True      int       `json:"true"`
	False     int       `json:"false"`
	Undecided int       `json:"undecided"`
	Missed    int       `json:"missed"` // incidents without an alert
}

// A State is a reason why series have no score.
type State struct {
	State  string   `json:"state"`
	Reason string   `json:"reason"`
	Text   string   `json:"text"` // what it means and what to do
	Series int      `json:"series"`
	Such   []Series `json:"such,omitempty"` // some of them
	// Learning is that of the series that gets a score next, and AllScored when the last one does; absent: not known.
	Learning  *meaning.Learning `json:"learning,omitempty"`
	AllScored *time.Time        `json:"allScored,omitempty"`
}

// Quality is how good the recent forecasts for a horizon were.
type Quality struct {
	Horizon  string `json:"horizon"`
	Coverage Number `json:"coverage"` // share of the values inside their interval
	Level    Number `json:"level"`    // what that share should be
	MASE     Number `json:"mase"`     // error relative to that of the value of a day before
}

// suchSeries is how many series of a state are named. Chosen: a line of the page has room for them.
const suchSeries = 3

// Detectors returns the state of the detectors and scalers that were asked for.
func (v *View) Detectors(s *result.Snapshot, f *Filter) []Detector {
	found := []Detector{}
	var faults map[result.Source]result.Fault
	if v.o.Faults != nil {
		faults = v.o.Faults()
	}
	for _, source := range v.Configured() {
		if len(f.Sources) > 0 && !slices.Contains(f.Sources, source.Name) {
			continue
		}
		d := Detector{Kind: source.Kind(), Name: source.ID(), Expressions: v.expressions(source), States: []State{}}
		if b := s.Batch(source); b != nil {
			v.describeBatch(&d, b)
		}
		if f, ok := faults[source]; ok && (d.Step == nil || !f.At.Before(d.Step.Add(v.due(source)))) {
			d.Failing = &Failing{f.At.UTC(), f.Err}
		}
		found = append(found, d)
	}
	return found
}

// due returns how long after a step the next one is evaluated.
func (v *View) due(source result.Source) time.Duration {
	if c := v.scaler(source); c != nil {
		return time.Duration(c.Step + c.QueryOffset)
	}
	if d := v.detector(source); d != nil {
		return time.Duration(d.Step + d.QueryOffset)
	}
	return 0
}

// DetectorOf returns how right the detector of a series has been, without its states; nil: it is not there any more.
func (v *View) DetectorOf(s *Series) *Detector {
	b := v.o.Snapshot().Batch(s.batch.Source)
	if b == nil {
		return nil
	}
	d := &Detector{Kind: s.Kind, Name: s.Source}
	v.describeQuality(d, b)
	return d
}

// Configured lists the detectors and scalers of the configuration in force.
func (v *View) Configured() []result.Source {
	cfg := v.o.Config()
	if cfg == nil {
		return nil
	}
	var sources []result.Source
	for i := range cfg.Detectors {
		sources = append(sources, result.Source{Name: cfg.Detectors[i].Name})
	}
	for i := range cfg.Scalers {
		c := &cfg.Scalers[i]
		of := func(resource string) result.Source {
			return result.Source{Scaler: true, Name: c.Name, Resource: resource}
		}
		if !c.Load.IsZero() {
			sources = append(sources, of(""))
		}
		if c.Resources != nil && !c.Resources.CPU.IsZero() {
			sources = append(sources, of("cpu"))
		}
		if c.Resources != nil && !c.Resources.Memory.IsZero() {
			sources = append(sources, of("memory"))
		}
	}
	slices.SortFunc(sources, result.Source.Compare)
	return sources
}

// Names returns the names of the detectors and scalers of the configuration in force, in order.
func (v *View) Names() (names []string) {
	for _, source := range v.Configured() {
		names = append(names, source.Name)
	}
	return slices.Compact(names)
}

func (v *View) describeBatch(d *Detector, b *result.Batch) {
	step := at(b.Step)
	d.Step, d.Stale, d.StepSeconds, d.Refused = &step, b.IsStale, b.Format.Step.Seconds(), b.Refused
	states := map[result.State]*State{}
	for i := range b.Series {
		s := &b.Series[i]
		if s.State == (result.State{}) {
			d.Scored++
			continue
		}
		state := states[s.State]
		if state == nil {
			state = &State{State: s.State.State, Reason: s.State.Reason, Text: StateText(s.State)}
			states[s.State] = state
		}
		if state.Series++; len(state.Such) < suchSeries {
			state.Such = append(state.Such, v.newSeries(b, s))
		}
		state.learns(meaning.LearningOf(b, s))
	}
	for _, state := range states {
		d.States = append(d.States, *state)
	}
	slices.SortFunc(d.States, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
	})
	v.describeQuality(d, b)
}

// describeQuality says how right a detector has been.
func (v *View) describeQuality(d *Detector, b *result.Batch) {
	level := math.NaN()
	if c := v.detector(b.Source); c != nil {
		level = c.Forecaster.Level
	}
	for _, q := range b.Quality {
		d.Forecasts = append(d.Forecasts, Quality{
			result.Duration(b.Format.Horizons[q.Horizon]), Number(q.Coverage), Number(level), Number(q.MASE),
		})
	}
	if r := b.Record; r != nil {
		d.Alerts = &Alerts{at(r.Since), r.True, r.False, r.Undecided, r.Missed}
	}
}

// learns counts how far one of the series is; nil: not known.
func (s *State) learns(l *meaning.Learning) {
	if l == nil {
		return
	}
	if s.Learning == nil || l.FirstScore.Before(s.Learning.FirstScore) {
		s.Learning = l
	}
	if s.AllScored == nil || l.FirstScore.After(*s.AllScored) {
		s.AllScored = &l.FirstScore
	}
}

// Dropped returns which kinds of results are not published, because there are too many; with their number.
func Dropped(s *result.Snapshot) map[string]int {
	d := maps.Clone(s.Counts)
	maps.DeleteFunc(d, func(_ string, n int) bool { return n == 0 })
	return d
}
