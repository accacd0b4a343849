package api

import (
	"context"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/incident"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

func (a *API) anomalies(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	return a.o.View.Anomalies(s, &q.Filter), nil
}

// An overlay has the values of a while before those of a history.
type overlay struct {
	Before string        `json:"before"`
	Value  []view.Number `json:"value"`
}

// laid returns the overlays of a history of a series with some times.
func laid(s *view.Series, times []int64, q *query) []overlay {
	overlays := make([]overlay, len(q.overlays))
	for i, back := range q.overlays {
		overlays[i] = overlay{model.Duration(back).String(), s.Before(times, back)}
	}
	return overlays
}

// series lists the series, with their states; with start, and if only one matches, what was published of it, its
// siblings, and what people said about it. One that is gone is described as it was in the end.
func (a *API) series(ctx context.Context, s *result.Snapshot, q *query) (any, error) {
	found, total := a.o.View.List(s, &q.Filter)
	answer := map[string]any{"series": found, "total": total}
	if q.from.IsZero() {
		if q.format == "csv" {
			return seriesTable(found), nil
		}
		return answer, nil
	}
	if total != 1 || len(found) != 1 {
		return nil, view.Invalidf("start: %d series match; the history of one can be asked for", total)
	}
	var err error
	if found[0].Gone != nil {
		found[0], err = a.o.View.Ended(ctx, &found[0], q.from, q.to)
	} else {
		found[0].History, err = a.o.View.History(ctx, &found[0], q.from, q.to)
	}
	if err != nil {
		return nil, err
	}
	if q.format == "csv" {
		return historyTable(found[0].Source, found[0].History), nil
	}
	if len(q.overlays) > 0 {
		answer["overlays"] = laid(&found[0], found[0].History.Time, q)
	}
	answer["siblings"], answer["siblingsTotal"] = a.o.View.Siblings(&found[0], q.Limit)
	if a.o.Verdicts != nil {
		answer["verdicts"], answer["verdictsTotal"] = a.verdictsOn(&found[0], q)
	}
	return answer, nil
}

func (a *API) forecast(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	found, total := a.o.View.Forecasts(s, &q.Filter, false)
	return map[string]any{"forecasts": found, "total": total}, nil
}

// recommendations lists what scalers recommend; with start, and if only one matches, what was published of it.
func (a *API) recommendations(ctx context.Context, s *result.Snapshot, q *query) (any, error) {
	found, total := a.o.View.Recommendations(s, &q.Filter)
	answer := map[string]any{"recommendations": found, "total": total}
	if !q.from.IsZero() {
		if total != 1 || len(found) != 1 {
			return nil, view.Invalidf("start: %d recommendations match; the history of one can be asked for", total)
		}
		var err error
		if one := &found[0]; one.Gone != nil {
			if one.Series, err = a.o.View.Ended(ctx, &one.Series, q.from, q.to); err != nil {
				return nil, err
			}
			*one = a.o.View.Recommendation(&one.Series)
		}
		if found[0].History, err = a.o.View.ScalerHistory(ctx, &found[0], q.from, q.to); err != nil {
			return nil, err
		}
		if len(q.overlays) > 0 {
			answer["overlays"] = laid(&found[0].Series, found[0].History.Time, q)
		}
	}
	return answer, nil
}

func (a *API) detectors(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	found := a.o.View.Detectors(s, &q.Filter)
	total := len(found)
	from := min(q.Offset, total)
	return map[string]any{
		"detectors": found[from:min(from+q.Limit, total)], "total": total, "dropped": view.Dropped(s),
	}, nil
}

// context describes what is anomalous, and who is suspected, in one document.
func (a *API) context(ctx context.Context, s *result.Snapshot, q *query) (any, error) {
	var c config.Context
	if cfg := a.o.Config(); cfg != nil {
		c = cfg.Context
	}
	limit := incident.DefaultLimit
	if q.limited {
		limit = q.Limit
	}
	d, err := incident.Describe(ctx, a.o.View, s, c, a.o.Query, q.match, limit)
	if err == nil && q.format == "markdown" {
		return markdown(d.Markdown()), nil
	}
	return d, err
}
