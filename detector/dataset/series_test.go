package dataset_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func TestDataset_KeepsTheOldestSeriesAtTheLimit(t *testing.T) {
	db := storage.New(t)
	end := epoch + 4*hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "z"))
	storage.Write(t, db, epoch+10*minute, end, minute, sine, load("pod", "c"), load("pod", "b"), load("pod", "a"))
	o := newOptions(t)
	o.Limit = 3
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end-hour)
	require.Equal(t, []string{"a", "b", "z"}, known(d, "pod"), "of those that are equally old the first by their labels")
	require.Equal(t, 1, d.Refused())

	storage.Write(t, db, epoch+9*minute, end, minute, sine, load("pod", "older"))
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, []string{"a", "b", "z"}, known(d, "pod"), "who is in stays")
	require.Equal(t, 2, d.Refused())

	o.Limit = 4
	d.Configure(o)
	storage.Write(t, db, end+minute, end+2*minute, minute, sine,
		load("pod", "a"), load("pod", "b"), load("pod", "c"), load("pod", "z"))
	fill(t, d, newEvaluator(db), end+2*minute)
	require.Equal(t, []string{"a", "b", "c", "z"}, known(d, "pod"))
	require.Zero(t, d.Refused())
}

func TestDataset_AdmitsASeriesWhenAnotherHasVanished(t *testing.T) {
	db := storage.New(t)
	end := epoch + 4*hour
	storage.Write(t, db, epoch, end-30*minute, minute, sine, load("pod", "a"))
	storage.Write(t, db, epoch+minute, end, minute, sine, load("pod", "b"))
	o := newOptions(t)
	o.Limit = 1
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end-hour)
	require.Equal(t, []string{"a"}, known(d, "pod"))
	fill(t, d, newEvaluator(db), end-30*minute)
	require.Equal(t, 1, d.Refused())
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, []string{"a", "b"}, known(d, "pod"))
	require.Zero(t, d.Refused())
	require.Len(t, d.Live(end), 1)
}

// Pods come and go: of those that are gone at most four times the limit are kept in case they come back, the last
// ones.
func TestDataset_BoundsTheSeriesThatHaveVanished(t *testing.T) {
	const limit, generations = 2, 20
	db := storage.New(t)
	// Their labels say nothing of their age.
	name := func(i int) string { return fmt.Sprintf("%03d-%d", i*7%(limit*generations), i) }
	pod := func(i int) labels.Labels { return load("pod", name(i)) }
	for i := range generations {
		from := epoch + int64(i)*10*minute
		storage.Write(t, db, from, from+9*minute, minute, sine, pod(limit*i), pod(limit*i+1))
	}
	o := newOptions(t)
	o.Limit = limit
	d := dataset.New(o)
	var gone []string
	for i := range generations {
		to := epoch + int64(i)*10*minute + 9*minute
		for {
			p, ok := d.Next(dataset.Request{To: to})
			if !ok {
				break
			}
			s, err := p.Read(context.Background(), newEvaluator(db))
			require.NoError(t, err)
			d.Apply(s)
			s.Close()
			for _, s := range d.Trim() {
				gone = append(gone, s.Labels.Get("pod"))
			}
		}
		require.Zero(t, d.Refused(), "generation %d", i)
		require.LessOrEqual(t, len(d.All()), 5*limit, "generation %d", i)
	}
	var all []string
	for i := range limit * generations {
		all = append(all, name(i))
	}
	require.ElementsMatch(t, all[len(all)-5*limit:], known(d, "pod"), "the newest, and the last that were there before")
	require.ElementsMatch(t, all[:len(all)-5*limit], gone, "each is told of once")
}

func TestDataset_ForgetsSeriesWhoseHistoryIsOver(t *testing.T) {
	db := storage.New(t)
	storage.Write(t, db, epoch, epoch+20*hour, minute, between(epoch, epoch+hour, sine), load("pod", "a"))
	storage.Write(t, db, epoch, epoch+20*hour, minute, sine, load("pod", "b"))
	d := dataset.New(newOptions(t)) // six hours
	fill(t, d, newEvaluator(db), epoch+6*hour)
	require.Equal(t, []string{"a", "b"}, known(d, "pod"))
	require.Len(t, d.Live(epoch+6*hour), 1)
	fill(t, d, newEvaluator(db), epoch+12*hour)
	fill(t, d, newEvaluator(db), epoch+14*hour)
	require.Equal(t, []string{"b"}, known(d, "pod"))
}

