package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// Detector says which series to score and forecast, and how. What global sets for
// all is resolved: the fields hold what is in force here.
type Detector struct {
	Name string `yaml:"name"`
	Expr Expr   `yaml:"expr,omitempty"`

	// Inputs are signals that are scored as one vector, instead of Expr; By are the
	// labels that tell the vectors apart.
	Inputs map[string]Expr `yaml:"inputs,omitempty"`
	By     []string        `yaml:"by,omitempty,flow"`

	PoolBy []string `yaml:"pool_by,omitempty,flow"` // siblings, which share a model, agree on these labels

	Step          model.Duration `yaml:"step"`
	QueryOffset   model.Duration `yaml:"query_offset"`
	History       model.Duration `yaml:"history"`
	MinHistory    model.Duration `yaml:"min_history"`
	RefitInterval model.Duration `yaml:"refit_interval"`
	SeriesLimit   int            `yaml:"series_limit"`

	Scorer     Scorer     `yaml:"scorer"`
	Forecaster Forecaster `yaml:"forecaster"`
	Bounds     Bounds     `yaml:"bounds,omitempty"`
	Mask       *Side      `yaml:"mask,omitempty"` // where it has a value, nothing is learned
	Mute       *Side      `yaml:"mute,omitempty"` // where it has a value, nothing is learned or scored

	Publish          []string          `yaml:"publish,flow"`
	Missing          string            `yaml:"missing"` // drop, zero, last: what a gap means
	Timezone         string            `yaml:"timezone"`
	Holidays         Holidays          `yaml:"holidays,flow"`
	ExplainThreshold float64           `yaml:"explain_threshold"` // score from which it is explained
	DataRange        [2]float64        `yaml:"data_range,flow"`   // least and greatest possible value
	Labels           map[string]string `yaml:"labels,omitempty"`
}

// Location is the zone whose wall clock the seasons follow.
func (d *Detector) Location() *time.Location { return location(d.Timezone) }

// loadDetector checks the values against each other only if those in g are sound.
func loadDetector(s *section, g Global, sound bool) Detector {
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
		ExplainThreshold: 0.6,
		DataRange:        unlimited(),
	}
	if s.decode(&d) && sound {
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

// inherited are the settings in force that stem from global.
func (d *Detector) inherited() Global {
	return Global{
		Step: d.Step, QueryOffset: d.QueryOffset, History: d.History, MinHistory: d.MinHistory,
		RefitInterval: d.RefitInterval, SeriesLimit: d.SeriesLimit, Timezone: d.Timezone,
	}
}

func (d *Detector) check(s *section) {
	d.checkInputs(s)
	d.checkPool(s)
	g := d.inherited()
	stepped := g.checkInherited(s)
	d.Scorer.check(s)
	d.Bounds.check(s)
	d.Mask.check(s, "mask")
	d.Mute.check(s, "mute")
	s.oneOf("missing", d.Missing, "drop", "zero", "last")
	s.require(d.ExplainThreshold >= 0 && d.ExplainThreshold <= 1, "explain_threshold",
		"%v is not within 0 and 1", d.ExplainThreshold)
	s.require(d.DataRange[0] < d.DataRange[1], "data_range", "%v is not below %v", d.DataRange[0], d.DataRange[1])
	checkResultLabels(s, d.Labels)

	bounded := d.Bounds != Bounds{}
	if stepped && len(d.Forecaster.Horizons) == 0 && (bounded || slices.Contains(d.Publish, "forecast")) {
		d.Forecaster.Horizons = defaultHorizons(g)
		s.require(len(d.Forecaster.Horizons) > 0, "forecaster.horizons",
			"is missing, and the default does not suit step %s", g.Step)
	}
	if stepped {
		d.Forecaster.check(s, g)
	}
	switch {
	case d.Publish != nil:
	case d.Joint():
		d.Publish = []string{"score", "state"}
	default:
		d.Publish = []string{"score", "expected", "state"}
		if bounded || len(d.Forecaster.Horizons) > 0 {
			d.Publish = append(d.Publish, "forecast")
		}
	}
	d.checkPublish(s)
}

func (d *Detector) checkPublish(s *section) {
	s.require(len(d.Publish) > 0, "publish", "is empty")
	for i, word := range d.Publish {
		key := fmt.Sprintf("publish[%d]", i)
		s.oneOf(key, word, "score", "onset", "contribution", "expected", "forecast", "state", "model")
		s.require(!slices.Contains(d.Publish[:i], word), key, "%q stands twice", word)
		s.require(!d.Joint() || !slices.Contains([]string{"expected", "forecast", "model"}, word), key, "%q has no meaning with inputs", word)
	}
}
