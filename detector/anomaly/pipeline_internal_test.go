package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const loadText = `
global: {step: 5m, history: 2d, min_history: 12h, refit_interval: 1h, query_offset: 0s}
detectors: [{name: load, expr: load, forecaster: {horizons: [15m, 6h]}, publish: [score, forecast, state]}]
`

// noisy is a load that depends on the time alone.
func noisy(ts int64) float64 {
	return 100 + rand.New(rand.NewPCG(uint64(ts), 3)).NormFloat64()
}

func pod(name string) labels.Labels { return labels.FromStrings("__name__", "load", "pod", name) }

func TestPipeline_DropsAModelAfterFifteenStepsWithoutAValue(t *testing.T) {
	s := newSource(t)
	s.write(pod("a"), begin, begin+16*hour, 5*minute, noisy)
	s.write(pod("b"), begin, begin+14*hour, 5*minute, noisy)
	r := run(newTestPlan(t, loadText), s, unobserved(2))
	r.step(begin + 14*hour)
	b := r.find("pod", "b")
	kept := b.model
	require.NotNil(t, kept)
	r.step(begin + 14*hour + 75*minute)
	require.Same(t, kept, b.model)
	r.step(begin + 14*hour + 80*minute)
	require.Nil(t, b.model)
	require.NotNil(t, r.find("pod", "a").model)
}

// A panic of a model leaves its series without results until its next slot, and no other.
func TestPipeline_LeavesABrokenSeriesOutUntilItsNextSlot(t *testing.T) {
	s := newSource(t)
	s.write(pod("a"), begin, begin+50*hour, 5*minute, noisy)
	s.write(pod("b"), begin, begin+50*hour, 5*minute, noisy)
	fits := 0
	fitting := schedule.Fitting{Workers: schedule.NewWorkers(1), Observe: func(_ string, fit func()) {
		if fits++; fits == 1 {
			panic("bad")
		}
		fit()
	}}
	r := run(newTestPlan(t, loadText), s, fitting)
	at := begin + 48*hour
	b := r.step(at)
	require.Equal(t, map[string]string{"a": "failedfit_error", "b": ""}, states(b, "pod"))
	require.Nil(t, b.Series[0].Forecast)
	require.NotNil(t, b.Series[1].Forecast)
	require.ErrorContains(t, r.find("pod", "a").broken, "panics")
	n := 0
	for states(b, "pod")["a"] != "" {
		require.Equal(t, "failedfit_error", states(b, "pod")["a"])
		require.Empty(t, states(b, "pod")["b"])
		at += 5 * minute
		b = r.step(at)
		n++
	}
	require.LessOrEqual(t, n, 12, "steps in an hour")
	require.Equal(t, at, r.plan.Schedule.Slot(r.find("pod", "a").ID, at))
	require.NoError(t, r.find("pod", "a").broken)
}

func TestPipeline_ConfigureTouchesNoModel(t *testing.T) {
	s := newSource(t)
	s.write(pod("a"), begin, begin+20*hour, 5*minute, noisy)
	p := newTestPlan(t, loadText)
	changed, still := run(p, s, unobserved(1)), run(p, s, unobserved(1))
	changed.step(begin + 19*hour)
	still.step(begin + 19*hour)
	model := changed.find("pod", "a").model
	format := result.NewFormat(result.Format{Publish: result.Scores})
	changed.Configure(format, &result.Labeler{Add: map[string]string{"team": "x"}})
	got, want := changed.step(begin+20*hour), still.step(begin+20*hour)
	require.Same(t, model, changed.find("pod", "a").model)
	require.Same(t, format, got.Format)
	require.Equal(t, "x", got.Series[0].Labels.Get("team"))
	require.Empty(t, want.Series[0].Labels.Get("team"))
	require.Equal(t, want.Series[0].Score, got.Series[0].Score)
}

