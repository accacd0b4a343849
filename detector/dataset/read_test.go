package dataset_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func numbered(n int) []labels.Labels {
	var all []labels.Labels
	for i := range n {
		all = append(all, load("n", fmt.Sprintf("%03d", i)))
	}
	return all
}

// A source may hold more than the engine may load at once. The slices are halved until they fit.
func TestDataset_ReadsAHistoryThatIsLargerThanTheEngineMayLoad(t *testing.T) {
	const n = 40
	db := storage.New(t)
	end := epoch + 7*hour
	storage.Write(t, db, epoch, end, minute, sine, numbered(n)...)
	small, large := dataset.New(newOptions(t)), dataset.New(newOptions(t))
	slices := fill(t, small, query.Evaluator{Engine: newEngine(2000), Source: db}, end)
	for _, s := range slices {
		require.LessOrEqual(t, (s.Last-s.First)/minute*n, int64(2000), "from %d to %d", s.First, s.Last)
	}
	require.Greater(t, len(slices), 8)
	require.Len(t, fill(t, large, newEvaluator(db), end), 2)
	require.Len(t, small.All(), n)
	require.Equal(t, save(t, large), save(t, small))
	require.Equal(t, sine(7, end), small.All()[7].At(0, end))
}

func TestDataset_GivesUpIfASingleStepIsTooLarge(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, numbered(40)...)
	d := dataset.New(newOptions(t))
	e := query.Evaluator{Engine: newEngine(20), Source: db}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var err error
	for {
		p, ok := d.Next(dataset.Request{To: end})
		require.True(t, ok)
		var s *dataset.Slice
		if s, err = p.Read(ctx, e); err == nil {
			d.Apply(s)
			s.Close()
		} else if !d.Retry(p, err) {
			break
		}
	}
	var tooMany promql.ErrTooManySamples
	require.ErrorAs(t, err, &tooMany)
	require.NoError(t, ctx.Err())
}

func TestDataset_DoesNotRetryAnyOtherError(t *testing.T) {
	d := dataset.New(newOptions(t))
	p, ok := d.Next(dataset.Request{To: epoch})
	require.True(t, ok)
	require.False(t, d.Retry(p, errors.New("connection refused")))
	require.False(t, d.Retry(p, promql.ErrQueryTimeout("query")))
}

// Slices are so long that about 24 million samples are read, and grow by a factor of a hundred at most.
func lengths(all []*dataset.Slice, step int64) (lengths []int64) {
	for _, s := range all {
		lengths = append(lengths, s.Last-s.First+step)
	}
	return lengths
}

// The server keeps a day of the 20 that are asked for.
func TestDataset_ReadsLongerSlicesOnceItKnowsHowMuchIsInThem(t *testing.T) {
	db := storage.New(t)
	end := epoch + 20*day
	storage.Write(t, db, end-day, end, 30*minute, sine, load())
	o := newOptions(t)
	o.Layout = newLayout(t, 5*minute, 20*day, hour)
	want := append([]int64{2 * hour, 8 * hour}, slices.Repeat([]int64{day}, 19)...)
	require.Equal(t, append(want, 15*hour), lengths(fill(t, dataset.New(o), newEvaluator(db), end), 5*minute))
}

// heavy is a series that takes a lot of memory, as one with many samples between two steps does.
type heavy struct{ promstorage.Series }

func (heavy) MemoryBytes() int64 { return 16 << 20 }

type heavySet struct{ promstorage.SeriesSet }

func (s heavySet) At() promstorage.Series { return heavy{s.SeriesSet.At()} }

type heavyQuerier struct{ promstorage.Querier }

func (q heavyQuerier) Select(
	ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher,
) promstorage.SeriesSet {
	return heavySet{q.Querier.Select(ctx, sorted, hints, matchers...)}
}