func TestDataset_KeepsOnlySeriesThatItOwns(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, numbered(20)...)
	o := newOptions(t)
	o.Limit = 10
	o.Owns = func(l labels.Labels) bool { return dataset.ID(l)%2 == 0 }
	even := dataset.New(o)
	fill(t, even, newEvaluator(db), end)
	o.Owns = func(l labels.Labels) bool { return dataset.ID(l)%2 == 1 }
	odd := dataset.New(o)
	fill(t, odd, newEvaluator(db), end)
	require.NotEmpty(t, even.All())
	require.NotEmpty(t, odd.All())
	require.Len(t, append(known(even, "n"), known(odd, "n")...), 20-even.Refused()-odd.Refused())
	for _, s := range even.All() {
		require.Zero(t, s.ID%2)
		require.Equal(t, dataset.ID(s.Labels), s.ID)
	}
	for _, s := range odd.All() {
		require.Equal(t, uint64(1), s.ID%2)
	}
}

func TestDataset_LiveAreThoseWithAValueAtTheStep(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	storage.Write(t, db, epoch, end-minute, minute, sine, load("pod", "b"))
	storage.Write(t, db, end, end, minute, sine, load("pod", "c"))
	d := dataset.New(newOptions(t))
	fill(t, d, newEvaluator(db), end)
	live := func(at int64) string {
		names := ""
		for _, s := range d.Live(at) {
			names += s.Labels.Get("pod")
		}
		return names
	}
	require.Equal(t, "ac", live(end))
	require.Equal(t, "ab", live(end-minute))
	require.Empty(t, live(epoch-minute))
}

// Two inputs become one series where the labels in `by` have the same values.
func newJoined(t *testing.T) dataset.Options {
	t.Helper()
	o := newOptions(t)
	o.Inputs = []dataset.Input{{Name: "cpu", Expr: "cpu"}, {Name: "memory", Expr: "memory"}}
	o.By = []string{"namespace", "pod"}
	return o
}

func TestDataset_JoinsSeveralInputs(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	of := func(name, pod string, more ...string) labels.Labels {
		return metric(name, append([]string{"namespace", "shop", "pod", pod}, more...)...)
	}
	storage.Write(t, db, epoch, end, minute, sine,
		of("cpu", "a", "job", "x"), of("cpu", "b", "job", "x"), of("cpu", "only", "job", "x"))
	storage.Write(t, db, epoch+10*minute, end, minute, constant(7),
		of("memory", "a", "job", "y"), of("memory", "b", "node", "1"))
	storage.Write(t, db, end-minute, end-minute, minute, constant(8), of("memory", "alone"))
	d := dataset.New(newJoined(t))
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, []string{"a", "alone", "b", "only"}, known(d, "pod"))
	pods := series(d, "pod")
	a := pods["a"]
	require.Equal(t, labels.FromStrings("namespace", "shop", "pod", "a"), a.Labels)
	require.Equal(t, sine(0, end), a.At(0, end))
	require.Equal(t, 7.0, a.At(1, end))
	require.True(t, a.Complete(end))
	require.False(t, a.Complete(epoch+9*minute), "only one of them has a value")
	require.True(t, a.OldEnough(end, 50*minute))
	require.False(t, a.OldEnough(end, 51*minute), "as old as its youngest input")
	require.False(t, pods["only"].Complete(end))
	require.False(t, pods["only"].OldEnough(end, 0), "an input has never had a value")
	require.Len(t, a.Views(end), 2)
	var w history.Window
	a.Window(1, end, &w)
	require.Equal(t, 7.0, w.Values[len(w.Values)-1])

	joins := d.Joins()
	require.Equal(t, []string{"cpu", "memory"}, []string{joins[0].Input, joins[1].Input})
	require.Equal(t, 2, joins[0].Matched)
	require.Equal(t, 1, joins[0].Unmatched)
	require.Equal(t, of("cpu", "only", "job", "x"), joins[0].Lost)
	require.Nil(t, joins[0].Conflict)
	require.Equal(t, dataset.Join{Input: "memory", Matched: 2}, joins[1], "what has no value now is not counted")
	require.Nil(t, dataset.New(newOptions(t)).Joins())
}

