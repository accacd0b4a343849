package forecaster

import (
	"cmp"
	"math"
	"slices"
)

// A combination is the model "auto": weighted sums of candidates. The weights, which are those of a mean, differ
// between buckets of horizons.
type combination struct {
	*state
	ar      autoregressions
	knots   []float64
	used    []int     // candidates that have a weight anywhere
	weights []float64 // of the used ones, bucket by bucket, for the median
	reaches []float64 // likewise, for what extremes are measured from
}

func (c *combination) predict(l *lead) (o outlook) {
	t := c.aim(l)
	i, x := interpolate(c.knots, l.log)
	n := len(c.used)
	at, next := i*n, min(i+1, len(c.knots)-1)*n
	for k, j := range c.used {
		weight := c.weights[at+k] + x*(c.weights[next+k]-c.weights[at+k])
		other := c.reaches[at+k] + x*(c.reaches[next+k]-c.reaches[at+k])
		if weight != 0 || other != 0 {
			v := c.candidate(j, &t, &c.ar)
			o.median += weight * v
			o.reach += other * v
		}
	}
	if c.trend.breakout > 0 {
		c.breakOut(&o, &t)
	}
	return o
}

// leader is the candidate with the largest weight over all buckets.
func (c *combination) leader() string {
	best, most := 0, -1.0
	for k, j := range c.used {
		sum := 0.0
		for i := k; i < len(c.weights); i += len(c.used) {
			sum += c.weights[i]
		}
		if sum > most {
			best, most = j, sum
		}
	}
	return candidateNames[best]
}

// fitCombination returns the combination that suits w, before the first value of w, and the offsets of its quantiles.
// To what looks counted it says too what it was judged by.
func fitCombination(w *window, o *Options) (*combination, offsets, judged) {
	longest := o.Horizons[len(o.Horizons)-1]
	ends := w.buckets(longest)
	s := newState(w)
	r := w.plan(ends, s.firstOrigin(w))
	b := s.backtest(w, r, o)

	c := &combination{state: newState(w), ar: *b.ar, knots: knots(ends)}
	off := offsets{knots: c.knots}
	j := judged{rows: r}
	all := make([]float64, 2*len(ends)*b.count)
	weights, reaches := all[:len(ends)*b.count], all[len(ends)*b.count:]
	for k := range ends {
		from, to := int(r.bucket[k]), int(r.bucket[k+1])
		of, reach := weights[k*b.count:(k+1)*b.count], reaches[k*b.count:(k+1)*b.count]
		switch {
		case to-from >= fewestRows:
			errs, u := b.errs[from*b.count:to*b.count], w.rowWeights(r, from, to, weightHalfLife)
			order := ranked(b.count, errs, u)
			selectWeights(of, order, errs, u)
			plain := slices.DeleteFunc(order, func(j int) bool { return j >= numPlain && j < numDaily })
			selectWeights(reach, plain, errs, u)
		case k > 0:
			copy(of, weights[(k-1)*b.count:])
			copy(reach, reaches[(k-1)*b.count:])
			off.add(off.tables[k-1], off.exponents[k-1])
			continue
		default:
			of[candLast], reach[candLast] = 1, 1
		}
		e := b.errors(w, r, from, to, of)
		exponent := e.scaled()
		off.add(e.sample().blended(w, off.knots[k]), exponent)
		if w.counted {
			j.addScaled(e, exponent, &off.tables[k])
		}
	}
	c.keep(weights, reaches, b.count)
	return c, off, j
}

// firstOrigin is from where on forecasts are judged: a season has to be known.
func (s *state) firstOrigin(w *window) int {
	if s.weekly {
		return 7 * w.day
	}
	return min(w.day, len(w.y)/2)
}

// keep drops what has no weight.
func (c *combination) keep(weights, reaches []float64, count int) {
	for j := range count {
		for i := j; i < len(weights); i += count {
			if weights[i] > 0 || reaches[i] > 0 {
				c.used = append(c.used, j)
				break
			}
		}
	}
	for i := 0; i < len(weights); i += count {
		for _, j := range c.used {
			c.weights, c.reaches = append(c.weights, weights[i+j]), append(c.reaches, reaches[i+j])
		}
	}
	c.state.only(c.used)
	if !slices.Contains(c.used, candAR) {
		c.ar.changes = autoregression{}
	}
	if !slices.Contains(c.used, candProfileAR) {
		c.ar.departures = autoregression{}
	}
}

const (
	rounds         = 12
	selectFrom     = 12 // best candidates of a bucket
	weightHalfLife = 10 // days
)

// selectWeights fills weights, which then sum to 1, by greedy forward selection with replacement on the absolute error
// of the sum (Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004). order ranks the candidates;
// errs are their errors row by row, u the weights of the rows.
func selectWeights(weights []float64, order []int, errs, u []float64) {
	order = order[:min(selectFrom, len(order))]
	count := len(weights)
	// Column by column, and weighted once, so that the inner loop is short.
	rows := len(u)
	columns := make([]float64, len(order)*rows)
	for k, j := range order {
		column := columns[k*rows : (k+1)*rows]
		for i := range column {
			column[i] = u[i] * errs[i*count+j]
		}
	}
	sum := make([]float64, rows)
	for range rounds {
		pick, least := 0, 0.0
		for k := range order {
			loss := absoluteSum(sum, columns[k*rows:(k+1)*rows])
			if k == 0 || loss < least {
				pick, least = k, loss
			}
		}
		for i, e := range columns[pick*rows : (pick+1)*rows] {
			sum[i] += e
		}
		weights[order[pick]] += 1.0 / rounds
	}
}

// absoluteSum is the sum of the sizes of a[i]+b[i]. Its four sums do not wait for each other.
func absoluteSum(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+3 < len(a); i += 4 {
		s0 += math.Abs(a[i] + b[i])
		s1 += math.Abs(a[i+1] + b[i+1])
		s2 += math.Abs(a[i+2] + b[i+2])
		s3 += math.Abs(a[i+3] + b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += math.Abs(a[i] + b[i])
	}
	return s0 + s1 + (s2 + s3)
}

// ranked orders the candidates by their own weighted absolute error.
func ranked(count int, errs, u []float64) []int {
	loss := make([]float64, count)
	for i, weight := range u {
		for j, e := range errs[i*count : (i+1)*count] {
			loss[j] += weight * math.Abs(e)
		}
	}
	order := make([]int, count)
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(loss[a], loss[b]) })
	return order
}
