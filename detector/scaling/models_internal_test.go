package scaling

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	minute = int64(60_000)
	day    = int64(24 * hour)
	epoch  = 20_000 * day // ms
)

// pipeline is a Replicas or a Requests.
type pipeline interface {
	Advance(ctx context.Context, step int64, data *dataset.Dataset, report result.Report) *result.Batch
	Configure(f *result.Format, l *result.Labeler)
	Evict(s *dataset.Series)
}

// runner is a pipeline and the Dataset that it works on.
type runner struct {
	t *testing.T
	pipeline
	data      *dataset.Dataset
	evaluator query.Evaluator
}

func unobserved() schedule.Fitting {
	return schedule.Fitting{Workers: schedule.NewWorkers(1), Observe: func(_ string, fit func()) { fit() }}
}

func run(t *testing.T, p *Plan, create func(*Plan) pipeline, db *tsdb.DB) *runner {
	t.Helper()
	e := query.Evaluator{Engine: storage.NewEngine(time.Minute, 50e6), Source: db}
	return &runner{t, create(p), dataset.New(p.Data), e}
}

func replicasOf(fitting schedule.Fitting) func(*Plan) pipeline {
	return func(p *Plan) pipeline { return NewReplicas(p, fitting, log.NewNopLogger()) }
}

func requestsOf(fitting schedule.Fitting) func(*Plan) pipeline {
	return func(p *Plan) pipeline { return NewRequests(p, fitting, log.NewNopLogger()) }
}

// step reads everything up to a step, and brings the models to it.
func (r *runner) step(to int64) *result.Batch {
	r.t.Helper()
	for {
		p, ok := r.data.Next(dataset.Request{To: to})
		if !ok {
			return r.Advance(context.Background(), to, r.data, nil)
		}
		slice, err := p.Read(context.Background(), r.evaluator)
		require.NoError(r.t, err)
		r.data.Apply(slice)
		slice.Close()
		for _, s := range r.data.Trim() {
			r.Evict(s)
		}
	}
}

// states returns state and reason of the series of a batch by the value of a label; empty if there is a
// recommendation.
func states(b *result.Batch, name string) map[string]string {
	found := map[string]string{}
	for _, s := range b.Series {
		found[s.Input.Get(name)] = s.State.State + s.State.Reason
	}
	return found
}

const loadText = `
global: {step: 5m, history: 2d, min_history: 12h, refit_interval: 1h, query_offset: 0s}
scalers: [{name: shop, load: load, by: [service], capacity_per_replica: %s, max_replicas: 50}]
`

func load(service string) labels.Labels {
	return labels.FromStrings("__name__", "load", "service", service)
}

func wave(ts int64) float64 { return 100 + 50*math.Sin(2*math.Pi*float64(ts%day)/float64(day)) }

func TestReplicas_DropsAModelAfterFifteenStepsWithoutAValue(t *testing.T) {
	db := storage.New(t)
	storage.WriteSeries(t, db, load("a"), epoch, epoch+16*hour, 5*minute, wave)
	storage.WriteSeries(t, db, load("b"), epoch, epoch+14*hour, 5*minute, wave)
	r := run(t, newTestPlans(t, fmt.Sprintf(loadText, "10"))[0], replicasOf(unobserved()), db)
	b := r.step(epoch + 14*hour)
	of := r.pipeline.(*Replicas).series[b.Series[1].ID]
	require.Equal(t, "b", of.Labels.Get("service"))
	require.True(t, of.fitted)
	r.step(epoch + 14*hour + 75*minute)
	require.True(t, of.fitted)
	r.step(epoch + 14*hour + 80*minute)
	require.False(t, of.fitted)
}

// A panic of a model leaves its load without a recommendation until its next slot, and no other.
func TestReplicas_LeavesABrokenLoadOutUntilItsNextSlot(t *testing.T) {
	db := storage.New(t)
	storage.WriteSeries(t, db, load("a"), epoch, epoch+50*hour, 5*minute, wave)
	storage.WriteSeries(t, db, load("b"), epoch, epoch+50*hour, 5*minute, wave)
	fits, fitting := 0, unobserved()
	fitting.Observe = func(_ string, fit func()) {
		if fits++; fits == 1 {
			panic("bad")
		}
		fit()
	}
	p := newTestPlans(t, fmt.Sprintf(loadText, "10"))[0]
	slot := p.Schedule.Slot(dataset.ID(load("a")), epoch+48*hour)
	r := run(t, p, replicasOf(fitting), db)
	for at := slot + 5*minute; at < slot+hour; at += 5 * minute {
		require.Equal(t, map[string]string{"a": "failedfit_error", "b": ""}, states(r.step(at), "service"))
	}
	require.Equal(t, map[string]string{"a": "", "b": ""}, states(r.step(slot+hour), "service"))
}