func TestDataset_LeavesOutStepsAtWhichAnInputHasSeveralValues(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	cpu := func(n string) labels.Labels { return metric("cpu", "namespace", "shop", "pod", "a", "n", n) }
	a1, a2, a3 := cpu("1"), cpu("2"), cpu("3")
	storage.Write(t, db, epoch, epoch+30*minute, minute, constant(1), a1)
	storage.Write(t, db, epoch+20*minute, epoch+40*minute, minute, constant(2), a2) // some of both
	storage.Write(t, db, epoch+25*minute, epoch+27*minute, minute, constant(3), a3) // and of all three
	storage.Write(t, db, epoch, end, minute, constant(7), metric("memory", "namespace", "shop", "pod", "a"))
	d := dataset.New(newJoined(t))
	var joins []dataset.Join
	for m := range int64(41) {
		fill(t, d, newEvaluator(db), epoch+m*minute)
		if m == 26 {
			joins = d.Joins()
		}
	}
	all := dataset.New(newJoined(t))
	fill(t, all, newEvaluator(db), epoch+40*minute)
	for _, d := range []*dataset.Dataset{d, all} {
		require.Len(t, d.All(), 1)
		s := d.All()[0]
		for m := range int64(41) {
			at := epoch + m*minute
			switch {
			case m >= 20 && m <= 30:
				require.True(t, math.IsNaN(s.At(0, at)), "minute %d", m)
				require.False(t, s.Complete(at))
				require.True(t, d != all || s.Conflict(at))
			case m < 20:
				require.Equal(t, 1.0, s.At(0, at), "minute %d", m)
			default:
				require.Equal(t, 2.0, s.At(0, at), "minute %d", m)
			}
			require.False(t, (m < 20 || m > 30) && s.Conflict(at), "minute %d", m)
			require.Equal(t, 7.0, s.At(1, at))
		}
	}
	require.Equal(t, []labels.Labels{a1, a2, a3}, joins[0].Conflict)
	require.Zero(t, joins[0].Matched)
	require.Equal(t, 3, joins[0].Unmatched)
	require.Equal(t, 1, joins[1].Unmatched, "it has nothing to be matched with")
}

func TestDataset_CountsTheInputsOfARefusedSeries(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	for _, pod := range []string{"a", "b"} {
		storage.Write(t, db, epoch, end, minute, constant(1),
			metric("cpu", "namespace", "shop", "pod", pod), metric("memory", "namespace", "shop", "pod", pod))
	}
	o := newJoined(t)
	o.Limit = 1
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, 1, d.Refused())
	for _, j := range d.Joins() {
		require.Equal(t, 1, j.Matched)
		require.Equal(t, 1, j.Unmatched)
		require.Equal(t, "b", j.Lost.Get("pod"))
	}
}

// The age of a joined series is that of its youngest input.
func TestDataset_KeepsTheOldestJoinedSeriesAtTheLimit(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	of := func(name, pod string) labels.Labels { return metric(name, "namespace", "shop", "pod", pod) }
	storage.Write(t, db, epoch, end, minute, constant(1), of("memory", "a"), of("cpu", "half"))
	storage.Write(t, db, epoch+30*minute, end, minute, constant(1), of("cpu", "a"))
	storage.Write(t, db, epoch+10*minute, end, minute, constant(1), of("cpu", "b"), of("memory", "b"))
	o := newJoined(t)
	o.Limit = 1
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, []string{"b"}, known(d, "pod"))
	require.Equal(t, 2, d.Refused())
}

func newAuxiliary(expr string, on ...string) dataset.Auxiliary {
	return dataset.Auxiliary{
		Selector: dataset.Selector{Key: "auxiliary", Expr: expr, On: on}, Length: 4 * time.Hour,
		Reduce: func(values []float64) float64 {
			if !slices.IsSorted(values) {
				panic("not ascending")
			}
			total := 0.0
			for _, v := range values {
				total = 10*total + v
			}
			return total
		},
	}
}

