// Package calibration turns statistics of a step into the return period that normal life gives them, and that into a
// score.
//
// Each statistic gets the probability of its own past (see Tail). Together they get a probability once more, and with
// it a return period. So a score means the same for every series: 0.8 is once in five weeks of normal life.
package calibration

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// matureAfter is how long a window has to be to know what normal life is like. For shorter windows, up to youngShape
	// is added to the shape of the combined tail. Tuned: false alerts on the developing series (test/accuracy anomaly)
	// fell by a quarter to a half.
	matureAfter = 7 * 24 * time.Hour
	youngShape  = 0.2
	// With more than sparseZeros zeros in sparseOf values, nothing is censored: where hardly anything ever happens, what
	// does cannot be told from incidents. Chosen, not tuned.
	sparseZeros, sparseOf = 4, 5
	// independentTests is the number of independent tests that the mean of the surprisals is taken for. By the variance of
	// the mean in normal life of many shapes there are 1.6 to 2.7 of them.
	independentTests = 3
	// correctionSlots is the number of slots below which the correction for multiple tests is not estimated (guard), and
	// correctionQuantile the part of slots that it is not estimated from. Chosen, not tuned: the largest tenth.
	correctionSlots    = 100
	correctionQuantile = 0.9
)

// MaxStatistics is how many statistics a step can have.
const MaxStatistics = 4

// Statistics are those of a step. What they are is the business of the caller, but the first one is a distance from
// what was expected, 0 and more. All grow with what is anomalous.
type Statistics [MaxStatistics]float32

// Options say how a Calibration is fitted.
type Options struct {
	// Enabled are the statistics that count.
	Enabled [MaxStatistics]bool
	// Slot is the distance of two steps of the sample in ms.
	Slot int64
	// Separation is how many places of the sample steps of the same incident may be apart; 0: there are no incidents in
	// the sample.
	Separation int
	// Normal tells which steps of the sample are known to be normal life, however anomalous they look; nil: none is known.
	Normal []bool
}

// A Calibration knows how rare statistics are in normal life.
type Calibration struct {
	enabled [MaxStatistics]bool
	tails   [MaxStatistics]Tail
	sides   [2]side // above, below
	// What the tails are worth beyond the sample. Where nothing is doubted, it never ends.
	beyond         [MaxStatistics]extrapolation
	beyondCombined extrapolation

	combined Tail // knows how little the sample says of what is as rare as a score of 0.8
	fitted   Tail // knows it only of the scale
	// shapeVariance is that of the shape of fitted.
	shapeVariance float64

	// logSlot is the logarithm of a slot in units of 5 minutes. Return periods are counted in slots, not in steps: at
	// steps under 5 minutes, neighbours hardly differ in how anomalous they are.
	logSlot float64
	// multipleTestingCorrection is the logarithm of how many times more often the most anomalous step of a slot exceeds a
	// limit than the first one does.
	multipleTestingCorrection float64

	band float32 // see Band
}

// Fit learns from a sample, not empty, in order of time. span is how much time it covers, in ms.
func Fit(o Options, sample []Statistics, span int64) Calibration {
	c := Calibration{enabled: o.Enabled, logSlot: LogPeriod(1, o.Slot)}
	separation, scratch := o.Separation, orderstat.Scratch{}
	if separation > 0 {
		sample = withoutIncidents(&o, sample, &scratch)
	}
	v := make([]float32, len(sample))
	heaviest := 0.0
	for s, enabled := range o.Enabled {
		if !enabled && s != 0 { // the band needs the distance
			continue
		}
		zeros := 0
		for i := range sample {
			v[i] = sample[i][s]
			if v[i] == 0 {
				zeros++
			}
		}
		if s == 0 && sparseOf*zeros > sparseZeros*len(v) {
			separation = 0
		}
		var from evidence
		c.tails[s], from = fitTail(v, o.Normal, separation, &scratch)
		if separation == 0 {
			c.tails[s].widenForEpisodes(v, o.Separation)
		}
		c.beyond[s] = newExtrapolation(v, &c.tails[s], o.Separation)
		if enabled {
			heaviest = max(heaviest, from.wideShape)
		}
	}
	// Means of deviations look normal up to far out, but in the end they are as heavy-tailed as the deviations.
	for s := range c.beyond {
		c.beyond[s].shape = heaviest
	}
	for i := range sample {
		v[i], _ = c.Combine(&sample[i])
	}
	c.fitted, c.shapeVariance = fitPredictiveTail(v, o.Normal, separation, &scratch)
	if separation == 0 {
		c.fitted.widenForEpisodes(v, o.Separation)
	}
	c.fitted = c.fitted.widenYoung(span)
	c.setCorrection(0)
	c.beyondCombined = newExtrapolation(v, &c.combined, o.Separation)
	if o.Separation == 0 {
		c.beyondCombined.from = math.Inf(1)
	}
	return c
}