func TestReplicas_ConfigureTouchesNoModel(t *testing.T) {
	db := storage.New(t)
	storage.WriteSeries(t, db, load("a"), epoch, epoch+20*hour, 5*minute, wave)
	p := newTestPlans(t, fmt.Sprintf(loadText, "10"))[0]
	changed, still := run(t, p, replicasOf(unobserved()), db), run(t, p, replicasOf(unobserved()), db)
	changed.step(epoch + 19*hour)
	still.step(epoch + 19*hour)
	format := result.NewFormat(result.Format{Publish: result.Recommendations})
	changed.Configure(format, &result.Labeler{Keep: []string{}, Add: map[string]string{"team": "x"}})
	got, want := changed.step(epoch+20*hour), still.step(epoch+20*hour)
	require.Same(t, format, got.Format)
	require.Equal(t, result.Labels{{Name: "team", Value: "x"}}, got.Series[0].Labels)
	require.Equal(t, want.Series[0].Replicas, got.Series[0].Replicas)
	require.Equal(t, want.Series[0].Totals, got.Series[0].Totals)
}

func TestReplicas_AreOrderedByTheirLabelsAndToldOfOnceIfTheyAreAmbiguous(t *testing.T) {
	db := storage.New(t)
	end := epoch + 20*hour
	for _, l := range []labels.Labels{
		labels.FromStrings("__name__", "load", "a", "1", "service", "z"),
		labels.FromStrings("__name__", "load", "a", "2", "service", "b"),
		labels.FromStrings("__name__", "load", "a", "3", "service", "z"),
		labels.FromStrings("__name__", "load", "a", "4", "service", "z"),
	} {
		storage.WriteSeries(t, db, l, epoch, end, 5*minute, wave)
	}
	b := run(t, newTestPlans(t, fmt.Sprintf(loadText, "10"))[0], replicasOf(unobserved()), db).step(end)
	var services, inputs string
	var duplicates []bool
	for _, s := range b.Series {
		services, inputs = services+s.Labels.Get("service"), inputs+s.Input.Get("a")
		duplicates = append(duplicates, s.Duplicate)
		ambiguous := s.Labels.Get("service") == "z"
		require.Equal(t, ambiguous, s.State == result.State{State: result.Failed, Reason: result.ReasonSeveral})
		require.Equal(t, ambiguous, s.Replicas.Replicas == 0)
	}
	require.Equal(t, "bzzz", services)
	require.Equal(t, "2134", inputs)
	require.Equal(t, []bool{false, false, true, true}, duplicates)
}

// The steps by which a new model was brought up were not lived through.
func TestReplicas_CountNoTotalsOfTheReplayOfANewModel(t *testing.T) {
	db := storage.New(t)
	storage.WriteSeries(t, db, load("a"), epoch, epoch+20*hour, 5*minute, wave)
	r := run(t, newTestPlans(t, fmt.Sprintf(loadText, "10"))[0], replicasOf(unobserved()), db)
	require.Zero(t, r.step(epoch + 19*hour).Series[0].Totals)
	require.Equal(t, 300.0, r.step(epoch + 19*hour + 5*minute).Series[0].Totals.Seconds)
	require.Equal(t, 900.0, r.step(epoch + 19*hour + 20*minute).Series[0].Totals.Seconds, "those that are caught up count")
}