// Of these series a slice should take 32 MiB, so twice as much as one series that fills the first two hours.
func TestDataset_ReadsSlicesByTheMemoryOfTheirAnswers(t *testing.T) {
	db := storage.New(t)
	end := epoch + 20*hour
	storage.Write(t, db, epoch, end, 30*minute, sine, load())
	o := newOptions(t)
	o.Layout = newLayout(t, 30*minute, 15*hour, hour)
	e := newEvaluator(db)
	e.Source = promstorage.QueryableFunc(func(mint, maxt int64) (promstorage.Querier, error) {
		q, err := db.Querier(mint, maxt)
		return heavyQuerier{q}, err
	})
	got := lengths(fill(t, dataset.New(o), e, end), 30*minute)
	require.Equal(t, []int64{2 * hour, 3*hour + 30*minute, 6*hour + 30*minute, 4 * hour}, got)
}

// A short slice of an expression that looks back for long would read more old data than new.
func TestDataset_ReadsAtLeastTwiceTheLookBack(t *testing.T) {
	db := storage.New(t)
	o := newOptions(t)
	o.Inputs[0] = dataset.Input{Expr: "max_over_time(load[100m])", LookBack: 100 * time.Minute}
	slices := fill(t, dataset.New(o), newEvaluator(db), epoch)
	require.Equal(t, 200*minute, slices[0].Last-slices[0].First+minute)
}

func TestPlan_ReadTouchesNothing(t *testing.T) {
	db := storage.New(t)
	end := epoch + 8*hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"), load("pod", "b"))
	storage.Write(t, db, epoch+7*hour, end, minute, sine, load("pod", "new"))
	storage.Write(t, db, epoch, end, minute, constant(1), metric("broken", "pod", "a"))
	o := newOptions(t)
	o.Mask, o.Upper = &dataset.Selector{Key: "mask", Expr: "broken"}, &dataset.Selector{Key: "bound", Expr: "broken * 7"}
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end-2*hour)

	look := func() []any {
		a := series(d, "pod")["a"]
		_, masked := a.Value(0, d.At())
		return []any{
			string(save(t, d)), d.At(), d.CatchingUp(), d.Refused(), d.Joins(), known(d, "pod"), len(d.Live(d.At())),
			masked, a.UpperBound(d.At()), a.Muted(d.At()), a.Unjoined(), a.Conflict(d.At()),
		}
	}
	before := look()
	p, ok := d.Next(dataset.Request{To: end})
	require.True(t, ok)
	require.Equal(t, before, look(), "Next plans only")
	var slices []*dataset.Slice
	for range 3 {
		s, err := p.Read(context.Background(), newEvaluator(db))
		require.NoError(t, err)
		slices = append(slices, s)
	}
	require.Equal(t, before, look())
	slices[0].Close()
	slices[2].Close()
	require.Equal(t, before, look(), "nor does Close")
	d.Apply(slices[1])
	slices[1].Close()
	require.NotEqual(t, before, look())
	require.Equal(t, end, d.At())
	require.Equal(t, []string{"a", "b", "new"}, known(d, "pod"))
}

func TestDataset_GoesOnWhereItStoppedAfterAFailedRead(t *testing.T) {
	db := storage.New(t)
	end := epoch + 7*hour
	storage.Write(t, db, epoch, end, minute, sine, numbered(5)...)
	want := dataset.New(newOptions(t))
	slices := fill(t, want, newEvaluator(db), end)

	source := &storage.Flaky{Queryable: db}
	e := query.Evaluator{Engine: newEngine(50e6), Source: source}
	d := dataset.New(newOptions(t))
	var read []int64
	for {
		p, ok := d.Next(dataset.Request{To: end})
		if !ok {
			break
		}
		at, before := d.At(), save(t, d)
		source.Down.Store(true)
		_, err := p.Read(context.Background(), e)
		require.ErrorContains(t, err, "connection refused")
		require.False(t, d.Retry(p, err))
		require.Equal(t, at, d.At())
		require.Equal(t, before, save(t, d))
		source.Down.Store(false)
		again, ok := d.Next(dataset.Request{To: end})
		require.True(t, ok)
		require.Equal(t, p, again, "the same slice once more")
		s, err := again.Read(context.Background(), e)
		require.NoError(t, err)
		d.Apply(s)
		s.Close()
		read = append(read, s.First, s.Last)
		d.Trim()
	}
	var expected []int64
	for _, s := range slices {
		expected = append(expected, s.First, s.Last)
	}
	require.Equal(t, expected, read)
	require.Equal(t, save(t, want), save(t, d))
}

