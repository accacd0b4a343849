package forecaster

import (
	"math"
	"slices"
)

// Upper ends of the buckets of horizons, in minutes. Errors are pooled over the horizons of a bucket: at a single one
// of exactly a day the last value is the seasonal naive, and would take its place for the 23 hours before.
var (
	fineBuckets   = [...]float64{5, 10, 15, 30, 60, 120, 240, 480, 720, 960, 1200, 1440, 2880}
	coarseBuckets = [...]float64{60, 120, 180, 270, 360, 540, 720, 900, 1080, 1260, 1440, 1800, 2160, 2880}
)

// fineMinutes is the longest step that counts as fine.
const fineMinutes = 10

func (w *window) fine() bool { return w.minutes <= fineMinutes }

// buckets returns the upper ends of the buckets in steps; the last one is longest.
func (w *window) buckets(longest int) []int {
	minutes := coarseBuckets[:]
	if w.fine() {
		minutes = fineBuckets[:]
	}
	ends := []int{1}
	for _, x := range minutes {
		ends = append(ends, max(1, int(math.Round(x/w.minutes))))
	}
	ends = slices.DeleteFunc(ends, func(h int) bool { return h >= longest })
	return slices.Compact(append(ends, longest))
}

// knots are where weights and offsets of the buckets apply, as logarithms of steps.
func knots(ends []int) []float64 {
	k := make([]float64, len(ends))
	lo := 0
	for i, hi := range ends {
		k[i] = math.Log(float64(lo+1)*float64(hi)) / 2
		lo = hi
	}
	return k
}

const (
	bucketRows = 400 // at most, per bucket
	pathRows   = 200 // at most, origins for the extremes of windows
	fewestRows = 12  // in a bucket, below which the one before it stands in

	errorHalfLife = 5 // days
)

// rows are the forecasts of the backtest: row r is made at origin t[r] for h[r] steps ahead.
type rows struct {
	t, h   []int32
	bucket []int32 // bucket b holds rows [bucket[b], bucket[b+1])
	head   []int32 // of the list of rows by origin, -1 is none
	next   []int32
}

// target is the step that row i forecasts.
func (r *rows) target(i int) int { return int(r.t[i] + r.h[i]) }

// plan chooses the rows: per bucket up to bucketRows origins evenly back from the latest, with one horizon each that
// strides through the bucket.
func (w *window) plan(ends []int, first int) *rows {
	origins := make([]int32, 0, len(w.y))
	for t := first; t < len(w.y); t++ {
		if w.ok[t] {
			origins = append(origins, int32(t))
		}
	}
	n := len(w.y)
	r := &rows{bucket: make([]int32, 1, len(ends)+1), head: make([]int32, n)}
	lo := 0
	for _, hi := range ends {
		count, _ := slices.BinarySearch(origins, int32(n-lo-1))
		stride := max(1, (count+bucketRows-1)/bucketRows)
		i := 0
		for k := count - 1; k >= 0; k -= stride {
			t := int(origins[k])
			if h := w.target(t, lo, hi, i); h > 0 {
				r.t, r.h = append(r.t, int32(t)), append(r.h, int32(h))
			}
			i++
		}
		r.bucket = append(r.bucket, int32(len(r.t)))
		lo = hi
	}
	for t := range r.head {
		r.head[t] = -1
	}
	r.next = make([]int32, len(r.t))
	for i, t := range r.t {
		r.next[i], r.head[t] = r.head[t], int32(i)
	}
	return r
}

// target returns a horizon in (lo, hi] for the i-th origin t, 0 if there is none to be had.
func (w *window) target(t, lo, hi, i int) int {
	span := hi - lo
	h := 7919 * i % span
	if t+lo+1+h >= len(w.y) {
		return 0
	}
	for range min(span, 8) {
		if at := t + lo + 1 + h; at < len(w.y) && w.ok[at] {
			return lo + 1 + h
		}
		h = (h + 1) % span
	}
	return 0
}

// halved is the weight of what is age steps old, at a half-life in days.
func (w *window) halved(age int, days float64) float64 {
	return math.Exp2(-float64(age) / (days * float64(w.day)))
}

// fading are the weights of all steps at a half-life in days.
func (w *window) fading(days float64) []float64 {
	u, weight, factor := make([]float64, len(w.y)), 1.0, w.halved(1, days)
	for t := len(u) - 1; t >= 0; t-- {
		u[t] = weight
		weight *= factor
	}
	return u
}

// A backtest holds what came of the rows: the errors of count candidates in each, and the scale expected.
type backtest struct {
	count  int
	errs   []float64
	scales []scale
	usual  []float64 // values at the time
	ar     *autoregressions

	choosing, measuring []float64 // weights of origins
	columns             []float64 // room for selectWeights
	level               func(median, usual float64) float64
}