func TestPipeline_EvictForgetsASeries(t *testing.T) {
	s := newSource(t)
	s.write(pod("a"), begin, begin+20*hour, 5*minute, noisy)
	r := run(newTestPlan(t, loadText), s, unobserved(1))
	r.step(begin + 20*hour)
	of := r.find("pod", "a").Series
	r.Evict(of)
	require.Empty(t, r.series)
	r.Evict(of) // a series that was never advanced
}

func TestPipeline_CountsModelsAndQuality(t *testing.T) {
	s := newSource(t)
	for _, name := range []string{"a", "b", "c"} {
		s.write(pod(name), begin, begin+40*hour, 5*minute, noisy)
	}
	s.write(pod("young"), begin+39*hour, begin+40*hour, 5*minute, noisy)
	r := run(newTestPlan(t, loadText), s, unobserved(2))
	b := r.step(begin + 32*hour)
	require.Empty(t, b.Quality, "nothing is due yet")
	models := 0
	for _, n := range b.Models {
		models += n
	}
	require.Equal(t, 3, models)
	for at := begin + 32*hour; at <= begin+40*hour; at += 5 * minute {
		b = r.step(at)
	}
	require.Len(t, b.Quality, 2, "of both horizons")
	for i, q := range b.Quality {
		require.Equal(t, i, q.Horizon)
		require.InDelta(t, 0.75, q.MASE, 0.2, "of independent noise the mean is better than the day before by a root of two")
		require.InDelta(t, 0.8, q.Coverage, 0.15)
	}
}

// At a horizon of 6h and steps of 1m one in twelve forecasts is compared, and all of a short one. A comparison weighs
// half as much a day later.
func TestModel_ComparesForecastsOfLate(t *testing.T) {
	p := newTestPlan(t, `
detectors: [{name: x, expr: load, step: 1m, forecaster: {horizons: [15m, 32m, 6h]}, publish: [forecast]}]`)
	m := newModel(p.options, unobserved(1), 1)
	require.Len(t, m.quality, 3)
	for i, every := range []int64{1, 1, 12} {
		require.Equal(t, every, m.quality[i].Every())
		perDay := float64(24*60) / float64(every)
		require.InDelta(t, 0.5, math.Pow(m.quality[i].decay, perDay), 1e-9)
	}
}

func TestNewestScore_SaysWhyThereIsNone(t *testing.T) {
	none, some := result.NoScore(), scorer.Score{Value: 0.5}
	for _, tc := range []struct {
		name    string
		score   scorer.Score
		err     error
		missing bool
		want    result.State
	}{
		{"a score", some, nil, false, result.State{}},
		{"a score, though a later fit failed", some, scorer.ErrConstant, true, result.State{}},
		{
			"young", none, scorer.ErrShortHistory, false,
			result.State{State: result.Learning, Reason: result.ReasonShortHistory},
		},
		{
			"too few siblings", none, errFewSiblings, false,
			result.State{State: result.Learning, Reason: result.ReasonFewSiblings},
		},
		{
			"young, and an input is missing", none, scorer.ErrShortHistory, true,
			result.State{State: result.Learning, Reason: result.ReasonMissing},
		},
		{"an input is missing", none, nil, true, result.State{State: result.Failed, Reason: result.ReasonMissing}},
		{"it cannot be fitted", none, scorer.ErrGaps, false, result.State{State: result.Failed, Reason: "gaps"}},
		{
			"wrapped", none, fmt.Errorf("input a: %w", scorer.ErrGaps), true,
			result.State{State: result.Failed, Reason: "gaps"},
		},
		{
			"for whatever reason", none, fmt.Errorf("bad"), false,
			result.State{State: result.Failed, Reason: result.ReasonFitError},
		},
		{"a model, and no score", none, nil, false, result.State{State: result.Failed, Reason: "gaps"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newestScore{err: tc.err}
			n.set(tc.score)
			require.Equal(t, tc.want, n.state(tc.missing))
		})
	}
}

