package detector

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// newPooledGroup is a group without a source, whose series are siblings if they have the same container.
func newPooledGroup(t testing.TB) *group {
	t.Helper()
	cfg, err := config.Load([]byte(`
global: {step: 5m, history: 2d, min_history: 12h, refit_interval: 1h}
remote_read: [{url: http://localhost:9090/api/v1/read}]
detectors: [{name: load, expr: load, pool_by: [container], publish: [score, onset]}]
`), "test.yml")
	require.NoError(t, err)
	m, err := New(Options{Engine: &promql.Engine{}, Concurrency: 2})
	require.NoError(t, err)
	task, err := m.detectorTask(cfg, &cfg.Detectors[0])
	require.NoError(t, err)
	return newRunner(m, task, nil).group
}

// add adds a series with a value at every step from one time to another.
func (g *group) add(container, pod string, from, to int64) *series {
	s := newSeries(labels.FromStrings("container", container, "pod", pod), g.layout, 1)
	for ts := from; ts <= to; ts += g.schedule.step {
		s.inputs[0].Append(ts, 10+math.Sin(float64(ts))+math.Cos(float64(s.seed)), false)
	}
	g.series[s.seed] = append(g.series[s.seed], s)
	return s
}

// What is kept of a pod that is gone returns once nothing depends on it, and of a pool with its last pod.
func TestMembersAreForgotten(t *testing.T) {
	g := newPooledGroup(t)
	hour := time.Hour.Milliseconds()
	begin := 1000 * 24 * hour
	for i := range 3 {
		g.add("api", fmt.Sprint(i), begin, begin+96*hour)
		g.add("job", fmt.Sprint(i), begin, begin+50*hour)
	}
	gone := g.add("api", "gone", begin, begin+50*hour)
	step := func(at int64) {
		g.read = at
		g.step(at)
	}
	step(begin + 50*hour)
	require.Len(t, g.pools, 2)
	require.Len(t, gone.pool.series, 4)
	require.NotNil(t, gone.member.peer)
	job := g.pools[values(labels.FromStrings("container", "job"), g.pooling.by)]
	require.NotNil(t, job.peers)

	step(begin + 52*hour)
	require.Nil(t, job.peers, "none has been there for more than 15 steps")
	require.Nil(t, job.series[0].member)
	require.NotNil(t, gone.member, "the others may still be compared with it")

	for at := begin + 52*hour; at <= begin+77*hour; at += hour {
		step(at)
	}
	require.Nil(t, gone.member, "away for more than a day")
	require.NotNil(t, gone.pool.peers)

	g.live(false)
	g.read = begin + 135*hour
	g.trim()
	require.Len(t, gone.pool.series, 3, "its history is over")
	require.Len(t, g.pools, 1)
	g.read = begin + 200*hour
	g.trim()
	require.Empty(t, g.pools)
	require.Empty(t, g.series)
}

// live says of all series whether they are.
func (g *group) live(live bool) { g.each(func(s *series) { s.live = live }) }

// A panic of a pool's model leaves that pool without scores until its next slot, and no other.
func TestBrokenPool(t *testing.T) {
	g := newPooledGroup(t)
	hour := time.Hour.Milliseconds()
	begin := 1000 * 24 * hour
	for i := range 3 {
		g.add("api", fmt.Sprint(i), begin, begin+50*hour)
		g.add("job", fmt.Sprint(i), begin, begin+50*hour)
	}
	newMember := g.pooling.newMember
	broken := true
	g.pooling.newMember = func(s *series) *detection {
		if broken && s.labels.Get("container") == "job" {
			panic("bad")
		}
		return newMember(s)
	}
	at := begin + 48*hour
	scored := func() int {
		g.read = at
		_, part := g.step(at)
		at += g.schedule.step
		return len(part.Results[Score])
	}
	require.Equal(t, 3, scored())
	broken = false
	n := 1
	for scored() == 3 {
		n++
	}
	require.LessOrEqual(t, n, 12, "steps in an hour")
	require.Equal(t, 6, scored())
}

// BenchmarkPool fits a pool of 50 members and a week at 5 minutes, and brings it forward by a step.
func BenchmarkPool(b *testing.B) {
	var w history.Window
	g := newPooledGroup(b)
	g.layout.Length = 7 * 24 * time.Hour.Milliseconds()
	end := 1000 * g.layout.Length
	for i := range 50 {
		g.add("api", fmt.Sprint(i), end-g.layout.Length, end+1000*g.schedule.step)
	}
	g.step(end)
	var p *pool
	for _, p = range g.pools {
	}
	b.Run("fit", func(b *testing.B) {
		for b.Loop() {
			g.fitPool(p, &w)
		}
	})
	b.Run("step", func(b *testing.B) {
		b.ReportAllocs()
		g.fitPool(p, &w)
		for b.Loop() {
			g.stepPool(p, &w)
		}
	})
}