func TestReplicas_LearnsTheMedianCapacityAndHorizon(t *testing.T) {
	db := storage.New(t)
	end := epoch + 2*day
	for service, capacity := range map[string]float64{"a": 10, "b": 20, "c": 60} {
		of := func(name string) labels.Labels { return labels.FromStrings("__name__", name, "service", service) }
		storage.WriteSeries(t, db, of("load"), epoch, end, 5*minute, func(ts int64) float64 { return wave(ts) })
		storage.WriteSeries(t, db, of("running"), epoch, end, 5*minute, func(int64) float64 { return 10 })
		storage.WriteSeries(
			t, db, of("utilization"), epoch, end, 5*minute,
			func(ts int64) float64 { return wave(ts) / 10 / capacity * 0.7 },
		)
	}
	storage.WriteSeries(t, db, load("unknown"), epoch, end, 5*minute, wave)
	b := run(t, newTestPlans(t, fmt.Sprintf(loadText, "{utilization: utilization, replicas: running}"))[0],
		replicasOf(unobserved()), db).step(end)
	require.InDelta(t, 20, b.Learned.Capacity, 0.01)
	require.Equal(t, 900.0, b.Learned.Horizon, "as configured")
	require.Equal(t, map[string]string{"a": "", "b": "", "c": "", "unknown": "learningno_capacity"}, states(b, "service"))

	none := run(t, newTestPlans(t, fmt.Sprintf(loadText, "{utilization: no, replicas: running}"))[0],
		replicasOf(unobserved()), db).step(end)
	require.Nil(t, none.Learned)
}

// A capacity is learned from two days, and at steps of a minute from every other of them.
func TestWorkload_LearnsItsCapacityFromSomeStepsOfTwoDays(t *testing.T) {
	p := newTestPlans(t, `
global: {step: 1m, history: 2d, query_offset: 0s}
scalers: [{name: x, load: load, by: [service], max_replicas: 9,
  capacity_per_replica: {utilization: utilization, replicas: running, target: 0.5}}]`)[0]
	end := epoch + 3*day
	db := storage.New(t)
	for service, at := range map[string]func(ts int64) bool{
		"even": func(ts int64) bool { return ts%(2*minute) == 0 },
		"odd":  func(ts int64) bool { return ts%(2*minute) == minute },
		"new":  func(ts int64) bool { return ts > end-2*day && ts <= end-2*day+20*minute },
		"old":  func(ts int64) bool { return ts > end-2*day-21*minute && ts <= end-2*day },
	} {
		of := func(name string) labels.Labels { return labels.FromStrings("__name__", name, "service", service) }
		sometimes := func(v float64) func(int64) float64 {
			return func(ts int64) float64 {
				if !at(ts) {
					return math.NaN()
				}
				return v
			}
		}
		storage.WriteSeries(t, db, of("load"), end-2*day-hour, end, minute, func(int64) float64 { return 100 })
		storage.WriteSeries(t, db, of("running"), end-2*day-hour, end, minute, sometimes(4))
		storage.WriteSeries(t, db, of("utilization"), end-2*day-hour, end, minute, sometimes(0.25))
	}
	r := run(t, p, replicasOf(unobserved()), db)
	r.step(end)
	learned := map[string]float64{}
	for _, s := range r.data.All() {
		learned[s.Labels.Get("service")] = newWorkload(p.scaler, unobserved()).learnCapacity(s, end)
	}
	require.Equal(t, 50.0, learned["even"], "100/4 replicas at 0.25, which is half of the target")
	require.True(t, math.IsNaN(learned["odd"]))
	require.Equal(t, 50.0, learned["new"])
	require.True(t, math.IsNaN(learned["old"]))
}

func TestWorkload_LearnsItsHorizonFromStartups(t *testing.T) {
	const text = `
global: {step: 5m, history: 2d, query_offset: 0s}
scalers: [{name: x, load: load, by: [service], capacity_per_replica: 1, max_replicas: 9, horizon: %s}]`
	learned := newTestPlans(t, fmt.Sprintf(text, "{startup: startup}"))[0]
	require.Equal(t, 24, replicasOptions(learned.scaler).Horizon, "the longest that is believed bounds the look-back")
	db := storage.New(t)
	end := epoch + 2*day
	for service, seconds := range map[string]float64{"short": 1, "some": 700, "long": 1e6} {
		storage.WriteSeries(t, db, load(service), epoch, end, 5*minute, wave)
		storage.WriteSeries(t, db, labels.FromStrings("__name__", "startup", "service", service), epoch, end, hour,
			func(int64) float64 { return seconds })
	}
	storage.WriteSeries(t, db, load("none"), epoch, end, 5*minute, wave)
	r := run(t, learned, replicasOf(unobserved()), db)
	r.step(end)
	horizons := map[string]int{}
	for _, s := range r.data.All() {
		horizons[s.Labels.Get("service")] = newWorkload(learned.scaler, unobserved()).learnHorizon(s, end)
	}
	require.Equal(
		t, map[string]int{"short": 1, "some": 3, "long": 24, "none": 3}, horizons, "15m as long as nothing is known",
	)

	fixed := newTestPlans(t, fmt.Sprintf(text, "1h"))[0]
	require.Equal(t, 12, replicasOptions(fixed.scaler).Horizon)
	require.Equal(t, 12, newWorkload(fixed.scaler, unobserved()).learnHorizon(r.data.All()[0], end))
}

