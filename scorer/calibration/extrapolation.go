package calibration

import "math"

const (
	// wideShare is the part of a sample whose excesses tell, besides those of its tail, how heavy the tail is. Chosen: a
	// tenth is enough for a standard error of 0.05 in two weeks of 5 minutes, and still little of the body.
	wideShare = 0.1
	// minWide is the number of such excesses below which they tell nothing (guard).
	minWide = 10
	// shapeLimit is how many standard errors heavier than estimated a tail is assumed to be: its upper 80 % confidence
	// limit. Chosen on generated fleets: with it, return periods of 40 and of 400 weeks come as often as they should in
	// a mixture of 24 shapes of normal life, 11 of which are heavy-tailed, move slowly or change their volatility.
	shapeLimit = 0.84
)

// An extrapolation says what a tail is worth beyond the sample that it was fitted to, where its shape decides. The
// standard error of a shape is 1/sqrt(m) for m independent excesses (Hosking and Wallis, as in pareto), and these are
// few episodes rather than many values where a series moves slowly: the largest 80 values of a random walk in two weeks
// are two or three excursions.
type extrapolation struct {
	from  float64 // surprisal of what is as rare as the sample is long
	shape float64 // that the tail has at least from there on
	doubt float64 // what is added to the shape
}

// newExtrapolation returns that of a tail of a sample in order of time. Values that are no more than separation places
// apart belong to one episode.
func newExtrapolation(sample []float32, t *Tail, separation int) extrapolation {
	return extrapolation{
		from:  max(math.Log(float64(len(sample))), float64(t.rate)),
		doubt: shapeLimit / math.Sqrt(float64(episodes(sample, t.threshold, separation))),
	}
}

// limit returns what a surprisal of the tail is worth.
func (e *extrapolation) limit(t *Tail, surprisal float64) float64 {
	if surprisal <= e.from {
		return surprisal
	}
	// How far the value is from where the sample ends, in scales of the tail there.
	from := t.excess(e.from)
	scales := (t.excess(surprisal) - from) / max(1+float64(t.shape)*from, linearTailBelow)
	shape := max(e.shape, float64(t.shape)) + e.doubt
	return min(surprisal, e.from+math.Log1p(shape*scales)/shape)
}

// excess returns how many scales beyond the threshold the value with a surprisal is: it is the inverse of Surprisal
// there.
func (t *Tail) excess(surprisal float64) float64 {
	shape, beyond := float64(t.shape), surprisal-float64(t.rate)
	if shape < 0 {
		if line := beyond - math.Log(linearTailBelow)/shape; line > 0 {
			return (1 - linearTailBelow*(1+shape*line)) / -shape
		}
	}
	return math.Expm1(shape*beyond) / shape
}

// episodes returns the number of runs of values beyond a threshold, at least one.
func episodes(sample []float32, threshold float32, separation int) int {
	n, last := 0, -separation-1
	for i, x := range sample {
		if x > threshold {
			if i-last > separation {
				n++
			}
			last = i
		}
	}
	return max(n, 1)
}

// wideShape returns the shape of the largest tenth of a sorted sample, of which the largest values are censored. They
// are five times as many as those of the tail, so it is known better, if not of the tail alone.
func wideShape(sorted []float32, censored int) float64 {
	n := len(sorted)
	first := n - max(int(wideShare*float64(n)), tailSize(n))
	threshold := sorted[first-1]
	for first < n && sorted[first] == threshold {
		first++
	}
	excesses := sorted[first:]
	m := len(excesses)
	if m < minWide {
		return 0
	}
	_, shape := fitExcesses(excesses, m-min(censored, mostCensored(m)), threshold)
	return shape
}

// LogPeriod returns the decimal logarithm of the return period of what Combine returned, in units of 5 minutes, and
// that of a supported one: no further beyond the sample than the statistics support, either the most unusual one by
// itself, or all of them together.
//
// That one of n statistics is as rare as e^-s has a probability of n e^-s at most, however they depend on each other
// (Bonferroni). All together mean more where each is moderately rare, as at steps of an hour, but of something extreme
// they mean less than one: their tail is that of sums of surprisals, which is heavier, and doubted once more.
func (c *Calibration) LogPeriod(all float32, surprisals *Statistics) (log, supported float64) {
	combined := c.combined.Surprisal(all)
	log = c.logPeriod(combined)
	if combined <= c.beyondCombined.from {
		return log, log
	}
	var sum, most, n float64
	for i, enabled := range c.enabled {
		if enabled {
			limited := c.beyond[i].limit(&c.tails[i], float64(surprisals[i]))
			sum += limited
			most = max(most, limited)
			n++
		}
	}
	together := c.beyondCombined.limit(&c.combined, c.combined.Surprisal(float32(fisher(sum, n))))
	return log, c.logPeriod(max(min(combined, most-math.Log(n)), together, c.beyondCombined.from))
}

func (c *Calibration) logPeriod(surprisal float64) float64 {
	return max(surprisal-c.multipleTestingCorrection, 0)/math.Ln10 + c.logSlot
}