func TestDataset_ReducesAuxiliarySeries(t *testing.T) {
	db := storage.New(t)
	end := epoch + 3*hour
	storage.Write(t, db, epoch, end, minute, sine, load("service", "cart"))
	storage.Write(t, db, epoch+hour, end, minute, sine, load("service", "search"))
	running := metric("running", "service", "cart", "pod", "1")
	storage.Write(t, db, epoch, end, minute, constant(3), running)
	storage.Write(t, db, epoch, end, minute, constant(1), metric("running", "service", "cart", "pod", "2"))
	storage.Write(t, db, epoch, end-minute, minute, constant(2), metric("running", "service", "search", "pod", "3"))
	o := newOptions(t)
	all := newAuxiliary("running")
	all.All = true
	o.Auxiliaries = []dataset.Auxiliary{
		newAuxiliary("running", "service"), all, newAuxiliary("nothing", "service"), newAuxiliary(""),
	}
	check := func(d *dataset.Dataset) {
		cart, search := series(d, "service")["cart"], series(d, "service")["search"]
		require.Equal(t, 13.0, cart.Auxiliary(0, end))
		require.Equal(t, 13.0, cart.Auxiliary(1, end))
		require.Equal(t, 123.0, cart.Auxiliary(1, end-minute))
		require.True(t, math.IsNaN(search.Auxiliary(0, end)), "no value at the step")
		require.Equal(t, 2.0, search.Auxiliary(0, end-minute))
		require.Equal(t, 123.0, search.Auxiliary(1, epoch+hour))
		require.True(t, math.IsNaN(search.Auxiliary(1, epoch+hour-minute)), "it was not there yet")
		for _, i := range []int{2, 3} {
			require.True(t, math.IsNaN(cart.Auxiliary(i, end)))
		}
		var w history.Window
		cart.AuxiliaryWindow(0, end, &w)
		require.Len(t, w.Values, 4*60, "as long as it was asked for")
		require.Equal(t, 13.0, w.Values[239])
		require.False(t, cart.Unjoined())
	}
	atOnce, bit := dataset.New(o), dataset.New(o)
	fill(t, atOnce, newEvaluator(db), end)
	check(atOnce)
	for at := end - 150*minute; at < end; at += 7 * minute {
		fill(t, bit, newEvaluator(db), at)
	}
	fill(t, bit, newEvaluator(db), end)
	check(bit)
	require.Equal(t, save(t, atOnce), save(t, bit))
}

// selects is a storage that notes from where the series of a metric are read.
type selects struct {
	promstorage.Queryable
	from map[string]int64
}

func (s selects) Querier(mint, maxt int64) (promstorage.Querier, error) {
	q, err := s.Queryable.Querier(mint, maxt)
	return selectsQuerier{q, s.from}, err
}

type selectsQuerier struct {
	promstorage.Querier
	from map[string]int64
}

func (q selectsQuerier) Select(
	ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher,
) promstorage.SeriesSet {
	for _, m := range matchers {
		if from, ok := q.from[m.Value]; !ok || hints.Start < from {
			q.from[m.Value] = hints.Start
		}
	}
	return q.Querier.Select(ctx, sorted, hints, matchers...)
}

// An auxiliary expression of which two days are enough is not read in the coarse part; one of which more is needed
// is.
func TestDataset_ReadsLongAuxiliariesInTheCoarsePartToo(t *testing.T) {
	db := storage.New(t)
	end := epoch + 4*day
	storage.Write(t, db, epoch, end, 5*minute, sine, load("pod", "a"))
	storage.Write(t, db, epoch, end, 5*minute, constant(1), metric("short", "pod", "a"), metric("long", "pod", "a"))
	o := newOptions(t)
	o.Layout = newLayout(t, minute, 4*day, 0)
	short, long := newAuxiliary("short"), newAuxiliary("long")
	short.Length, long.Length = history.FineFor, history.FineFor+time.Hour
	o.Auxiliaries = []dataset.Auxiliary{short, long}
	d := dataset.New(o)
	source := selects{db, map[string]int64{}}
	fill(t, d, query.Evaluator{Engine: newEngine(50e6), Source: source}, end)
	require.Equal(t, end-2*day, floorTo(source.from["short"], 5*minute))
	require.Equal(t, source.from["load"], source.from["long"])
	var w history.Window
	for i, length := range []time.Duration{history.FineFor, history.FineFor + time.Hour} {
		d.All()[0].AuxiliaryWindow(i, end, &w)
		require.Len(t, w.Values, int(length/time.Minute))
		learned := 0
		for _, l := range w.Learn {
			if l {
				learned++
			}
		}
		require.Equal(t, int(length/(5*time.Minute)), learned)
	}
}