func TestPlan_ReadEndsWithItsContext(t *testing.T) {
	db := storage.New(t)
	storage.Write(t, db, epoch, epoch+hour, minute, sine, load())
	d := dataset.New(newOptions(t))
	p, _ := d.Next(dataset.Request{To: epoch + hour})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.Read(ctx, newEvaluator(db))
	require.Error(t, err)
	require.False(t, d.Retry(p, err))
}

func TestPlan_ReadNamesTheExpressionThatFails(t *testing.T) {
	db := storage.New(t)
	storage.Write(t, db, epoch, epoch+hour, minute, sine, load("pod", "a"), load("pod", "b"))
	const bad = "load * on() load" // several on both sides
	for _, tc := range []struct {
		key    string
		change func(*dataset.Options)
	}{
		{"mask", func(o *dataset.Options) { o.Mask = &dataset.Selector{Key: "mask", Expr: bad} }},
		{"mute", func(o *dataset.Options) { o.Mute = &dataset.Selector{Key: "mute", Expr: bad} }},
		{"bounds.lower", func(o *dataset.Options) { o.Lower = &dataset.Selector{Key: "bounds.lower", Expr: bad} }},
		{"bounds.upper", func(o *dataset.Options) { o.Upper = &dataset.Selector{Key: "bounds.upper", Expr: bad} }},
		{"horizon", func(o *dataset.Options) {
			o.Auxiliaries = []dataset.Auxiliary{{Selector: dataset.Selector{Key: "horizon", Expr: bad}, Length: time.Hour}}
		}},
		{"inputs.b", func(o *dataset.Options) {
			o.Inputs = []dataset.Input{{Name: "a", Expr: "load"}, {Name: "b", Expr: bad}}
		}},
		{"query", func(o *dataset.Options) { o.Inputs[0].Expr = bad }},
	} {
		t.Run(tc.key, func(t *testing.T) {
			o := newOptions(t)
			tc.change(&o)
			d := dataset.New(o)
			p, _ := d.Next(dataset.Request{To: epoch + hour, EveryStep: true})
			for p, ok := p, true; ok; p, ok = d.Next(dataset.Request{To: epoch + hour, EveryStep: true}) {
				s, err := p.Read(context.Background(), newEvaluator(db))
				if err != nil {
					require.ErrorContains(t, err, bad)
					require.Regexp(t, "^"+tc.key, err.Error())
					return
				}
				d.Apply(s)
				s.Close()
			}
			require.Fail(t, "it does not fail")
		})
	}
}

// What is read coarse and then fine shows the same windows as if every step had been read, wherever they end.
func TestDataset_ReadsCoarseThenFineAndShowsTheSameWindows(t *testing.T) {
	db := storage.New(t)
	end := epoch + 4*day + 13*minute
	gaps := func(_ int, ts int64) float64 {
		switch m := (ts - epoch) / minute; {
		case m%700 < 20, m%45 == 7, m > 4000 && m < 4300, m < 100:
			return math.NaN()
		}
		return sine(0, ts)
	}
	incident := func(_ int, ts int64) float64 {
		if (ts-epoch)/minute%500 < 30 {
			return 1
		}
		return math.NaN()
	}
	storage.Write(t, db, epoch, end, minute, gaps, load("pod", "a"))
	storage.Write(t, db, epoch, end, minute, incident, metric("incident", "pod", "a"))
	for _, missing := range []history.Missing{history.Drop, history.Zero, history.Last} {
		o := newOptions(t)
		o.Layout = newLayout(t, minute, 3*day, 5*hour)
		o.Layout.Missing = missing
		o.Mask = &dataset.Selector{Key: "mask", Expr: "incident"}
		want := history.New(o.Layout)
		for ts := epoch; ts <= end; ts += minute {
			want.Append(ts, gaps(0, ts), !math.IsNaN(incident(0, ts)))
		}
		atOnce, bit := dataset.New(o), dataset.New(o)
		slices := fill(t, atOnce, newEvaluator(db), end)
		coarse := 0
		for _, s := range slices {
			if s.First%(5*minute) == 0 && s.Last%(5*minute) == 0 {
				coarse++
			}
		}
		require.Positive(t, coarse)
		for _, ago := range []int64{7 * hour, 6*hour + 3*minute, hour, 59 * minute, 0} {
			fill(t, bit, newEvaluator(db), end-ago)
		}
		for _, d := range []*dataset.Dataset{atOnce, bit} {
			require.Len(t, d.All(), 1)
			require.False(t, d.CatchingUp())
			for at := end - 5*hour; at <= end; at += 11 * minute {
				var w, got history.Window
				want.Window(at, &w)
				d.All()[0].Window(0, at, &got)
				require.Equal(t, w.Start, got.Start)
				require.Equal(t, w.Learn, got.Learn)
				require.Equal(t, fmt.Sprint(w.Values), fmt.Sprint(got.Values)) // NaN equals NaN
			}
		}
	}
}

