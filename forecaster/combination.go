package forecaster

import "slices"

// A combination is the model "auto": weighted sums of candidates. The weights, which are those of a mean, differ
// between buckets of horizons.
type combination struct {
	*state
	ar      autoregressions
	knots   []float64
	used    []int     // candidates that have a weight anywhere
	weights []float64 // of the used ones, bucket by bucket, for the median
	reaches []float64 // likewise, for what extremes are measured from
	refused bool      // whether they are those of an earlier refit
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
	var known int
	known, c.refused = b.known(w, r, ends, s.firstOrigin(w), o)
	all := make([]float64, 2*len(ends)*b.count)
	weights, reaches := all[:len(ends)*b.count], all[len(ends)*b.count:]
	for k := range ends {
		from, to := int(r.bucket[k]), int(r.bucket[k+1])
		of, reach := weights[k*b.count:(k+1)*b.count], reaches[k*b.count:(k+1)*b.count]
		switch {
		case to-from >= fewestRows:
			b.weigh(r, k, known, of, reach)
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
