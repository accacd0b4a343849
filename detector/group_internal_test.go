package detector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/metrics"
	"github.com/anomaly-exporter/anomaly-exporter/detector/outage"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

func TestNextRetry_BacksOffUpToAMinute(t *testing.T) {
	var waits []time.Duration
	retry := time.Duration(0)
	for range 7 {
		retry = nextRetry(retry)
		waits = append(waits, retry)
	}
	const s = time.Second
	require.Equal(t, []time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}, waits)
}

func TestGroupJitter_SpreadsDetectorsOverAQuarterStep(t *testing.T) {
	for _, tc := range []struct{ step, most time.Duration }{
		{20 * time.Second, 5 * time.Second}, {time.Minute, 15 * time.Second}, {time.Hour, 15 * time.Second},
	} {
		seen := map[time.Duration]bool{}
		for i := range 100 {
			g := &group{plan: plan{source: result.Source{Name: fmt.Sprint("detector-", i)}}}
			g.plan.schedule.Step = tc.step.Milliseconds()
			first, second := g.jitter(), g.jitter()
			require.Less(t, first, tc.most)
			require.Equal(t, first, second)
			seen[first.Round(tc.most/10)] = true
		}
		require.Greater(t, len(seen), 8, "step %s", tc.step)
	}
}

// outages is a storage without series, whose reads fail while broken is set.
type outages struct{ broken bool }

func (o *outages) Querier(int64, int64) (storage.Querier, error) {
	if o.broken {
		return nil, errors.New("connection refused")
	}
	return storage.NoopQuerier(), nil
}

// idle is a Pipeline without series.
type idle struct{}

func (idle) Advance(_ context.Context, step int64, _ *dataset.Dataset, _ result.Report) *result.Batch {
	return &result.Batch{Step: step, Format: result.NewFormat(result.Format{})}
}

func (idle) Configure(*result.Format, *result.Labeler) {}
func (idle) Evict(*dataset.Series)                     {}

func newIdleGroup(t *testing.T, source storage.Queryable) *group {
	t.Helper()
	o := Options{Engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{}),
	})}
	require.NoError(t, o.validate())
	layout, err := history.NewLayout(time.Minute, time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	g := newGroup(plan{
		source:      result.Source{Name: "idle"},
		schedule:    schedule.New(time.Minute, time.Hour, time.Hour, 0),
		data:        dataset.Options{Inputs: []dataset.Input{{Expr: "up"}}, Layout: layout},
		queryOffset: 30 * time.Second,
		newPipeline: func(schedule.Fitting, log.Logger) Pipeline { return idle{} },
	}, source, &o, metrics.New(prometheus.NewRegistry()))
	g.publish = func(*result.Batch) {}
	return g
}

// attempts runs cycles of a group until there were n, and returns when they ended. The clock is that of a bubble.
func attempts(g *group, n int, after func(attempt int)) (at []time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	g.attempted = func(time.Time) {
		if at = append(at, time.Now()); len(at) == n {
			cancel()
		}
		after(len(at))
	}
	g.run(ctx)
	return at
}

func TestGroup_BacksOffWhileReadsFailAndBeginsAnewAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &outages{broken: true}
		at := attempts(newIdleGroup(t, source), 12, func(attempt int) { source.broken = attempt < 8 || attempt > 8 })
		var waits []time.Duration
		for i := 1; i < len(at); i++ {
			waits = append(waits, at[i].Sub(at[i-1]).Round(time.Second))
		}
		const s = time.Second
		require.Equal(t, []time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}, waits[:8])
		require.LessOrEqual(t, waits[8], time.Minute, "the next step, after a success")
		require.Equal(t, []time.Duration{2 * s, 4 * s}, waits[9:])
	})
}

