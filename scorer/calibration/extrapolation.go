package calibration

import "math"

// An extrapolation says what a tail is worth beyond the sample that it was fitted to. The excesses of a tail are few
// episodes rather than many values where a series moves slowly: the largest 80 values of a random walk in two weeks are
// two or three excursions. As in FitTail, a shape that is larger by 1/m turns an exponential tail into its predictive
// distribution, but m is the number of episodes here, and the shape changes only from where the sample ends.
type extrapolation struct {
	from  float64 // surprisal of what is as rare as the sample is long
	shape float64 // of the tail
	doubt float64 // what is added to the shape from there on; 0: nothing
}

// newExtrapolation returns that of a tail of a sample in order of time. Values that are no more than separation places
// apart belong to one episode; with a separation of 0 each is one.
func newExtrapolation(sample []float32, t *Tail, separation int) extrapolation {
	e := extrapolation{from: math.Log(float64(len(sample))), shape: float64(t.shape)}
	if separation > 0 {
		e.doubt = 1 / float64(episodes(sample, t.threshold, separation))
	}
	return e
}

// limit returns what a surprisal of the tail is worth.
func (e *extrapolation) limit(surprisal float64) float64 {
	beyond := surprisal - e.from
	if beyond <= 0 || e.doubt == 0 {
		return surprisal
	}
	scales := beyond // how far the value is from where the sample ends, in scales of the tail there
	if math.Abs(e.shape) > zeroShape {
		scales = math.Expm1(e.shape*beyond) / e.shape
	}
	shape := max(e.shape, 0) + e.doubt
	return e.from + math.Log1p(shape*scales)/shape
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

// Supported returns what LogPeriod returns for what Combine returned, but no further beyond the sample than the
// episodes in the tails support.
func (c *Calibration) Supported(all float32, surprisals *Statistics) float64 {
	combined := c.combined.Surprisal(all)
	if combined <= c.beyondCombined.from {
		return c.logPeriod(combined)
	}
	var sum, n float64
	for i, enabled := range c.enabled {
		if enabled {
			sum += c.beyond[i].limit(float64(surprisals[i]))
			n++
		}
	}
	limited := c.beyondCombined.limit(c.combined.Surprisal(float32(fisher(sum, n))))
	return c.logPeriod(max(limited, c.beyondCombined.from))
}