// A model is fitted after the step of the fit is observed: until the next step, the series learns on.
func TestNewestScore_IsThatOfTheStepAndNotOfTheFitAfterIt(t *testing.T) {
	learning := result.State{State: result.Learning, Reason: result.ReasonShortHistory}
	n := newNewestScore(&options{})
	require.Equal(t, learning, n.state(false))
	n.set(result.NoScore())
	n.err = nil // the first fit
	require.Equal(t, learning, n.state(false))
	n.set(scorer.Score{Value: 0.5})
	require.Zero(t, n.state(false))
	n.err = scorer.ErrGaps // a later fit fails
	require.Zero(t, n.state(false))
	n.set(result.NoScore())
	require.Equal(t, result.State{State: result.Failed, Reason: "gaps"}, n.state(false))
}

func TestNewestScore_LowersTheScoreOnlyIfTheOnsetIsAskedFor(t *testing.T) {
	with, without := newNewestScore(
		&options{onset: true, scorer: scorer.Options{Step: time.Minute}},
	), newNewestScore(
		&options{},
	)
	require.True(t, math.IsNaN(with.lowered))
	for range 60 {
		with.set(scorer.Score{Value: 0.9})
		without.set(scorer.Score{Value: 0.9})
	}
	require.Equal(t, 0.9, with.score.Value)
	require.Less(t, with.lowered, 0.9)
	require.True(t, math.IsNaN(without.lowered))
}

// A holiday that is like a Sunday is nothing strange, trouble on it is, and after it nothing is left of it.
func TestModel_KnowsHolidays(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	start := time.Date(2026, time.March, 9, 0, 0, 0, 0, berlin) // a Monday; clocks change on the 29th
	christmas := time.Date(2026, time.April, 1, 0, 0, 0, 0, berlin)
	const step = 5 * time.Minute
	rng := rand.New(rand.NewPCG(1, 4))
	load := func(at time.Time) float64 {
		at = at.In(berlin)
		level := 20.0
		if h := at.Hour(); h >= 8 && h < 20 {
			level = 100
			if at.Weekday() == time.Sunday || at.YearDay() == christmas.YearDay() {
				level = 40
			}
		}
		return level * (1 + 0.03*rng.NormFloat64())
	}
	s := newSource(t)
	cases := 0
	highest := func(holidays string, trouble func(at time.Time, v float64) float64, from, to time.Time) float64 {
		cases++
		name := fmt.Sprint(cases)
		s.write(pod(name), start.UnixMilli(), to.UnixMilli()-1, step.Milliseconds(), func(ts int64) float64 {
			at := time.UnixMilli(ts)
			v := load(at)
			if at.Before(christmas) {
				return v
			}
			return trouble(at, v)
		})
		p := newTestPlan(t, `
detectors: [{name: x, expr: 'load{pod="`+name+`"}', step: 5m, timezone: Europe/Berlin, holidays: `+holidays+`,
  forecaster: {horizons: [1h]}, publish: [score, forecast]}]`)
		p.Data.Layout, err = history.NewLayout(step, christmas.Sub(start), 3*24*time.Hour, history.Drop)
		require.NoError(t, err)
		data := dataset.New(p.Data)
		s.fill(data, to.Add(-step).UnixMilli())
		of := data.All()[0]
		m := newModel(p.options, unobserved(1), 1)
		var w history.Window
		before := christmas.Add(-step).UnixMilli()
		of.Window(0, before, &w)
		require.Equal(t, start.UnixMilli(), w.Start)
		m.fit(of, before, &w)
		require.NoError(t, m.err)
		require.NotNil(t, m.forecaster)
		most := 0.0
		for at := christmas; at.Before(to); at = at.Add(step) {
			m.observe(of, at.UnixMilli())
			if !at.Before(from) {
				most = max(most, m.score.Value)
			}
		}
		return most
	}
	none := func(_ time.Time, v float64) float64 { return v }
	outage := func(at time.Time, v float64) float64 {
		if at.In(berlin).Hour() == 14 {
			return 0
		}
		return v
	}
	next := christmas.AddDate(0, 0, 1)
	// Of three draws the middle one: a score of 0.7 comes by chance once in ten days.
	usual := func(holidays string) float64 {
		var draws [3]float64
		for i := range draws {
			draws[i] = highest(holidays, none, christmas, next.AddDate(0, 0, 1))
		}
		slices.Sort(draws[:])
		return draws[1]
	}
	require.Greater(t, highest("[]", none, christmas, next), 0.8, "an alarm without the calendar")
	for _, holidays := range []string{"[2026-04-01]", "[04-01, 12-25]"} {
		require.Less(t, usual(holidays), 0.7, holidays)
		require.Greater(t, highest(holidays, outage, christmas, next), 0.8, holidays)
	}
}

