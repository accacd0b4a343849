package detector_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

// A server that accepts connections and never answers: nothing fails, so only a timer can tell that results are old.
func TestManager_WithdrawsOldResultsWhileReadsHang(t *testing.T) {
	var clock atomic.Int64
	begin := epoch.Add(3 * 24 * time.Hour)
	set := func(after time.Duration) { clock.Store(begin.Add(after).UnixMilli()) }
	set(0)
	o := detector.Options{
		Now: func() time.Time { return time.UnixMilli(clock.Load()) }, Registerer: prometheus.NewRegistry(),
	}
	o.SetTick(10 * time.Millisecond)
	m := newManager(t, o)
	source := newGate(newStorage(t, epoch, begin.Add(time.Hour), 5*time.Minute, pods(2), daily))
	cfg := `
global: {step: 5m, query_offset: 0s, history: 2d, min_history: 6h, refit_interval: 4h}
detectors: [{name: load, expr: load, labels: {team: %s}}, {name: other, expr: load}]
scalers: [{name: all, load: sum(load), capacity_per_replica: 100, max_replicas: 50}]
`
	require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(cfg, "a")), source))
	runManager(t, m)
	scored := func() bool {
		s := m.Snapshot()
		return len(found(s, result.RecommendedReplicas, "scaler")) == 1 && len(found(s, result.Score, "detector")) == 2
	}
	require.Eventually(t, scored, 10*time.Second, 10*time.Millisecond)
	open := source.shut()
	defer open()

	set(14 * time.Minute)
	<-source.waiting
	time.Sleep(100 * time.Millisecond)
	require.True(t, scored(), "results are kept while they are recent")
	set(16 * time.Minute)
	require.Eventually(t, func() bool {
		return len(found(m.Snapshot(), result.RecommendedReplicas, "scaler")) == 0 &&
			len(found(m.Snapshot(), result.Score, "pod")) == 0
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, map[string]float64{"stale": 1}, found(m.Snapshot(), result.ModelState, "state"))
	require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(cfg, "b")), source))
	require.Eventually(t, func() bool {
		_, ok := found(m.Snapshot(), result.ModelState, "team")["b"]
		return ok
	}, 10*time.Second, 10*time.Millisecond)
	require.Empty(t, found(m.Snapshot(), result.Score, "pod"), "a reload does not bring them back")
}

// gauge collects the first series of a metric.
type gauge struct {
	from prometheus.Gatherer
	name string
}

func (g gauge) Describe(chan<- *prometheus.Desc) {}

func (g gauge) Collect(c chan<- prometheus.Metric) {
	families, _ := g.from.Gather()
	for _, f := range families {
		if m := f.GetMetric()[0]; f.GetName() == g.name {
			v := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			c <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.name, "x", nil, nil), prometheus.GaugeValue, v)
		}
	}
}

const clockConfig = `
global: {history: 2d, min_history: 6h, refit_interval: 4h, step: 5m, query_offset: 0s}
detectors: [{name: load, expr: load, forecaster: {horizons: [15m]}}]
`

// growing is a storage that holds no sample of the future.
type growing struct {
	*tsdb.DB
	t  *testing.T
	at time.Time
}

func (g *growing) grow(to time.Time) {
	value := func(i int, ts int64) float64 { return daily(i, time.UnixMilli(ts).UTC()) }
	const step = 5 * time.Minute
	storage.Write(g.t, g.DB, g.at.Add(step).UnixMilli(), to.UnixMilli(), step.Milliseconds(), value, pods(2)...)
	g.at = to
}

// While the clock is wrong, what is not right is not published. Two cycles after it has been set right, everything is
// as if nothing had happened, and no step counts as missed.
func TestManager_IsRightTwoCyclesAfterAJumpOfTheClock(t *testing.T) {
	const (
		step = 5 * time.Minute
		year = 365 * 24 * time.Hour
	)
	begin := epoch.Add(3 * 24 * time.Hour)
	for _, tc := range []struct {
		name string
		jump time.Duration
	}{
		{"a step ahead", step},
		{"an hour ahead", time.Hour},
		{"ten days ahead", 240 * time.Hour},
		{"ten years ahead", 10 * year},
		{"a step back", -step},
		{"an hour back", -time.Hour},
		{"ten days back", -240 * time.Hour},
		{"1970", time.Unix(900, 0).Sub(begin)},
	} {
		for _, boot := range []bool{false, true} { // with the wrong clock
			t.Run(fmt.Sprintf("%s, boot %v", tc.name, boot), func(t *testing.T) {
				db := &growing{newStorage(t, epoch, begin, step, pods(2), daily), t, begin}
				reg := prometheus.NewRegistry()
				m := newManager(t, detector.Options{Registerer: reg})
				require.NoError(t, m.ApplyConfig(load(t, clockConfig), db))
				now := begin
				tick := func(jump time.Duration) {
					now = now.Add(step)
					db.grow(now)
					cycle(t, m, now.Add(jump))
				}
				if !boot {
					tick(0)
					require.Len(t, found(m.Snapshot(), result.Score, "pod"), 2)
				}
				for range 3 {
					tick(tc.jump)
					if tc.jump > step {
						require.Empty(t, found(m.Snapshot(), result.Score, "pod"), "nothing is known of the future")
					}
				}
				cycle(t, m, now) // a goroutine looks at the clock every few seconds
				tick(0)
				fresh := newManager(t, detector.Options{})
				require.NoError(t, fresh.ApplyConfig(load(t, clockConfig), db))
				cycle(t, fresh, now)
				require.Len(t, found(m.Snapshot(), result.Score, "pod"), 2)
				require.Equal(t, results(fresh.Snapshot()), results(m.Snapshot()))
				require.LessOrEqual(t, testutil.ToFloat64(gauge{reg, "anomaly_exporter_cycles_missed_total"}), 12.0)
			})
		}
	}
}

