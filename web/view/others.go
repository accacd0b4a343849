package view

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/naming"
)

// alsoScore is the score from which another series of the same workload is said to have moved too. Chosen: once in 3.5
// days of normal behaviour.
const alsoScore = 0.6

// Others returns what to look at beside a series, without its siblings. Moved are those that became anomalous at about
// the same time, and those of the same workload that are unusual, what moved first first. Calm are the others of the
// same workload, those with the highest score first.
func (v *View) Others(of *Series) (moved, calm []Series) {
	_, key := naming.Workload(of.label)
	sibling := v.sibling(of)
	for _, b := range v.o.Snapshot().Batches {
		for i := range b.Series {
			s := &b.Series[i]
			if math.IsNaN(s.Score.Value) || b.Source == of.batch.Source && s.ID == of.series.ID || sibling(b, s) {
				continue
			}
			_, other := naming.Workload(s.Labels.Get)
			same := key != "" && key == other
			if !same && (of.Since == nil || s.Since.At == 0) {
				continue
			}
			one := v.newSeries(b, s)
			switch {
			case same && (one.Since != nil || s.Score.Value >= alsoScore),
				!same && one.Since.Sub(*of.Since).Abs() <= together:
				moved = append(moved, one)
			case same:
				calm = append(calm, one)
			}
		}
	}
	first := func(s *Series) int64 {
		if s.Since != nil {
			return s.Since.Unix()
		}
		return math.MaxInt64
	}
	byScore := func(a, b Series) int { return cmp.Compare(float64(b.Score), float64(a.Score)) }
	slices.SortStableFunc(moved, func(a, b Series) int {
		return cmp.Or(cmp.Compare(first(&a), first(&b)), byScore(a, b))
	})
	slices.SortStableFunc(calm, byScore)
	return moved[:min(len(moved), overviewLimit)], calm[:min(len(calm), overviewLimit)]
}

// Siblings returns the other members of the pool of a series, those with the highest score first, at most so many; and
// how many there are.
func (v *View) Siblings(of *Series, limit int) (found []Series, total int) {
	sibling := v.sibling(of)
	var all []*result.Series
	for i := range of.batch.Series {
		if s := &of.batch.Series[i]; sibling(of.batch, s) {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b *result.Series) int { return cmp.Compare(b.Score.Value, a.Score.Value) })
	found = []Series{}
	for _, s := range all[:min(len(all), limit)] {
		found = append(found, v.newSeries(of.batch, s))
	}
	return found, len(all)
}

// sibling returns what tells whether a series of a batch is another member of the pool of a series. Without pool_by
// none is.
func (v *View) sibling(of *Series) func(*result.Batch, *result.Series) bool {
	d := v.detector(of.batch.Source)
	if d == nil || len(d.PoolBy) == 0 {
		return func(*result.Batch, *result.Series) bool { return false }
	}
	pool := of.series.Input.MatchLabels(true, d.PoolBy...)
	return func(b *result.Batch, s *result.Series) bool {
		return b.Source == of.batch.Source && s.ID != of.series.ID &&
			labels.Equal(s.Input.MatchLabels(true, d.PoolBy...), pool)
	}
}