func TestDataset_IsCatchingUpWhileItReadsTheCoarsePart(t *testing.T) {
	db := storage.New(t)
	end := epoch + 4*day
	o := newOptions(t)
	o.Layout = newLayout(t, minute, 3*day, 0)
	d := dataset.New(o)
	e := newEvaluator(db)
	require.Zero(t, d.At())
	before := true
	for {
		p, ok := d.Next(dataset.Request{To: end})
		if !ok {
			break
		}
		require.Equal(t, d.At() < end-2*day, d.CatchingUp(), "at %d", d.At()-end)
		s, err := p.Read(context.Background(), e)
		require.NoError(t, err)
		if before {
			require.Equal(t, end-3*day+5*minute, s.First)
			before = false
		}
		d.Apply(s)
		s.Close()
		require.Equal(t, s.Last, d.At())
	}
	require.Equal(t, end, d.At())
	require.False(t, d.CatchingUp())
}

func TestDataset_BeginsAnewIfItIsTooFarBehind(t *testing.T) {
	db := storage.New(t)
	d := dataset.New(newOptions(t)) // 6h and an overhang of 10m
	e := newEvaluator(db)
	fill(t, d, e, epoch)
	require.Equal(t, epoch+minute, fill(t, d, e, epoch+6*hour)[0].First)
	require.Equal(t, epoch+12*hour+51*minute, fill(t, d, e, epoch+19*hour)[0].First)

	every := dataset.New(newOptions(t))
	fill(t, every, e, epoch)
	slices := fillRequest(t, every, e, dataset.Request{To: epoch + 19*hour, EveryStep: true})
	require.Equal(t, epoch+minute, slices[0].First, "but leaves nothing out of which results are wanted")
}

func TestDataset_NeedsNothingThatHasBeenRead(t *testing.T) {
	db := storage.New(t)
	d := dataset.New(newOptions(t))
	fill(t, d, newEvaluator(db), epoch)
	for _, to := range []int64{epoch, epoch - minute} {
		_, ok := d.Next(dataset.Request{To: to})
		require.False(t, ok)
	}
}