// What is learned from is told by the window. Every fit has to take the holidays out of it.
func TestModels_LearnNothingFromHolidays(t *testing.T) {
	holiday := time.UnixMilli(begin + 20*hour).UTC()
	text := `
global: {step: 5m, history: 2d, min_history: 12h, query_offset: 0s, holidays: [` + holiday.Format(time.DateOnly) + `]}
detectors: [{name: load, expr: load, scorer: {model: mad}, publish: [score]%s}]`
	s := newSource(t)
	s.write(pod("a"), begin, begin+50*hour, 5*minute, noisy)
	requireLearned := func(w *history.Window) {
		for i, learn := range w.Learn {
			at := time.UnixMilli(w.Start + int64(i)*5*minute).UTC()
			require.Equal(t, at.YearDay() != holiday.YearDay(), learn, at)
		}
	}
	var w history.Window

	alone := run(newTestPlan(t, fmt.Sprintf(text, "")), s, unobserved(1))
	alone.step(begin + 50*hour)
	a := alone.find("pod", "a")
	stepping{a, &w, 0}.Fit(begin + 50*hour)
	requireLearned(&w)

	pooled := run(newTestPlan(t, fmt.Sprintf(text, ", pool_by: [job]")), s, unobserved(1))
	pooled.step(begin + 50*hour)
	a = pooled.find("pod", "a")
	a.member.tried = false
	poolStepping{pooled.Pipeline, a.pool, &w}.fitAlone(a, begin+50*hour)
	require.NotNil(t, a.member.alone)
	requireLearned(&w)
}

// The windows of further inputs are of the model alone: what they hold of a holiday must not matter to a score.
func TestMultivariate_LearnsNothingFromHolidaysOfAnyInput(t *testing.T) {
	holiday := begin + day
	s := newSource(t)
	wild := func(ts int64) float64 {
		if ts >= holiday && ts < holiday+day {
			return 1000 * noisy(ts*7)
		}
		return noisy(ts + 1)
	}
	s.write(labels.FromStrings("__name__", "cpu", "pod", "a"), begin, begin+72*hour, 5*minute, noisy)
	s.write(labels.FromStrings("__name__", "wild", "pod", "a"), begin, begin+72*hour, 5*minute, wild)
	s.write(labels.FromStrings("__name__", "calm", "pod", "a"), begin, begin+72*hour, 5*minute,
		func(ts int64) float64 { return noisy(ts + 1) })
	score := func(memory, holidays string) float64 {
		r := run(newTestPlan(t, `
global: {step: 5m, history: 3d, min_history: 12h, query_offset: 0s, holidays: [`+holidays+`]}
detectors: [{name: x, inputs: {cpu: cpu, memory: `+memory+`}, by: [pod], publish: [score]}]`), s, unobserved(1))
		b := r.step(begin + 72*hour)
		require.Equal(t, map[string]string{"a": ""}, states(b, "pod"))
		return b.Series[0].Score.Value
	}
	date := time.UnixMilli(holiday).UTC().Format(time.DateOnly)
	require.Equal(t, score("calm", date), score("wild", date))
	require.NotEqual(t, score("calm", ""), score("wild", ""))
}

