package dataset

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
)

// ownsNone reports whether it is known without reading that no series belongs to this process: the inputs are single
// series without labels.
func (o *Options) ownsNone() bool {
	return o.Owns != nil && o.Kept != nil && !o.Owns(labels.EmptyLabels()) &&
		!slices.ContainsFunc(o.Kept, func(k promql.Kept) bool { return !k.None() })
}

// owned returns an Evaluator of an input that leaves out what belongs to other processes, as soon as it comes from the
// source, if it is known which labels the input keeps.
func owned(e query.Evaluator, input int, o *Options) query.Evaluator {
	if o.Owns == nil || o.Kept == nil {
		return e
	}
	kept := o.Kept[input]
	if _, known := kept.Labels(labels.EmptyLabels()); !known {
		return e
	}
	e.Reads = func(l labels.Labels) bool {
		result, _ := kept.Labels(l)
		if o.joined() {
			result = labels.NewBuilder(result).Keep(o.By...).Labels()
		}
		return o.Owns(result)
	}
	return e
}