// Bounds are of interest where results are wanted: of the newest step, or of every step.
func TestDataset_ReadsBoundsWhereResultsAreWanted(t *testing.T) {
	db := storage.New(t)
	end := epoch + 3*hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"), load("pod", "b"))
	limit := func(i int, ts int64) float64 { return float64(i) + float64((ts-epoch)/minute) }
	storage.Write(t, db, epoch, end, minute, limit,
		metric("limit", "pod", "a", "resource", "x"), metric("limit", "pod", "a", "resource", "y"))
	o := newOptions(t)
	o.Lower = &dataset.Selector{Key: "bounds.lower", Expr: "limit"}
	o.Upper = &dataset.Selector{Key: "bounds.upper", Expr: "limit", On: []string{"pod"}}
	newest, every := dataset.New(o), dataset.New(o)
	fill(t, newest, newEvaluator(db), end)
	fill(t, every, newEvaluator(db), end-hour)
	slices := fillRequest(t, every, newEvaluator(db), dataset.Request{To: end, EveryStep: true})
	require.Equal(t, end-hour+minute, slices[0].First)
	for _, d := range []*dataset.Dataset{newest, every} {
		a, b := series(d, "pod")["a"], series(d, "pod")["b"]
		require.Equal(t, 181.0, a.LowerBound(end), "the largest lower one")
		require.Equal(t, 180.0, a.UpperBound(end), "the smallest upper one")
		require.True(t, math.IsNaN(b.LowerBound(end)))
		require.True(t, math.IsNaN(b.UpperBound(end)))
	}
	require.True(t, math.IsNaN(series(newest, "pod")["a"].UpperBound(end-minute)))
	require.Equal(t, 179.0, series(every, "pod")["a"].UpperBound(end-minute))
	require.Equal(t, 150.0, series(every, "pod")["a"].UpperBound(end-30*minute))
}

func TestDataset_HidesTheAlertsOfThisProgram(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"), load("pod", "b"), load("pod", "c"))
	storage.Write(t, db, epoch, end, minute, constant(1),
		metric("ALERTS", "pod", "a", "source", "predictive_model"), metric("ALERTS", "pod", "b", "source", "other"),
		metric("ALERTS_FOR_STATE", "pod", "a", "source", "predictive_model"), metric("ALERTS_FOR_STATE", "pod", "c"),
		load("pod", "d", "source", "predictive_model"))
	for expr, want := range map[string]string{"ALERTS": "b", "ALERTS_FOR_STATE": "c"} {
		o := newOptions(t)
		o.Mask = &dataset.Selector{Key: "mask", Expr: expr, On: []string{"pod"}}
		o.Mute = &dataset.Selector{Key: "mute", Expr: expr}
		d := dataset.New(o)
		fill(t, d, newEvaluator(db), end)
		require.Equal(t, []string{"a", "b", "c", "d"}, known(d, "pod"), "other metrics are not hidden")
		for pod, s := range series(d, "pod") {
			_, masked := s.Value(0, end)
			require.Equal(t, pod == want, masked, "%s of %s", expr, pod)
			require.Equal(t, pod == want, s.Muted(end), "%s of %s", expr, pod)
		}
	}
	o := newOptions(t)
	o.Inputs[0].Expr = "count(ALERTS)"
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, 1.0, d.All()[0].At(0, end))
}

func TestDataset_MasksWhereMaskOrMuteHaveAValue(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"), load("pod", "b"))
	storage.Write(t, db, epoch+10*minute, epoch+20*minute, minute, constant(0), metric("incident", "pod", "a"))
	storage.Write(t, db, epoch+30*minute, epoch+40*minute, minute, constant(0), metric("rollout", "pod", "a"))
	o := newOptions(t)
	o.Mask, o.Mute = &dataset.Selector{Key: "mask", Expr: "incident"}, &dataset.Selector{Key: "mute", Expr: "rollout"}
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end)
	for at := epoch; at <= end; at += minute {
		m := (at - epoch) / minute
		v, masked := series(d, "pod")["a"].Value(0, at)
		require.InDelta(t, sine(0, at), v, 1e-4, "what is masked is known")
		require.Equal(t, m >= 10 && m <= 20 || m >= 30 && m <= 40, masked, "minute %d", m)
		require.Equal(t, m >= 30 && m <= 40, series(d, "pod")["a"].Muted(at))
		_, masked = series(d, "pod")["b"].Value(0, at)
		require.False(t, masked)
	}
	require.False(t, series(d, "pod")["b"].Unjoined())
}