func TestModel_ComparesNothingThatIsMasked(t *testing.T) {
	s := newSource(t)
	s.write(pod("a"), begin, begin+34*hour, 5*minute, noisy)
	s.write(labels.FromStrings("__name__", "incident", "pod", "a"), begin+32*hour, begin+34*hour, 5*minute, noisy)
	for mask, want := range map[string]int{"": 1, "mask: {expr: incident}, ": 0} {
		r := run(newTestPlan(t, strings.Replace(loadText, "publish", mask+"publish", 1)), s, unobserved(1))
		for at := begin + 32*hour; at <= begin+34*hour; at += 5 * minute {
			require.Empty(t, r.step(at).Series[0].State)
		}
		require.Len(t, r.step(begin+34*hour).Quality, want)
	}
}

func TestOptions_SkipHolidaysByTheWallClock(t *testing.T) {
	p := newTestPlan(t, `
detectors: [{name: x, expr: load, step: 5m, timezone: America/New_York, holidays: [07-04]}]`)
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	begin := time.Date(2026, time.July, 3, 20, 0, 0, 0, newYork)
	w := history.Window{Start: begin.UnixMilli(), Learn: make([]bool, 32*12)}
	for i := range w.Learn {
		w.Learn[i] = i%7 != 0
	}
	p.options.skipHolidays(&w)
	for i, learn := range w.Learn {
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		require.Equal(t, i%7 != 0 && at.Day() != 4, learn, at)
	}
}

// The same values of two jobs, with few and with many events behind them: in the past and now, joined by job.
func TestPipeline_WeightsValuesByTheirEvents(t *testing.T) {
	s := newSource(t)
	at := begin + 40*hour
	spike := func(ts int64) float64 {
		if ts == at {
			return 130
		}
		return noisy(ts)
	}
	for job, events := range map[string]float64{"few": 2, "many": 1e6, "then few": 1e6, "unknown": math.NaN()} {
		s.write(labels.FromStrings("__name__", "load", "job", job), begin, at, 5*minute, spike)
		s.write(labels.FromStrings("__name__", "events_total", "job", job), begin, at, 5*minute, func(ts int64) float64 {
			if ts == at && job == "then few" {
				return 2
			}
			return events
		})
	}
	score := func(weight string) map[string]float64 {
		text := strings.Replace(loadText, "publish", weight+"publish", 1)
		scores := map[string]float64{}
		for _, one := range run(newTestPlan(t, text), s, unobserved(1)).step(at).Series {
			require.False(t, one.Unjoined)
			scores[one.Input.Get("job")] = one.Score.Value
		}
		return scores
	}
	plain := score("")
	require.Greater(t, plain["few"], 0.8)
	for _, weight := range []string{"events_total", "{expr: events_total, on: [job]}"} {
		weighted := score("scorer: {weight: " + weight + "}, ")
		require.InDelta(t, plain["many"], weighted["many"], 1e-3)
		require.InDelta(t, plain["few"], weighted["few"], 0.05, "they always were few")
		require.Less(t, weighted["then few"], 0.6)
		require.Equal(t, plain["unknown"], weighted["unknown"])
	}
}

func TestPipeline_SaysWhereValuesCannotBeToldApart(t *testing.T) {
	s := newSource(t)
	end := begin + 34*hour
	for name, value := range map[string]func(ts int64) float64{
		"plain":     noisy,
		"offset":    func(ts int64) float64 { return noisy(ts) + 1e12 },
		"huge":      func(ts int64) float64 { return noisy(ts) * 1e300 },
		"constant":  func(int64) float64 { return 1e12 },
		"subtracts": func(ts int64) float64 { return noisy(ts) + 1e12 - 1e12 },
	} {
		s.write(pod(name), begin, end, 5*minute, value)
	}
	b := run(newTestPlan(t, loadText), s, unobserved(1)).step(end)
	require.Equal(t, map[string]string{
		"plain": "", "offset": "failedresolution", "huge": "failedresolution", "constant": "", "subtracts": "",
	}, states(b, "pod"))
	for _, one := range b.Series {
		require.Equal(t, one.State == result.State{}, one.Forecast != nil, one.Input)
		require.Equal(t, one.State == result.State{}, !math.IsNaN(one.Score.Value), one.Input)
	}
}