// setCorrection sets the correction for multiple tests, and with it the band and the combined tail, which is to be
// right at 0.8, the score from which people are told.
func (c *Calibration) setCorrection(correction float64) {
	c.multipleTestingCorrection = correction
	c.combined = c.fitted.widenShape(c.shapeVariance, c.alertSurprisal())
	c.band = c.tails[0].Quantile(c.bandSurprisal())
}

// Combine returns the surprisal of a step, before it is calibrated, and that of each of its statistics.
//
// It averages the surprisals, and treats the mean as if it came from three independent tests (Fisher, "Statistical
// methods for research workers", 1932). The tests are correlated, so LogPeriod recalibrates the result by its own
// tail.
func (c *Calibration) Combine(st *Statistics) (all float32, surprisals Statistics) {
	var sum, n float64
	for i, enabled := range c.enabled {
		if enabled {
			s := c.tails[i].Surprisal(st[i])
			surprisals[i] = float32(s)
			sum += s
			n++
		}
	}
	return float32(fisher(sum, n)), surprisals
}

// fisher returns the combined surprisal of n statistics with a sum of surprisals.
func fisher(sum, n float64) float64 {
	if n > 1 {
		sum *= independentTests / n
		sum -= math.Log1p(sum + sum*sum/2)
	}
	return sum
}

// Band returns the distance from the expected value beyond which the distance by itself is rarer than once in 3.5 days.
func (c *Calibration) Band() float32 { return c.band }

func (c *Calibration) bandSurprisal() float64 {
	return (decades*BandScore-c.logSlot)*math.Ln10 + c.multipleTestingCorrection
}

// Threshold returns the distance beyond which the tail of distances begins.
func (c *Calibration) Threshold() float32 { return c.tails[0].threshold }

// A SlotSample is the statistics of all steps of some slots, with which slot each belongs to, in order of time.
type SlotSample struct {
	Statistics []Statistics
	Slots      []int
}

// Add appends a step of a slot.
func (s *SlotSample) Add(slot int, st Statistics) {
	s.Statistics, s.Slots = append(s.Statistics, st), append(s.Slots, slot)
}

// EstimateCorrection makes c calibrated for the most anomalous step of each slot, by the steps of slots that have
// stride of them, and by the first steps of slots as in the sample of Fit. If they are too few it changes nothing.
func (c *Calibration) EstimateCorrection(steps SlotSample, stride int, firsts []Statistics) {
	most := c.mostOfSlots(steps, stride)
	if len(most) < correctionSlots {
		return
	}
	first := make([]float32, len(firsts))
	for i := range firsts {
		first[i], _ = c.Combine(&firsts[i])
	}
	slices.Sort(most)
	limit := max(orderstat.Quantile(most, correctionQuantile), math.SmallestNonzeroFloat32)
	firstShare := shareBeyond(first, limit)
	if len(first) > 0 && slices.Max(first) < limit { // they are too few to tell
		firstShare = min(firstShare, math.Exp(-c.fitted.Surprisal(limit)))
	}
	c.setCorrection(max(math.Log(shareBeyond(most, limit)/firstShare), 0))
}

// mostOfSlots returns the largest surprisal of each slot that has stride steps.
func (c *Calibration) mostOfSlots(steps SlotSample, stride int) []float32 {
	var most []float32
	for i := 0; i < len(steps.Slots); {
		slot, n, largest := steps.Slots[i], 0, float32(0)
		for ; i < len(steps.Slots) && steps.Slots[i] == slot; i++ {
			all, _ := c.Combine(&steps.Statistics[i])
			largest = max(largest, all)
			n++
		}
		if n == stride {
			most = append(most, largest)
		}
	}
	return most
}

// shareBeyond returns the share of values that reach a limit, and is never 0.
func shareBeyond(values []float32, limit float32) float64 {
	beyond := 1
	for _, x := range values {
		if x >= limit {
			beyond++
		}
	}
	return float64(beyond) / float64(len(values)+1)
}