func TestWorkload_SaysWhyThereIsNoRecommendation(t *testing.T) {
	for _, tc := range []struct {
		capacity         float64
		known, ambiguous bool
		want             result.State
	}{
		{1, true, false, result.State{}},
		{1, true, true, result.State{State: result.Failed, Reason: result.ReasonSeveral}},
		{math.NaN(), true, false, result.State{State: result.Learning, Reason: result.ReasonNoCapacity}},
		{math.NaN(), false, true, result.State{State: result.Failed, Reason: result.ReasonSeveral}},
		{1, false, false, result.State{State: result.Failed, Reason: result.ReasonNoData}},
	} {
		w := &workload{capacity: tc.capacity, known: tc.known}
		require.Equal(t, tc.want, w.state(tc.ambiguous))
	}
}

// One corrupt sample is not followed, nor learned from. A jump of the same size is followed a step later, a smaller one
// at once.
func TestReplicas_BelievesAnEnormousLoadOnceItIsConfirmed(t *testing.T) {
	const text = `
global: {step: 5m, history: 2d, min_history: 12h, refit_interval: 1h, query_offset: 0s}
scalers: [{name: shop, load: load, by: [service], capacity_per_replica: 10, max_replicas: 500}]`
	begin := epoch + 40*hour
	loads := map[string]func(ts int64) float64{
		"corrupt": func(ts int64) float64 {
			if ts == begin {
				return 18446744073709551615
			}
			return wave(ts)
		},
		"jump": func(ts int64) float64 {
			if ts >= begin {
				return 4000
			}
			return wave(ts)
		},
		"smaller": func(ts int64) float64 {
			if ts >= begin {
				return 1200
			}
			return wave(ts)
		},
	}
	db := storage.New(t)
	for service, f := range loads {
		storage.WriteSeries(t, db, load(service), epoch, begin+5*hour, 5*minute, f)
	}
	r := run(t, newTestPlans(t, text)[0], replicasOf(unobserved()), db)
	at := func(ts int64) map[string]int {
		found := map[string]int{}
		for _, s := range r.step(ts).Series {
			found[s.Labels.Get("service")] = s.Replicas.Replicas
		}
		return found
	}
	before, now, next := at(begin-5*minute), at(begin), at(begin+5*minute)
	require.LessOrEqual(t, now["corrupt"], before["corrupt"]+1)
	require.LessOrEqual(t, next["corrupt"], before["corrupt"]+1)
	require.Less(t, now["jump"], 30)
	require.GreaterOrEqual(t, next["jump"], 400)
	require.GreaterOrEqual(t, now["smaller"], 120)
	for ts := begin + 10*minute; ts <= begin+5*hour; ts += 5 * minute {
		require.Less(t, at(ts)["corrupt"], 30, (ts-begin)/minute)
	}
}

const requestText = `
global: {step: 5m, history: 2d, min_history: 12h, refit_interval: 1h, query_offset: 0s}
scalers: [{name: sizes, resources: {cpu: cpu, memory: memory, oom: oom}}]
`

func container(metric, name string) labels.Labels {
	return labels.FromStrings("__name__", metric, "container", name)
}