func floorTo(ts, step int64) int64 { return ts - ts%step }

func TestSeries_IsAsOldAsItsFirstValueInTheWindow(t *testing.T) {
	db := storage.New(t)
	end := epoch + 10*hour
	storage.Write(t, db, end-3*hour, end, minute, sine, load())
	d := dataset.New(newOptions(t))
	fill(t, d, newEvaluator(db), end)
	s := d.All()[0]
	require.True(t, s.OldEnough(end, 3*hour))
	require.False(t, s.OldEnough(end, 3*hour+minute))
	require.True(t, s.OldEnough(end-hour, 2*hour))
	require.False(t, s.OldEnough(end-4*hour, 0))
}

func TestID_IsTheSameInEveryBuild(t *testing.T) {
	// FNV-1a of a 0xff b 0xff, from the specification's constants.
	want := uint64(14695981039346656037)
	for _, b := range []byte("a\xffb\xff") {
		want = (want ^ uint64(b)) * 1099511628211
	}
	require.Equal(t, want, dataset.ID(labels.FromStrings("a", "b")))
	require.NotEqual(t, dataset.ID(labels.FromStrings("a", "bc")), dataset.ID(labels.FromStrings("ab", "c")))
}

func TestDataset_RestoresWhatItSaved(t *testing.T) {
	db := storage.New(t)
	end := epoch + 8*hour
	storage.Write(t, db, epoch, end, minute, sine, numbered(3)...)
	storage.Write(t, db, epoch, end, minute, constant(1), metric("running"))
	o := newOptions(t)
	all := newAuxiliary("running")
	all.All = true
	o.Auxiliaries = []dataset.Auxiliary{all}
	d := dataset.New(o)
	fill(t, d, newEvaluator(db), end-hour)
	saved := save(t, d)
	restored, err := dataset.Restore(o, bytes.NewReader(saved))
	require.NoError(t, err)
	require.Equal(t, saved, save(t, restored))
	require.Equal(t, end-hour, restored.At())
	slices := fill(t, restored, newEvaluator(db), end)
	require.Equal(t, end-hour+minute, slices[0].First, "it goes on where it was")
	fill(t, d, newEvaluator(db), end)
	require.Equal(t, save(t, d), save(t, restored))

	for name, change := range map[string]func(*dataset.Options){
		"inputs":      func(o *dataset.Options) { o.Inputs = []dataset.Input{{Expr: "other"}} },
		"by":          func(o *dataset.Options) { o.By = []string{"pod"} },
		"auxiliaries": func(o *dataset.Options) { o.Auxiliaries = nil },
		"layout":      func(o *dataset.Options) { o.Layout.Length = 7 * hour },
	} {
		other := o
		change(&other)
		_, err := dataset.Restore(other, bytes.NewReader(saved))
		require.ErrorContains(t, err, "saved", name)
	}
	_, err = dataset.Restore(o, bytes.NewReader(saved[:len(saved)/2]))
	require.ErrorContains(t, err, "saved dataset")
	_, err = dataset.Restore(o, bytes.NewReader(nil))
	require.ErrorContains(t, err, "saved dataset")
}

