// Package incident describes an incident in one document, for a person, a ticket or a language model: what is
// anomalous, who is suspected of being the cause, and what else happened.
package incident

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/marks"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	// suspectScore is the score from which an entity is listed as a suspect. Chosen: once a day of normal behaviour. What
	// is broken is often less anomalous than what suffers from it, and at 0.6 was missing from one list in ten.
	suspectScore = 0.5
	// DefaultLimit bounds each list of a document. Chosen: a person reads no more, and a model is paid by the word.
	DefaultLimit = 10
)

// Query evaluates an expression at a time.
type Query func(ctx context.Context, expr string, at time.Time) (promql.Vector, error)

// A Document describes what is anomalous at a step.
type Document struct {
	At        time.Time           `json:"at,omitzero"` // absent: nothing has been evaluated yet
	Match     []string            `json:"match,omitempty"`
	Series    int                 `json:"series"`             // of detectors that match, with a value
	Scored    int                 `json:"scored"`             // those of them that have a score
	Unscored  []view.State        `json:"unscored,omitempty"` // why the others have none, what most have first
	Incidents []view.Incident     `json:"incidents"`          // the most severe first
	Suspects  []Suspect           `json:"suspects"`           // the likeliest cause first
	Breaches  []view.Forecast     `json:"breaches"`           // bounds that will be crossed, the soonest first
	Changes   []map[string]string `json:"changes"`            // labels of what was rolled out
	Alerts    []map[string]string `json:"alerts"`             // labels of the alerts that are firing
	Problems  []string            `json:"problems,omitempty"` // what could not be read
}

// A Suspect is an entity that may be the cause.
type Suspect struct {
	Labels  map[string]string `json:"labels"`
	Share   view.Number       `json:"share"` // of all suspicion
	Since   *time.Time        `json:"since,omitempty"`
	Reasons []string          `json:"reasons"`
	Series  []view.Series     `json:"series"` // its anomalies, the rarest first
}

// entity is what may be the cause, with its series.
type entity struct {
	labels   map[string]string
	series   []view.Series // with an anomaly
	evidence []float64     // of all its series
	callers  []int
	callees  []int
}

// Describe returns the document of a snapshot, with lists of at most limit. What cannot be read is named in it. The
// error is about the selectors.
func Describe(
	ctx context.Context, v *view.View, s *result.Snapshot, c config.Context, query Query, match []string, limit int,
) (*Document, error) {
	selectors, err := view.ParseSelectors(match)
	if err != nil {
		return nil, err
	}
	f := &view.Filter{Selectors: selectors, Limit: limit}
	d := &Document{Match: match, Incidents: v.Anomalies(s, f).Incidents}
	for _, b := range s.Batches {
		if at := time.UnixMilli(b.Step).UTC(); at.After(d.At) {
			d.At = at
		}
	}
	d.Breaches, _ = v.Forecasts(s, f, true)

	f.Limit = math.MaxInt
	all, _ := v.List(s, f)
	for i := range all {
		if all[i].Kind == "detector" {
			d.Series++
			d.count(&all[i])
		}
	}
	slices.SortStableFunc(d.Unscored, func(a, b view.State) int { return cmp.Compare(b.Series, a.Series) })
	entities := group(all, c.Entity)
	read := func(expr config.Expr) promql.Vector {
		if expr.IsZero() || query == nil || d.At.IsZero() {
			return nil
		}
		found, err := query(ctx, expr.String(), d.At)
		if err != nil {
			d.Problems = append(d.Problems, fmt.Sprintf("%s: %v", expr, err))
		}
		return found
	}
	var calls [][2]int
	if c.Calls != nil {
		calls = connect(entities, read(c.Calls.Expr), c.Calls, c.Entity)
	}
	d.Suspects = suspects(entities, calls, limit)
	d.Changes = related(read(c.Changes), entities, selectors, limit)
	d.Alerts = related(read(c.Alerts), entities, selectors, limit)
	return d, nil
}

// count counts a series by whether it has a score, and if not, by why.
func (d *Document) count(s *view.Series) {
	if s.State == "" {
		d.Scored++
		return
	}
	i := slices.IndexFunc(d.Unscored, func(u view.State) bool { return u.State == s.State && u.Reason == s.Reason })
	if i < 0 {
		i = len(d.Unscored)
		d.Unscored = append(d.Unscored, view.State{State: s.State, Reason: s.Reason, Text: s.Remedy})
	}
	d.Unscored[i].Series++
}

// group groups the series with a score by the entity that they are about.
func group(all []view.Series, names []string) []*entity {
	var found []*entity
	index := map[string]*entity{}
	for i := range all {
		s := &all[i]
		surprise := s.Surprise()
		if math.IsNaN(surprise) {
			continue
		}
		l, key := s.Entity(names)
		if len(l) == 0 {
			continue
		}
		e := index[key]
		if e == nil {
			e = &entity{labels: l}
			index[key] = e
			found = append(found, e)
		}
		e.evidence = append(e.evidence, evidenceOf(
			surprise, float64(s.Value), float64(s.Expected), float64(s.Lower), float64(s.Upper)))
		if float64(s.Score) >= suspectScore {
			e.series = append(e.series, *s)
		}
	}
	for _, e := range found {
		slices.SortStableFunc(e.series, func(a, b view.Series) int { return cmp.Compare(b.Surprise(), a.Surprise()) })
	}
	return found
}