func TestDataset_NotesSeriesThatAnExpressionSharesNoLabelWith(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a", "job", "x"), load("device", "sda", "job", "x"))
	storage.Write(t, db, epoch, end-10*minute, minute, constant(1), metric("incident", "pod", "a", "job", "x"))
	o := newOptions(t)
	o.Mask = &dataset.Selector{Key: "mask", Expr: "incident"}
	o.Upper = &dataset.Selector{Key: "bounds.upper", Expr: "incident"}
	var out bytes.Buffer
	o.Logger = log.NewLogfmtLogger(&out)
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end-10*minute)
	require.Equal(t, 1, strings.Count(out.String(), " key=mask "), "the log names each once: %s", out.String())
	require.Equal(t, 1, strings.Count(out.String(), " key=bounds.upper "), out.String())
	require.False(t, series(d, "pod")["a"].Unjoined())
	require.True(t, series(d, "device")["sda"].Unjoined(), "job is no label to match on")
	fill(t, d, newEvaluator(db), end)
	require.False(t, series(d, "device")["sda"].Unjoined(), "there is nothing to match any more")
}

// Truth is read only from the first step of which results are wanted, if nothing was read of it before.
func TestPlan_ReadsTheTruthFromWhereItIsWanted(t *testing.T) {
	db := storage.New(t)
	end := epoch + 7*hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	storage.Write(t, db, epoch, end, minute, constant(1), metric("down", "pod", "a"))
	truth := &dataset.Selector{Key: "outcomes.truth", Expr: "down", On: []string{"pod"}}
	d := dataset.New(newOptions(t))
	slices := fillRequest(t, d, newEvaluator(db), dataset.Request{To: end, Truth: truth})
	require.Greater(t, len(slices), 1)
	for _, s := range slices[:len(slices)-1] {
		require.Nil(t, s.Truth, "no results are wanted of it")
	}
	last := slices[len(slices)-1]
	require.Empty(t, last.Truth.At(end-minute))
	require.Len(t, last.Truth.At(end), 1)

	begun := dataset.New(newOptions(t))
	slices = fillRequest(t, begun, newEvaluator(db), dataset.Request{To: end, Truth: truth, TruthBegun: true})
	for _, s := range slices {
		if s.First > epoch {
			require.Len(t, s.Truth.At(s.First), 1)
			require.Len(t, s.Truth.At(s.Last), 1)
		}
	}
	none := dataset.New(newOptions(t))
	for _, s := range fill(t, none, newEvaluator(db), end) {
		require.Nil(t, s.Truth)
	}
	require.Equal(t, save(t, none), save(t, d), "it does not matter to the series")
}

func TestPlan_ReadsTheInputsThoughTheTruthCannotBeEvaluated(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"), load("pod", "b"))
	d := dataset.New(newOptions(t))
	truth := &dataset.Selector{Key: "outcomes.truth", Expr: "load * on() load"}
	slices := fillRequest(t, d, newEvaluator(db), dataset.Request{To: end, Truth: truth})
	last := slices[len(slices)-1]
	require.ErrorContains(t, last.TruthErr, "outcomes.truth")
	require.Nil(t, last.Truth)
	require.Len(t, d.All(), 2)
	require.Equal(t, sine(1, end), d.All()[1].At(0, end))
}

// broken is a storage that cannot read one metric.
type broken struct {
	promstorage.Queryable
	metric string
}

func (b broken) Querier(mint, maxt int64) (promstorage.Querier, error) {
	q, err := b.Queryable.Querier(mint, maxt)
	return brokenQuerier{q, b.metric}, err
}

type brokenQuerier struct {
	promstorage.Querier
	metric string
}

func (q brokenQuerier) Select(
	ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher,
) promstorage.SeriesSet {
	if matchers[0].Value == q.metric {
		return promstorage.ErrSeriesSet(errors.New("connection refused"))
	}
	return q.Querier.Select(ctx, sorted, hints, matchers...)
}

