package api

import (
	"context"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

func (a *API) anomalies(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	return a.view.Anomalies(s, &q.Filter), nil
}

// series lists the series, with their states; with start, and if only one matches, what was published of it.
func (a *API) series(ctx context.Context, s *result.Snapshot, q *query) (any, error) {
	found, total := a.view.List(s, &q.Filter)
	if !q.from.IsZero() {
		if total != 1 || len(found) != 1 {
			return nil, view.Invalidf("start: %d series match; the history of one can be asked for", total)
		}
		var err error
		if found[0].History, err = a.view.History(ctx, &found[0], q.from, q.to); err != nil {
			return nil, err
		}
	}
	return map[string]any{"series": found, "total": total}, nil
}

func (a *API) forecast(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	found, total := a.view.Forecasts(s, &q.Filter, false)
	return map[string]any{"forecasts": found, "total": total}, nil
}

func (a *API) recommendations(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	found, total := a.view.Recommendations(s, &q.Filter)
	return map[string]any{"recommendations": found, "total": total}, nil
}

func (a *API) detectors(_ context.Context, s *result.Snapshot, q *query) (any, error) {
	found := a.view.Detectors(s, &q.Filter)
	total := len(found)
	from := min(q.Offset, total)
	return map[string]any{
		"detectors": found[from:min(from+q.Limit, total)], "total": total, "dropped": view.Dropped(s),
	}, nil
}