// connect finds the entities that calls are between, and returns pairs of their indices.
func connect(entities []*entity, calls promql.Vector, c *config.Calls, names []string) (pairs [][2]int) {
	byName := map[string][]int{}
	for i, e := range entities {
		name := e.name(names)
		byName[name] = append(byName[name], i)
	}
	for _, call := range calls {
		for _, from := range byName[call.Metric.Get(c.From)] {
			for _, to := range byName[call.Metric.Get(c.To)] {
				if from == to || !agree(call.Metric, entities[from].labels) || !agree(call.Metric, entities[to].labels) ||
					slices.Contains(entities[from].callees, to) {
					continue
				}
				entities[from].callees = append(entities[from].callees, to)
				entities[to].callers = append(entities[to].callers, from)
				pairs = append(pairs, [2]int{from, to})
			}
		}
	}
	return pairs
}

// name returns the value of the last label of an entity, which calls know it by.
func (e *entity) name(names []string) string {
	if len(names) > 0 {
		for _, n := range slices.Backward(names) {
			if v := e.labels[n]; v != "" {
				return v
			}
		}
	}
	return view.WorkloadName(e.labels)
}

// agree reports whether labels have the same values where both have one.
func agree(of labels.Labels, with map[string]string) bool {
	for name, value := range with {
		if v := of.Get(name); v != "" && v != value {
			return false
		}
	}
	return true
}

// suspects ranks the entities with an anomaly, and returns the first.
func suspects(entities []*entity, calls [][2]int, limit int) []Suspect {
	evidence := make([]float64, len(entities))
	for i, e := range entities {
		evidence[i] = agreement(e.evidence)
	}
	share := suspicion(evidence, calls)
	order := make([]int, 0, len(entities))
	first := time.Time{}
	for i, e := range entities {
		if len(e.series) == 0 {
			continue
		}
		order = append(order, i)
		if since := e.since(); since != nil && (first.IsZero() || since.Before(first)) {
			first = *since
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(share[b], share[a]) })
	found := []Suspect{}
	for _, i := range order[:min(len(order), limit)] {
		e := entities[i]
		found = append(found, Suspect{
			Labels: e.labels, Share: view.Number(share[i]), Since: e.since(),
			Reasons: e.reasons(entities, first), Series: e.series[:min(len(e.series), limit)],
		})
	}
	return found
}

// since returns when the first anomaly of the entity began; nil if none has a high score.
func (e *entity) since() (first *time.Time) {
	for i := range e.series {
		if s := e.series[i].Since; s != nil && (first == nil || s.Before(*first)) {
			first = s
		}
	}
	return first
}

// reasons says why the entity is suspected. first is when the first anomaly of all began.
func (e *entity) reasons(entities []*entity, first time.Time) []string {
	reasons := []string{e.series[0].Sentence}
	if n := len(e.series); n > 1 {
		reasons = append(reasons, fmt.Sprintf("%d of its series are anomalous.", n))
	}
	if since := e.since(); since != nil && since.Equal(first) {
		reasons = append(reasons, "Nothing else became anomalous before it.")
	}
	anomalous := func(of []int) (names []string) {
		for _, i := range of {
			if len(entities[i].series) > 0 {
				names = append(names, view.WorkloadName(entities[i].labels))
			}
		}
		slices.Sort(names)
		return names
	}
	if callers := anomalous(e.callers); len(callers) > 0 {
		reasons = append(reasons, "Anomalous too, and calling it: "+strings.Join(callers, ", ")+".")
	}
	if callees := anomalous(e.callees); len(callees) > 0 {
		reasons = append(reasons, "Anomalous too, and called by it: "+strings.Join(callees, ", ")+".")
	} else if len(e.callees) > 0 {
		reasons = append(reasons, "Nothing that it calls is anomalous.")
	}
	return reasons
}

// related returns the labels of the first series that the document is about: those of an entity with an anomaly come
// first, then those that are related to one, or that the selectors match.
func related(
	found promql.Vector, entities []*entity, selectors [][]*labels.Matcher, limit int,
) []map[string]string {
	of := func(l labels.Labels) map[string]string {
		return maps.Collect(func(yield func(string, string) bool) {
			l.Range(func(l labels.Label) { yield(l.Name, l.Value) })
		})
	}
	first, others := []map[string]string{}, []map[string]string{}
	for _, s := range found {
		switch related, same := about(s.Metric, entities); {
		case same:
			first = append(first, of(s.Metric))
		case related || matched(s.Metric, selectors):
			others = append(others, of(s.Metric))
		}
	}
	first = append(first, others...)
	return first[:min(len(first), limit)]
}

// about tells whether labels are related to an entity that has an anomaly, and whether they are about such a one.
func about(l labels.Labels, entities []*entity) (related, same bool) {
	for _, e := range entities {
		if len(e.series) > 0 {
			r, s := marks.Relation(l, e.labels)
			related, same = related || r, same || s
		}
	}
	return related, same
}

func matched(l labels.Labels, selectors [][]*labels.Matcher) bool {
	return slices.ContainsFunc(selectors, func(of []*labels.Matcher) bool {
		return !slices.ContainsFunc(of, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) })
	})
}