// A source that fails, or a slice that is too large, is no fault of the truth's expression: it is read again.
func TestPlan_ReadFailsIfTheTruthCannotBeRead(t *testing.T) {
	db := storage.New(t)
	end := epoch + 2*hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	storage.Write(t, db, epoch, end, minute, constant(1),
		metric("down", "n", "1"), metric("down", "n", "2"), metric("down", "n", "3"))
	for _, tc := range []struct {
		name, want string
		e          query.Evaluator
		retry      bool
	}{
		{"failing", "connection refused", query.Evaluator{Engine: newEngine(50e6), Source: broken{db, "down"}}, false},
		{"too large", "too many samples", query.Evaluator{Engine: newEngine(200), Source: db}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := dataset.New(newOptions(t))
			fill(t, d, newEvaluator(db), epoch)
			r := dataset.Request{
				To: end, Truth: &dataset.Selector{Key: "outcomes.truth", Expr: "down"}, TruthBegun: true, EveryStep: true,
			}
			p, ok := d.Next(r)
			require.True(t, ok)
			_, err := p.Read(context.Background(), tc.e)
			require.ErrorContains(t, err, "outcomes.truth")
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, tc.retry, d.Retry(p, err))
			for _, s := range fillRequest(t, d, newEvaluator(db), r) {
				require.NoError(t, s.TruthErr)
			}
		})
	}
}

// partial is a storage that warns.
type partial struct{ promstorage.Queryable }

func (p partial) Querier(mint, maxt int64) (promstorage.Querier, error) {
	q, err := p.Queryable.Querier(mint, maxt)
	return partialQuerier{q}, err
}

type partialQuerier struct{ promstorage.Querier }

func (q partialQuerier) Select(
	ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher,
) promstorage.SeriesSet {
	return partialSet{q.Querier.Select(ctx, sorted, hints, matchers...)}
}

type partialSet struct{ promstorage.SeriesSet }

func (partialSet) Warnings() annotations.Annotations {
	return annotations.New().Add(errors.New("a block is missing"))
}

func TestPlan_ReadPassesWarningsOn(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	o := newOptions(t)
	o.Mask = &dataset.Selector{Key: "mask", Expr: "incident"}
	d := dataset.New(o)
	slices := fill(t, d, query.Evaluator{Engine: newEngine(50e6), Source: partial{db}}, end)
	var exprs []string
	for _, w := range slices[0].Warnings {
		require.ErrorContains(t, w.Err, "a block is missing")
		exprs = append(exprs, w.Expr)
	}
	require.Equal(t, []string{"incident", "load"}, exprs)
	require.Len(t, d.All(), 1, "what could be read counts")

	clean := dataset.New(newOptions(t))
	for _, s := range fill(t, clean, newEvaluator(db), end) {
		require.Empty(t, s.Warnings)
	}
}

// rate() of what does not sound like a counter is a mere information.
func TestPlan_ReadDoesNotPassInformationOn(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	o := newOptions(t)
	o.Inputs[0].Expr = "rate(load[5m])"
	d := dataset.New(o)
	for _, s := range fill(t, d, newEvaluator(db), end) {
		require.Empty(t, s.Warnings)
	}
	require.Len(t, d.All(), 1)
}

func TestDataset_TellsNativeHistograms(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	app := db.Appender(context.Background())
	for ts := epoch; ts <= end; ts += minute {
		_, err := app.AppendHistogram(0, load("pod", "h"), ts, tsdbutil.GenerateTestHistogram(1), nil)
		require.NoError(t, err)
	}
	require.NoError(t, app.Commit())
	d := dataset.New(newOptions(t))
	fill(t, d, newEvaluator(db), end)
	require.False(t, series(d, "pod")["a"].Histogram())
	require.True(t, series(d, "pod")["h"].Histogram())
	require.Len(t, d.Live(end), 2, "it counts as a value")
	require.True(t, math.IsNaN(series(d, "pod")["h"].At(0, end)))
}

func TestDataset_MasksValuesOutsideOfTheRange(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	value := func(_ int, ts int64) float64 {
		switch ts {
		case end - 2*minute:
			return 101
		case end - 3*minute:
			return -1
		}
		return 50
	}
	storage.Write(t, db, epoch, end, minute, value, load("pod", "a"))
	o := newOptions(t)
	o.Range = [2]float64{0, 100}
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end)
	s := d.All()[0]
	v, masked := s.Value(0, end-2*minute)
	require.Equal(t, 101.0, v, "it is kept")
	require.True(t, masked, "but not learned from")
	require.True(t, math.IsNaN(s.Unmasked(0, end-3*minute)))
	require.Equal(t, 50.0, s.Unmasked(0, end))
}