// The goroutine of a detector sees a jump long before its next step is due.
func TestManager_SeesAJumpOfTheClockWhileItWaits(t *testing.T) {
	var clock atomic.Int64
	begin := epoch.Add(3 * 24 * time.Hour)
	clock.Store(begin.UnixMilli())
	o := detector.Options{Now: func() time.Time { return time.UnixMilli(clock.Load()) }}
	o.SetTick(10 * time.Millisecond)
	m := newManager(t, o)
	db := newStorage(t, epoch, begin.Add(2*time.Hour), 5*time.Minute, pods(2), daily)
	require.NoError(t, m.ApplyConfig(load(t, clockConfig), db))
	runManager(t, m)
	for _, jump := range []time.Duration{time.Hour, 0, -time.Hour, 20 * 24 * time.Hour, 30 * time.Minute} {
		at := begin.Add(jump)
		clock.Store(at.Add(20 * time.Second).UnixMilli()) // later than the jitter
		require.Eventually(t, func() bool {
			return m.Snapshot().Batches[0].Step == at.UnixMilli()
		}, 10*time.Second, 10*time.Millisecond, "%s", jump)
		scores := len(found(m.Snapshot(), result.Score, "pod"))
		require.Equal(t, jump < 24*time.Hour, scores == 2, "%s: %d", jump, scores)
	}
}

// Clocks are corrected by milliseconds all the time.
func TestManager_ReadsNothingAnewAfterASmallCorrectionOfTheClock(t *testing.T) {
	begin := epoch.Add(3 * 24 * time.Hour)
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	db := newStorage(t, epoch, begin.Add(2*time.Hour), 5*time.Minute, pods(2), daily)
	require.NoError(t, m.ApplyConfig(load(t, clockConfig), db))
	cycles := func() float64 { return testutil.ToFloat64(gauge{reg, "anomaly_exporter_cycles_total"}) }
	cycle(t, m, begin)
	cycle(t, m, begin.Add(-time.Second))
	require.InDelta(t, 1, cycles(), 0)
	cycle(t, m, begin.Add(-3*time.Minute))
	require.InDelta(t, 2, cycles(), 0)
}

// A detector that waits for its turn to read gives up when it is stopped.
func TestManager_StopsWhileOneReadHangsAndOthersWait(t *testing.T) {
	db := newStorage(t, epoch, epoch.Add(48*time.Hour), 5*time.Minute, pods(1), daily)
	source := newGate(db)
	m := newManager(t, detector.Options{Now: func() time.Time { return epoch.Add(48 * time.Hour) }})
	require.NoError(t, m.ApplyConfig(load(t, `
detectors: [{name: a, expr: load}, {name: b, expr: load}, {name: c, expr: load}]
`), source))
	open := source.shut()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	<-source.waiting
	cancel()
	open()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		require.Fail(t, "does not stop")
	}
}

// A stop during the fits of a start publishes nothing that is not complete, and takes no longer than a few fits.
func TestManager_StopsDuringFits(t *testing.T) {
	skipSlow(t)
	end := epoch.Add(3 * 24 * time.Hour)
	next := end.Add(5 * time.Minute)
	db := newStorage(t, epoch, next, 5*time.Minute, pods(20), daily)
	for _, pool := range []string{"", ", pool_by: [pod]"} {
		reg := prometheus.NewRegistry()
		m := newManager(t, detector.Options{Registerer: reg})
		cfg := load(t, fmt.Sprintf(`
global: {history: 2d, min_history: 6h, step: 5m, query_offset: 0s}
detectors: [{name: load, expr: load, forecaster: {horizons: [15m]}%s}]
scalers: [{name: all, load: load, by: [pod], capacity_per_replica: 100, max_replicas: 50}]
`, pool))
		require.NoError(t, m.ApplyConfig(cfg, db))
		ctx, cancel := context.WithCancel(context.Background())
		require.Error(t, m.Cycle(endsWithFit{ctx, cancel, reg}, end))
		require.Empty(t, m.Snapshot().Batches)
		require.Less(t, fitted(reg), uint64(12), "of 40")
		cycle(t, m, next)
		fresh := newManager(t, detector.Options{})
		require.NoError(t, fresh.ApplyConfig(cfg, db))
		cycle(t, fresh, next)
		require.Equal(t, results(fresh.Snapshot()), results(m.Snapshot()), "it goes on where it was stopped")
	}
}

// endsWithFit is a context that has ended when it is asked after the first fit, however busy the machine is.
type endsWithFit struct {
	context.Context
	cancel context.CancelFunc
	reg    prometheus.Gatherer
}

func (c endsWithFit) Err() error {
	if fitted(c.reg) > 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// fitted returns how many models have been fitted.
func fitted(reg prometheus.Gatherer) (n uint64) {
	families, _ := reg.Gather()
	for _, f := range families {
		if f.GetName() == "anomaly_exporter_fit_duration_seconds" {
			for _, m := range f.GetMetric() {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return n
}
