// Package query makes the queries of the remote-read protocol from a selector, so that the answers tell the external
// labels that a server adds from those that its series carry themselves.
//
// A Prometheus adds its external labels to the series that lack them. In a request, it takes name="value" of an
// external label for name="". So neither the answers nor that matcher tell a series that carries the label from one
// that lacks it. The matchers name="" and name!="" do. A selector is therefore asked for in parts, each in a query of
// its own, and a label is removed only from the series that lack it.
package query

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
)

// Query is what one request asks for.
type Query struct {
	Mint, Maxt int64                // milliseconds since the epoch, both included
	Hints      *storage.SelectHints // nil if there are none; the range in them does not count
	// Parts are together the series that the selector selects. No series is in two of them.
	Parts []Part
	// Shared is true if two parts may have series with the same labels, of which that of the earlier part counts.
	Shared bool
}

// Part is some of the series that a selector selects.
type Part struct {
	Matchers []*labels.Matcher
	// Strip are the labels that the server has added and the selector does not name.
	Strip labels.Labels
}

// New returns the query for what a selector selects on a server with these external labels.
func New(selector []*labels.Matcher, external labels.Labels, mint, maxt int64, hints *storage.SelectHints) *Query {
	parts, shared := split(selector, external)
	return &Query{Mint: mint, Maxt: maxt, Hints: hints, Parts: parts, Shared: shared}
}

// WithRange returns a copy of the query for another range.
func (q *Query) WithRange(mint, maxt int64) *Query {
	c := *q
	c.Mint, c.Maxt = mint, maxt
	return &c
}

// Messages returns the query as the protocol has it: one for each part.
func (q *Query) Messages() []*prompb.Query {
	var hints *prompb.ReadHints
	if q.Hints != nil {
		hints = &prompb.ReadHints{
			StartMs: q.Mint, EndMs: q.Maxt, StepMs: q.Hints.Step, RangeMs: q.Hints.Range,
			Func: q.Hints.Func, Grouping: q.Hints.Grouping, By: q.Hints.By,
		}
	}
	all := make([]*prompb.Query, len(q.Parts))
	for i, p := range q.Parts {
		all[i] = &prompb.Query{StartTimestampMs: q.Mint, EndTimestampMs: q.Maxt, Hints: hints}
		for _, m := range p.Matchers {
			all[i].Matchers = append(all[i].Matchers, &prompb.LabelMatcher{
				Type: prompb.LabelMatcher_Type(m.Type), // both number =, !=, =~ and !~ from 0
				Name: m.Name, Value: m.Value,
			})
		}
	}
	return all
}