// backtest advances s over the window, and forecasts all rows with all candidates.
func (s *state) backtest(w *window, r *rows, o *Options) *backtest {
	b := &backtest{count: s.candidates(), level: s.level, scales: make([]scale, len(r.t)), usual: make([]float64, len(r.t))}
	b.errs = make([]float64, len(r.t)*b.count)
	b.choosing, b.measuring = w.fading(weightHalfLife), w.fading(errorHalfLife)
	b.columns = make([]float64, (selectFrom+2)*bucketRows)
	longest := o.Horizons[len(o.Horizons)-1]
	leads := make([]lead, longest+1)
	departures := make([]float64, len(w.y))
	for t, y := range w.y {
		s.advance(y)
		departures[t] = s.departure
		for i := r.head[t]; i >= 0; i = r.next[i] {
			l := &leads[r.h[i]]
			if l.h == 0 {
				*l = newLead(int(r.h[i]), o)
			}
			at, actual := s.aim(l), w.y[t+l.h]
			b.scales[i], b.usual[i] = s.uncertain(l), s.weekMean
			row := b.errs[int(i)*b.count : (int(i)+1)*b.count]
			for j := range row {
				if j != candAR && j != candProfileAR {
					row[j] = actual - s.candidate(j, &at, nil)
				}
			}
		}
	}
	b.ar = w.autoregressions(departures, longest)
	b.regress(w, r, departures)
	return b
}

// regress fills in the errors of the autoregressions, whose coefficients are known only at the end of the window.
func (b *backtest) regress(w *window, r *rows, departures []float64) {
	for i, t := range r.t {
		row := b.errs[i*b.count : (i+1)*b.count]
		changed, departed := 0.0, 0.0
		for j, a := range b.ar.changes.at(int(r.h[i])) {
			if k := int(t) - j; k > 0 {
				changed += a * (w.y[k] - w.y[k-1])
			}
		}
		for j, a := range b.ar.departures.at(int(r.h[i])) {
			departed += a * departures[max(int(t)-j, 0)]
		}
		row[candAR] = row[candLast] - changed
		row[candProfileAR] = row[candProfile] - departed
	}
}

// errors are those of the combination with weights in rows [from, to).
func (b *backtest) errors(w *window, r *rows, from, to int, weights []float64) sampled {
	e := make(sampled, to-from)
	for i := range e {
		row := b.errs[(from+i)*b.count : (from+i+1)*b.count]
		missed, x := dot(weights, row), b.scales[from+i]
		x.level = b.level(w.y[r.target(from+i)]-missed, b.usual[from+i])
		e[i] = scaledError{weighted{missed, b.measuring[r.t[from+i]]}, x}
	}
	return e
}

// A measured holds the errors of one model in rows.
type measured struct {
	*rows
	errs []float64
}

func newMeasured(r *rows) *measured {
	if r == nil {
		return &measured{}
	}
	return &measured{rows: r, errs: make([]float64, len(r.t))}
}

// ask forecasts the rows of origin t, where m is now.
func (e *measured) ask(w *window, m *Model, t int) {
	if e.rows == nil {
		return
	}
	for i := e.head[t]; i >= 0; i = e.next[i] {
		at := m.at(int(e.h[i]))
		e.errs[i] = w.y[t+at.h] - at.median
	}
}

// offsets are the quantiles of the errors by bucket; a bucket with few rows has those of the bucket before it.
func (e *measured) offsets(w *window, ends []int) offsets {
	off, fading := offsets{knots: knots(ends)}, w.fading(errorHalfLife)
	for k := range ends {
		from, to := int(e.bucket[k]), int(e.bucket[k+1])
		if to-from < fewestRows && k > 0 {
			off.add(off.tables[k-1], exponent{})
			continue
		}
		s := make(sample, to-from)
		for i := range s {
			s[i] = weighted{e.errs[from+i], fading[e.t[from+i]]}
		}
		off.add(s.blended(w, off.knots[k]), exponent{})
	}
	return off
}

// judgedBy are the quantiles by which models are compared.
var judgedBy = [...]float64{0.5, 0.9, 0.975}

// A judged is the sum of the pinball losses of a model in some of the rows.
type judged struct {
	*rows
	loss, count float64
}

// mean loss of a row.
func (j *judged) mean() float64 { return j.loss / max(j.count, 1) }

func (j *judged) addScaled(s sampled, x exponent, t *table) {
	for _, e := range s {
		for _, p := range judgedBy {
			j.loss += x.of(e.scale) * pinball(p, e.value-t.at(p))
		}
	}
	j.count += float64(len(s))
}

// ask adds the rows of origin t, where p is now.
func (j *judged) ask(w *window, p *counts, t int) {
	if j.rows == nil {
		return
	}
	for i := j.head[t]; i >= 0; i = j.next[i] {
		h := int(j.h[i])
		for _, q := range judgedBy {
			j.loss += pinball(q, w.y[t+h]-p.quantile(h, q))
		}
		j.count++
	}
}

func pinball(p, miss float64) float64 { return max(p*miss, (p-1)*miss) }