func TestRequests_SayWhyThereIsNone(t *testing.T) {
	db := storage.New(t)
	end := epoch + 20*hour
	half := func(int64) float64 { return 0.5 }
	storage.WriteSeries(t, db, container("cpu", "old"), epoch, end, 5*minute, half)
	storage.WriteSeries(t, db, container("cpu", "young"), end-hour, end, 5*minute, half)
	huge := func(int64) float64 { return 1e300 }
	storage.WriteSeries(t, db, container("cpu", "huge"), epoch, end, 5*minute, huge)
	app := db.Appender(context.Background())
	for ts := epoch; ts <= end; ts += 5 * minute {
		h := tsdbutil.GenerateTestHistogram(1)
		_, err := app.AppendHistogram(0, container("cpu", "histogram"), ts, h, nil)
		require.NoError(t, err)
	}
	require.NoError(t, app.Commit())
	b := run(t, newTestPlans(t, requestText)[0], requestsOf(unobserved()), db).step(end)
	require.Equal(t, map[string]string{
		"old": "", "young": "learningshort_history", "histogram": "failedhistogram", "huge": "failedresolution",
	}, states(b, "container"))
	for _, s := range b.Series {
		if s.Input.Get("container") == "old" {
			require.Greater(t, s.Request, 0.5)
		}
	}
	require.Nil(t, b.Learned)

	for _, tc := range []struct {
		request request
		young   bool
		want    result.State
	}{
		{request{known: true, cpu: 1}, false, result.State{}},
		{request{known: true, cpu: 1}, true, result.State{State: result.Learning, Reason: result.ReasonShortHistory}},
		{request{cpu: 1}, false, result.State{State: result.Learning, Reason: result.ReasonShortHistory}},
		{request{known: true, cpu: math.NaN()}, false, result.State{State: result.Failed, Reason: result.ReasonNoData}},
	} {
		require.Equal(t, tc.want, tc.request.state(tc.young))
	}
}

func TestRequests_HoldTheForecastOfADay(t *testing.T) {
	for step, steps := range map[string]int{"1m": 1440, "5m": 288, "1h": 24} {
		plans := newTestPlans(t, `
scalers: [{name: sizes, step: `+step+`, history: 7d, min_history: 2d, resources: {cpu: cpu, memory: memory}}]`)
		for _, p := range plans {
			require.Equal(t, []int{steps}, newRequest(p, unobserved()).options.Horizons)
			require.False(t, newRequest(p, unobserved()).oom)
		}
	}
}

// Between two fits a request of memory rises at once with what is used, or where memory ran out; one of CPU waits.
func TestRequests_RaiseMemoryBetweenFits(t *testing.T) {
	db := storage.New(t)
	plans := newTestPlans(t, requestText)
	cpu, memory := plans[0], plans[1]
	// A step just after a fit of each, so that none comes between.
	at := func(p *Plan, name, container string) int64 {
		return p.Schedule.Slot(
			dataset.ID(labels.FromStrings("__name__", name, "container", container)), epoch+20*hour,
		) + 10*minute
	}
	const mebibyte = 1 << 20
	for _, name := range []string{"grows", "dies"} {
		from := at(memory, "memory", name)
		storage.WriteSeries(t, db, container("memory", name), epoch, from+20*minute, 5*minute, func(ts int64) float64 {
			if name == "grows" && ts >= from {
				return 3000 * mebibyte
			}
			return 1000 * mebibyte
		})
	}
	storage.WriteSeries(
		t,
		db,
		container("oom", "dies"),
		epoch,
		at(memory, "memory", "dies")+20*minute,
		5*minute,
		func(ts int64) float64 {
			if ts >= at(memory, "memory", "dies") {
				return 1
			}
			return 0
		},
	)
	from := at(cpu, "cpu", "grows")
	storage.WriteSeries(t, db, container("cpu", "grows"), epoch, from+20*minute, 5*minute, func(ts int64) float64 {
		if ts >= from {
			return 3
		}
		return 1
	})
	requested := func(p *Plan, name string, step int64) float64 {
		r := run(t, p, requestsOf(unobserved()), db)
		r.step(step - 10*minute)
		before := 0.0
		for _, s := range r.step(step - 5*minute).Series {
			if s.Input.Get("container") == name {
				before = s.Request
			}
		}
		for _, s := range r.step(step + 10*minute).Series {
			if s.Input.Get("container") == name {
				return s.Request / before
			}
		}
		return math.NaN()
	}
	require.InDelta(t, 3, requested(memory, "grows", at(memory, "memory", "grows")), 0.05)
	require.InDelta(t, 1.2, requested(memory, "dies", at(memory, "memory", "dies")), 0.05)
	require.Equal(t, 1.0, requested(cpu, "grows", from))
}
