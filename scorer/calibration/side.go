package calibration

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// sideTests is the logarithm of how many times rarer on its own side a deviation has to be for the same score. Chosen:
	// so two sides add half as many crossings as the score allows, at most (Bonferroni).
	sideTests = 2 * math.Ln2
	// nearer is the part of the distance at which all deviations together are as rare as a score of 0.8 at which those to
	// one side have to be that rare, to go less far. Where they are not, sides may be alike, and chance makes one look
	// nearer: then alikeTests count instead. Chosen on TestModel_IsCalibrated: with 3/4, heavy-tailed normal life at a
	// minute crossed 0.8 0.98 times a week after 14 days of history, with 2/3 0.90 times, and with alikeTests 0.93 times.
	nearer     = 2.0 / 3
	alikeTests = 8 * math.Ln2
)

// Beyond is how far a value is beyond all that is usual; 0: it is not.
type Beyond struct {
	Distance float32 // in units, with its sign
	// Log is minus the logarithm of the share that it is of what is usual, if it is below that, see share.Scale.
	Log float32
}

// A side is what deviations to one side say, such as those below what is usual of a service with bursts.
type side struct {
	known  bool    // else there were no deviations to it
	logs   bool    // tail is one of logarithms
	tests  float64 // see sideTests
	reach  float32 // the distance that is as rare as a score of 0.8
	tail   Tail    // of a sample in which what is on the other side counts as 0
	beyond extrapolation
}

// FitSides fits the sides of deviations. They are those of the sample of Fit, in order of time, but with their sign and
// from all that is usual, as in LogPeriodBeyond. usual is how many units above 0 values usually are, or 0 if shares say
// nothing of them. Options and span are as in Fit. The correction of c has to be known.
func (c *Calibration) FitSides(deviations []Beyond, usual float32, o Options, span int64) {
	if o.Separation == 0 {
		return
	}
	var scratch orderstat.Scratch
	above := c.fitSide(deviations, o, span, &scratch, func(b Beyond) float32 { return max(b.Distance, 0) })
	below := c.fitSide(deviations, o, span, &scratch, func(b Beyond) float32 { return max(-b.Distance, 0) })
	if usual > 0 {
		logs := c.fitSide(deviations, o, span, &scratch, func(b Beyond) float32 { return b.Log })
		logs.reach = -float32(math.Expm1(-float64(logs.reach))) * usual
		if logs.known && logs.reach < below.reach {
			below, below.logs = logs, true
		}
	}
	c.sides = [...]side{above, below}
	for i := range c.sides {
		if s := &c.sides[i]; s.reach < nearer*c.tails[0].Quantile(c.alertSurprisal()) {
			s.tests = sideTests
		} else {
			s.tests = alikeTests
		}
	}
}

// fitSide fits a side to sizes of deviations, which are 0 if they are on the other one.
func (c *Calibration) fitSide(
	deviations []Beyond, o Options, span int64, scratch *orderstat.Scratch, size func(Beyond) float32,
) side {
	sizes, normal := make([]float32, len(deviations)), o.Normal
	for i, d := range deviations {
		sizes[i] = size(d)
	}
	if slices.Max(sizes) == 0 {
		return side{}
	}
	if isIncident := findIncidents(sizes, normal, o.Separation, scratch); isIncident != nil {
		sizes, normal = keep(sizes, isIncident), keep(normal, isIncident)
	}
	tail, variance := fitPredictiveTail(sizes, normal, o.Separation, scratch)
	tail = tail.widenYoung(span).widenShape(variance, c.alertSurprisal()+sideTests)
	s := side{known: true, reach: tail.Quantile(c.alertSurprisal() + sideTests), tail: tail}
	s.beyond = newExtrapolation(sizes, &tail, o.Separation)
	s.beyond.shape = c.beyond[0].shape
	return s
}

// alertSurprisal returns the surprisal of a score of 0.8.
func (c *Calibration) alertSurprisal() float64 {
	return (decades*compressAbove-c.logSlot)*math.Ln10 + c.multipleTestingCorrection
}

// LogPeriodBeyond is LogPeriod for a deviation from all that is usual, by those to the same side: bursts to one side
// tell nothing of how far values go to the other one.
func (c *Calibration) LogPeriodBeyond(b Beyond) (log, supported float64) {
	s, size := c.side(b.Distance), max(b.Distance, -b.Distance)
	if !s.known {
		return math.Inf(-1), math.Inf(-1)
	}
	if s.logs {
		size = b.Log
	}
	surprisal := s.tail.Surprisal(size)
	return c.logPeriod(surprisal - s.tests), c.logPeriod(s.beyond.limit(&s.tail, surprisal) - s.tests)
}

// BandBeyond is Band for deviations from all that is usual, to the side of a sign. Where the logarithm of a share tells
// whether one is rare, it is that.
func (c *Calibration) BandBeyond(sign float32) (b Beyond) {
	s := c.side(sign)
	if b.Distance = c.band; !s.known {
		return b
	}
	if q := s.tail.Quantile(c.bandSurprisal() + s.tests); s.logs {
		b.Log = q
	} else {
		b.Distance = min(q, c.band)
	}
	return b
}

func (c *Calibration) side(sign float32) *side {
	if sign < 0 {
		return &c.sides[1]
	}
	return &c.sides[0]
}
