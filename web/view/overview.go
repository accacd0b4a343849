package view

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/address"
)

// overviewLimit bounds each list of the overview. Guard: nobody reads more, and an outage of the whole fleet must not
// make a page of megabytes.
const overviewLimit = 50

// An Overview is the newest results in brief.
type Overview struct {
	Anomalies
	Breaches        []Forecast // bounds that will be crossed, the soonest first
	BreachesTotal   int
	Recommendations []Recommendation
	Replicas        int // recommendations in all
	Detectors       []Detector
	Graded          bool     // whether it is known of a detector how right it has been
	Without         int      // series without a score or recommendation
	Problems        []string // of the exporter itself
}

// Overview returns the newest results of the series that a selector matches ("": all), of at least a severity and of
// one detector (likewise).
func (v *View) Overview(match, severity, detector string) (*Overview, error) {
	f := &Filter{Limit: overviewLimit, Severity: severity}
	if match != "" {
		var err error
		if f.Selectors, err = ParseSelectors([]string{match}); err != nil {
			return nil, err
		}
	}
	if err := CheckSeverity(severity); err != nil {
		return nil, err
	}
	if detector != "" {
		f.Sources = []string{detector}
	}
	s := v.o.Snapshot()
	o := &Overview{Anomalies: v.Anomalies(s, f)}
	o.Breaches, o.BreachesTotal = v.Forecasts(s, f, true)
	o.Recommendations, o.Replicas = v.Recommendations(s, f)
	o.Detectors = v.Detectors(s, f)
	for i := range o.Detectors {
		o.Graded = o.Graded || o.Detectors[i].Alerts != nil || len(o.Detectors[i].Forecasts) > 0
		for _, state := range o.Detectors[i].States {
			o.Without += state.Series
		}
	}
	o.Problems = v.problems(s, o.Detectors)
	return o, nil
}

// problems says what is wrong with the exporter itself.
func (v *View) problems(s *result.Snapshot, detectors []Detector) (problems []string) {
	now := v.o.Now()
	for i := range detectors {
		d := &detectors[i]
		failing, see := "", "; see the log"
		if d.Failing != nil {
			failing, see = ": "+d.Failing.Error, ""
		}
		switch {
		case d.Step == nil:
			problems = append(problems, fmt.Sprintf("%s %q has no results yet%s.", d.Kind, d.Name, failing))
		case d.Stale:
			problems = append(problems, fmt.Sprintf("%s %q has had no new results since %s%s%s.", d.Kind, d.Name,
				d.Step.Format("15:04"), failing, see))
		case now.Sub(*d.Step) > 3*time.Duration(d.StepSeconds)*time.Second+5*time.Minute:
			problems = append(problems, fmt.Sprintf("%s %q is %s behind%s.", d.Kind, d.Name,
				humanize.Duration(now.Sub(*d.Step)), failing))
		}
	}
	for kind, n := range Dropped(s) {
		problems = append(problems, fmt.Sprintf("%d results of the kind %q are not published: sample_limit.", n, kind))
	}
	slices.Sort(problems)
	return problems
}

// NewestStep returns the time of the newest results; zero if there are none.
func (v *View) NewestStep() (t time.Time) {
	for _, b := range v.o.Snapshot().Batches {
		if step := at(b.Step); step.After(t) {
			t = step
		}
	}
	return t
}

// Find returns the series that the query of a page is about; if there is none now, those that are gone.
func (v *View) Find(page url.Values) (found []Series) {
	for _, b := range v.o.Snapshot().Batches {
		series, gone := address.Find(b, page)
		for _, s := range series {
			found = append(found, v.newSeries(b, s))
		}
		for _, g := range gone {
			found = append(found, v.newGone(b, g))
		}
	}
	return found
}

// Selector returns the selector that matches the labels of a series.
func (s *Series) Selector() string { return labels.FromMap(s.Labels).String() }
