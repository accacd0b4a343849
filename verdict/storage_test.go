package verdict_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// present evaluates an expression at each minute from noon to one, and returns by the labels of its series a mark for
// each minute: x where there is a value.
func present(t *testing.T, s *verdict.Set, expr string) map[string]string {
	t.Helper()
	db := storage.New(t)
	storage.Write(t, db, noon.Add(-time.Hour).UnixMilli(), noon.Add(time.Hour).UnixMilli(), 60_000,
		func(int, int64) float64 { return 1 }, labels.FromStrings("__name__", "up", "pod", "a"))
	q, err := storage.NewEngine(5*time.Minute, 1e6).NewRangeQuery(context.Background(), s.Over(db), nil, expr,
		noon, noon.Add(20*time.Minute), time.Minute)
	require.NoError(t, err)
	defer q.Close()
	matrix, err := q.Exec(context.Background()).Matrix()
	require.NoError(t, err)
	found := map[string]string{}
	for _, series := range matrix {
		marks := []byte("---------------------")
		for _, p := range series.Floats {
			require.Equal(t, 1.0, p.F)
			marks[(p.T-noon.UnixMilli())/60_000] = 'x'
		}
		found[series.Metric.String()] = string(marks)
	}
	return found
}

func TestSet_IsSelectedInPromQL(t *testing.T) {
	other := about(verdict.Rejected, "b", 12, 30)
	other.Series = labels.FromStrings("pod", "b", "verdict", "guilty")
	before := about(verdict.Confirmed, "c", -30, -1)
	moment := about(verdict.Confirmed, "d", 7, 7)
	s := verdict.NewSet(
		about(verdict.Confirmed, "a", -30, 3), about(verdict.Confirmed, "a", 2, 4), about(verdict.Confirmed, "a", 6, 6),
		other, before, moment,
	)
	const (
		a = `{__name__="anomaly_feedback", detector="load", pod="a", verdict="confirmed"}`
		b = `{__name__="anomaly_feedback", exported_verdict="guilty", pod="b", verdict="rejected"}`
		d = `{__name__="anomaly_feedback", detector="load", pod="d", verdict="confirmed"}`
	)
	marksA, marksB, marksD := "xxxxx-x--------------", "------------xxxxxxxxx", "-------x-------------"
	for _, tc := range []struct {
		expr string
		want map[string]string
	}{
		{`anomaly_feedback`, map[string]string{a: marksA, b: marksB, d: marksD}},
		{`anomaly_feedback{verdict="confirmed",pod=~"a|c"}`, map[string]string{a: marksA}},
		{`{__name__=~"anomaly_.+",pod!="d"}`, map[string]string{a: marksA, b: marksB}},
		{`{pod="a"}`, map[string]string{a: marksA, `{__name__="up", pod="a"}`: "xxxxxxxxxxxxxxxxxxxxx"}},
		{`up`, map[string]string{`{__name__="up", pod="a"}`: "xxxxxxxxxxxxxxxxxxxxx"}},
		{`up unless on (pod) anomaly_feedback`, map[string]string{`{__name__="up", pod="a"}`: "-----x-xxxxxxxxxxxxxx"}},
		{`anomaly_feedback{verdict="revoked"}`, map[string]string{}},
	} {
		require.Equal(t, tc.want, present(t, s, tc.expr), tc.expr)
	}
	require.Empty(t, present(t, &verdict.Set{}, "anomaly_feedback"))
	require.Empty(t, present(t, nil, "anomaly_feedback"))
}

// With steps between the samples, each step of the period has a value and no other.
func TestSet_HasAValueAtEachMomentOfAPeriod(t *testing.T) {
	v := about(verdict.Confirmed, "a", 0, 0)
	v.From, v.To = noon.Add(1300*time.Millisecond), noon.Add(4*time.Minute+700*time.Millisecond)
	s := verdict.NewSet(v)
	engine := storage.NewEngine(5*time.Minute, 1e6)
	db := storage.New(t)
	for at := noon.Add(-10 * time.Second); at.Before(noon.Add(15 * time.Minute)); at = at.Add(100 * time.Millisecond) {
		if at.Sub(v.From).Abs() > 2*time.Second && at.Sub(v.To).Abs() > 2*time.Second && at.UnixMilli()%7000 != 0 {
			continue
		}
		q, err := engine.NewInstantQuery(t.Context(), s.Over(db), nil, verdict.MetricName, at)
		require.NoError(t, err)
		vector, err := q.Exec(t.Context()).Vector()
		require.NoError(t, err)
		want := 0
		if !at.Before(v.From) && !at.After(v.To) {
			want = 1
		}
		require.Len(t, vector, want, at)
		q.Close()
	}
}