func TestDataset_MarksSayWhatIsMasked(t *testing.T) {
	db := storage.New(t)
	end := epoch + 8*hour
	storage.Write(t, db, epoch, end, minute, sine, numbered(2)...)
	o := newOptions(t)
	first, last := end-3*hour, end-2*hour
	plain := dataset.New(o)
	o.Marks = func(l labels.Labels) []history.Mark {
		if !labels.Equal(l, numbered(2)[1]) {
			return nil
		}
		return []history.Mark{{From: first, To: last, Masked: true}}
	}
	marked := dataset.New(o)
	fill(t, plain, newEvaluator(db), end)
	fill(t, marked, newEvaluator(db), end)
	restored, err := dataset.Restore(o, bytes.NewReader(save(t, plain)))
	require.NoError(t, err)
	masked := func(d *dataset.Dataset) (n []int) {
		for _, s := range d.All() {
			n = append(n, 0)
			for at := end - 4*hour; at <= end; at += minute {
				if _, masked := s.Value(0, at); masked {
					n[len(n)-1]++
				}
			}
		}
		return n
	}
	require.Equal(t, []int{0, 0}, masked(plain))
	require.Equal(t, []int{0, 61}, masked(marked))
	require.Equal(t, []int{0, 61}, masked(restored))

	require.Empty(t, marked.Configure(o), "nothing has changed")
	require.Equal(t, plain.All()[1:], plain.Configure(o))
	require.Equal(t, []int{0, 61}, masked(plain), "the past too")
	o.Marks = nil
	require.Len(t, plain.Configure(o), 1)
	require.Equal(t, []int{0, 0}, masked(plain))
}

// Twenty pods at a time, each for six hours, have never been more than twenty: in slices of any length.
func TestDataset_LimitsSeriesThatLiveAtTheSameTime(t *testing.T) {
	const generations, pods = 12, 5
	db := storage.New(t)
	end := epoch + generations*6*hour
	for g := range int64(generations) {
		for p := range pods {
			begin := epoch + g*6*hour
			// One sample in ten is missing, which makes no room for others.
			value := func(series int, ts int64) float64 {
				if ts/minute%10 == int64(p) {
					return math.NaN()
				}
				return sine(series, ts)
			}
			storage.Write(t, db, begin, begin+6*hour-20*minute, minute, value, load("pod", fmt.Sprintf("%02d-%d", g, p)))
		}
	}
	late := []labels.Labels{load("pod", "late-0"), load("pod", "late-1"), load("pod", "late-2")}
	storage.Write(t, db, end-3*hour, end, minute, sine, late...)
	for _, maxSamples := range []int{50_000_000, 2_000} {
		o := newOptions(t)
		o.Layout = newLayout(t, minute, 3*day, hour)
		o.Limit, o.Vacant = pods+1, 15*minute
		d := dataset.New(o)
		e := newEvaluator(db)
		e.Engine = newEngine(maxSamples)
		seen := map[string]bool{}
		for at := epoch + 6*hour; at <= end; at += 3 * hour {
			fill(t, d, e, at)
			require.LessOrEqual(t, len(d.Live(at-30*minute)), pods+1)
			for _, pod := range known(d, "pod") {
				seen[pod] = true
			}
		}
		require.Len(t, seen, generations*pods+len(late), "all generations, and late pods once there is room")
		for i, first := range []int64{end - 3*hour, end - 5*minute, end - 4*minute} {
			s := series(d, "pod")[fmt.Sprint("late-", i)]
			require.False(t, math.IsNaN(s.At(0, first)), "late-%d", i)
			require.True(t, math.IsNaN(s.At(0, first-minute)), "late-%d", i)
		}
	}
}

// Infinities and native histograms are not kept, but their series take a place like any other.
func TestDataset_LimitsSeriesWhoseValuesAreNotKept(t *testing.T) {
	db := storage.New(t)
	end := epoch + 4*hour
	storage.Write(t, db, epoch, end, minute, constant(math.Inf(1)),
		load("pod", "a"), load("pod", "b"), load("pod", "c"), load("pod", "d"))
	o := newOptions(t)
	o.Limit, o.Vacant = 2, 15*minute
	d := dataset.New(o)
	for at := epoch + hour; at <= end; at += 10 * minute {
		fill(t, d, newEvaluator(db), at)
		require.LessOrEqual(t, len(known(d, "pod")), 2)
		require.Equal(t, 2, d.Refused())
	}
}