// Whoever reads the log of a night has to see how long an outage was.
func TestGroup_LogsSinceWhenCyclesFailedAndThatTheySucceedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &outages{}
		g := newIdleGroup(t, source)
		var out bytes.Buffer
		g.outages = outage.New(log.NewLogfmtLogger(&out))
		at := attempts(g, 5, func(attempt int) { source.broken = attempt == 1 || attempt == 2 })
		since := at[1].UTC().Format(time.RFC3339)
		require.Equal(t, 2, strings.Count(out.String(), `msg="Cycle failed, retrying" err="query up: connection refused" `+
			"since="+since+" in="), out.String())
		require.Equal(t, 1, strings.Count(out.String(), `msg="Cycle succeeded again" failed_since=`+since+" step="),
			out.String())
	})
}

func TestGroup_BeginsCyclesAtItsOwnOffsetFromTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newIdleGroup(t, &outages{})
		require.Positive(t, g.jitter())
		for _, at := range attempts(g, 5, func(int) {})[1:] {
			require.Equal(t, 30*time.Second+g.jitter(), at.Sub(at.Truncate(time.Minute)))
		}
	})
}

// fitter is a Pipeline that works on a hundred series, and records the most at the same time.
type fitter struct {
	fitting   schedule.Fitting
	now, most *atomic.Int64
}

func (f fitter) Advance(ctx context.Context, step int64, _ *dataset.Dataset, _ result.Report) *result.Batch {
	schedule.Each(ctx, f.fitting.Workers, make([]struct{}, 100), func() int { return 0 }, func(struct{}, int) {
		for n := f.now.Add(1); ; {
			most := f.most.Load()
			if n <= most || f.most.CompareAndSwap(most, n) {
				break
			}
		}
		time.Sleep(time.Millisecond)
		f.now.Add(-1)
	})
	return &result.Batch{Step: step, Format: result.NewFormat(result.Format{})}
}

func (fitter) Configure(*result.Format, *result.Labeler) {}
func (fitter) Evict(*dataset.Series)                     {}

// nothing is a storage without series.
type nothing struct{}

func (nothing) Querier(int64, int64) (storage.Querier, error) { return storage.NoopQuerier(), nil }

func TestGroups_FitAtMostSoManySeriesAtATimeTogether(t *testing.T) {
	const limit = 3
	var now, most atomic.Int64
	o := Options{
		Engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{}),
		}),
		Limits: NewLimits(limit),
	}
	require.NoError(t, o.validate())
	m := metrics.New(prometheus.NewRegistry())
	layout, err := history.NewLayout(time.Minute, time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	var groups sync.WaitGroup
	for i := range 6 {
		g := newGroup(plan{
			source:   result.Source{Scaler: true, Name: fmt.Sprint(i)},
			schedule: schedule.New(time.Minute, time.Hour, time.Hour, 0),
			data:     dataset.Options{Inputs: []dataset.Input{{Expr: "up"}}, Layout: layout},
			newPipeline: func(f schedule.Fitting, _ log.Logger) Pipeline {
				return fitter{f, &now, &most}
			},
		}, nothing{}, &o, m)
		g.publish, g.attempted = func(*result.Batch) {}, func(time.Time) {}
		groups.Go(func() { require.NoError(t, g.cycle(context.Background(), time.Unix(1e9, 0))) })
	}
	groups.Wait()
	require.Equal(t, int64(limit), most.Load())
}

func TestPlan_KeepsMembersOfAPoolInOneShard(t *testing.T) {
	p := plan{shardKey: func(l labels.Labels) uint64 { return dataset.ID(l.MatchLabels(true, "job")) }}
	owned := map[uint64]bool{}
	o := p.datasetOptions(&Options{
		Limits: NewLimits(1), Owns: func(key uint64) bool { owned[key] = true; return true },
	}, log.NewNopLogger())
	require.True(t, o.Owns(labels.FromStrings("job", "a", "pod", "1")))
	require.True(t, o.Owns(labels.FromStrings("job", "a", "pod", "2")))
	require.Len(t, owned, 1)
}
