package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Detector says which series to score and forecast, and how. Values inherited from global are filled in.
type Detector struct {
	Name string `yaml:"name"`
	Expr Expr   `yaml:"expr,omitempty"`

	// Inputs are signals that are scored together as one vector, instead of Expr. There is a vector for each
	// combination of values of the labels By.
	Inputs map[string]Expr `yaml:"inputs,omitempty"`
	By     []string        `yaml:"by,omitempty,flow"`

	PoolBy []string `yaml:"pool_by,omitempty,flow"` // series that agree on these labels share a model

	Step          model.Duration `yaml:"step"`
	QueryOffset   model.Duration `yaml:"query_offset"`
	History       model.Duration `yaml:"history"`
	MinHistory    model.Duration `yaml:"min_history"`
	RefitInterval model.Duration `yaml:"refit_interval"`
	SeriesLimit   int            `yaml:"series_limit"`

	Scorer     Scorer     `yaml:"scorer"`
	Forecaster Forecaster `yaml:"forecaster"`
	Bounds     Bounds     `yaml:"bounds,omitempty"`
	Mask       *Selector  `yaml:"mask,omitempty"` // where it has a value, the step is not learned from
	Mute       *Selector  `yaml:"mute,omitempty"` // where it has a value, the step is neither learned from nor scored

	Publish          []string          `yaml:"publish,flow"`
	Missing          string            `yaml:"missing"` // what a gap means: drop, zero or last
	Timezone         string            `yaml:"timezone"`
	Holidays         Holidays          `yaml:"holidays,flow"`
	ExplainThreshold float64           `yaml:"explain_threshold"` // lowest score that is explained
	DataRange        [2]float64        `yaml:"data_range,flow"`   // smallest and largest possible value
	Unit             string            `yaml:"unit,omitempty"`    // of the values, for people; "": see ValueUnit
	Labels           map[string]string `yaml:"labels,omitempty"`
}

// Location returns the time zone whose wall clock seasons follow.
func (d *Detector) Location() *time.Location { return location(d.Timezone) }

// ValueUnit returns the unit of the values: as configured, or else what the names of the metrics tell. What lies
// between 0 and 1 is a ratio. It is "" if it is not known, and with inputs.
func (d *Detector) ValueUnit() string {
	unit := d.Unit
	if unit == "" && !d.Multivariate() {
		unit = d.Expr.Unit()
	}
	if unit == "" && d.DataRange == [2]float64{0, 1} {
		return "ratio"
	}
	return unit
}

// loadDetector decodes and checks a detector. It checks the values only if those that it inherits from g are valid.
func loadDetector(s *document.Section, g Global, globalValid bool) Detector {
	d := Detector{
		Step:             g.Step,
		QueryOffset:      g.QueryOffset,
		History:          g.History,
		MinHistory:       g.MinHistory,
		RefitInterval:    g.RefitInterval,
		SeriesLimit:      g.SeriesLimit,
		Scorer:           defaultScorer(),
		Forecaster:       defaultForecaster(),
		Missing:          "drop",
		Timezone:         g.Timezone,
		Holidays:         g.Holidays,
		ExplainThreshold: 0.6, // once in 3.5 days of normal life
		DataRange:        unlimited(),
	}
	if s.Decode(&d) && globalValid {
		d.check(s)
	}
	if len(d.Labels) == 0 {
		d.Labels = nil
	}
	d.Holidays = d.Holidays.orNil()
	if len(d.By) == 0 {
		d.By = nil
	}
	return d
}

// inherited returns those settings that may also be set in global, as they are in force for the detector.
func (d *Detector) inherited() Global {
	return Global{
		Step: d.Step, QueryOffset: d.QueryOffset, History: d.History, MinHistory: d.MinHistory,
		RefitInterval: d.RefitInterval, SeriesLimit: d.SeriesLimit, Timezone: d.Timezone,
	}
}

func (d *Detector) check(s *document.Section) {
	d.checkInputs(s)
	d.checkPool(s)
	g := d.inherited()
	validStep := g.checkInherited(s)
	d.Scorer.check(s)
	d.Bounds.check(s)
	d.Mask.check(s, "mask")
	d.Mute.check(s, "mute")
	s.OneOf("missing", d.Missing, "drop", "zero", "last")
	s.Require(d.ExplainThreshold >= 0 && d.ExplainThreshold <= 1, "explain_threshold",
		"%v is not in the range 0 to 1", d.ExplainThreshold)
	s.Require(d.DataRange[0] < d.DataRange[1], "data_range", "%v is not below %v", d.DataRange[0], d.DataRange[1])
	checkResultLabels(s, d.Labels)

	bounded := d.Bounds != Bounds{}
	if validStep && len(d.Forecaster.Horizons) == 0 && (bounded || slices.Contains(d.Publish, "forecast")) {
		d.Forecaster.Horizons = defaultHorizons(g)
		s.Require(len(d.Forecaster.Horizons) > 0, "forecaster.horizons",
			"is missing, and none of the defaults 15m, 1h and 6h fits step %s and history %s", g.Step, g.History)
	}
	if validStep {
		d.Forecaster.check(s, g)
	}
	switch {
	case d.Publish != nil:
	case d.Multivariate():
		d.Publish = []string{"score", "state"}
	default:
		d.Publish = []string{"score", "expected", "state"}
		if bounded || len(d.Forecaster.Horizons) > 0 {
			d.Publish = append(d.Publish, "forecast")
		}
	}
	d.checkPublish(s)
}

func (d *Detector) checkPublish(s *document.Section) {
	s.Require(len(d.Publish) > 0, "publish", "is empty")
	for i, word := range d.Publish {
		key := fmt.Sprintf("publish[%d]", i)
		s.OneOf(key, word, "score", "onset", "contribution", "expected", "forecast", "state", "model")
		s.Require(!slices.Contains(d.Publish[:i], word), key, "%q is listed twice", word)
		univariate := slices.Contains([]string{"expected", "forecast", "model"}, word)
		s.Require(!univariate || !d.Multivariate(), key, "%q cannot be used with inputs", word)
	}
}
