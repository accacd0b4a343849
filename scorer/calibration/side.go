package calibration

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// nearer is the part of the distance at which all deviations together are as rare as a score of 0.8 at which those to
	// one side have to be that rare, to be compared with their own side as well. Chosen on TestModel_IsCalibrated: where
	// sides are alike, chance makes one of them look nearer. With 3/4, heavy-tailed normal life at a minute crossed 0.8
	// 0.84 times a week after 14 days of history, with 2/3 0.80 times, and 0.77 times without sides.
	nearer = 2.0 / 3
	// sideTests is the logarithm of how many times rarer on its own side a deviation has to be for the same score. Chosen:
	// so two sides add half as many crossings as the score allows, at most (Bonferroni).
	sideTests = 2 * math.Ln2
)

// A side is one to which deviations go less far than to the other one, as those of a service with bursts.
type side struct {
	known  bool // else sides are alike
	tail   Tail // of a sample in which what is on the other side counts as 0
	beyond extrapolation
}

// FitSides fits the sides of deviations. They are those of the sample of Fit, in order of time, but with their sign and
// from all that is usual, as in LogPeriodBeyond. Options and span are as in Fit. The correction of c has to be known.
func (c *Calibration) FitSides(deviations []float32, o Options, span int64) {
	if o.Separation == 0 {
		return
	}
	alert := (decades*compressAbove-c.logSlot)*math.Ln10 + c.multipleTestingCorrection
	limit := nearer * c.tails[0].Quantile(alert)
	var scratch orderstat.Scratch
	for k, sign := range [...]float32{1, -1} {
		own, normal, found := make([]float32, len(deviations)), o.Normal, false
		for i, d := range deviations {
			own[i] = max(sign*d, 0)
			found = found || own[i] > 0
		}
		if !found {
			continue
		}
		if isIncident := findIncidents(own, normal, o.Separation, &scratch); isIncident != nil {
			own, normal = keep(own, isIncident), keep(normal, isIncident)
		}
		tail, variance := fitPredictiveTail(own, normal, o.Separation, &scratch)
		tail = tail.widenYoung(span).widenShape(variance, alert+sideTests)
		s := side{tail.Quantile(alert+sideTests) < limit, tail, newExtrapolation(own, &tail, o.Separation)}
		s.beyond.shape = c.beyond[0].shape
		c.sides[k] = s
	}
}

// LogPeriodBeyond is LogPeriod for a deviation from all that is usual, with its sign, by those to the same side: bursts
// to one side tell nothing of how far values go to the other one.
func (c *Calibration) LogPeriodBeyond(deviation float32) (log, supported float64) {
	s := c.side(deviation)
	if !s.known {
		return math.Inf(-1), math.Inf(-1)
	}
	surprisal := s.tail.Surprisal(abs(deviation))
	return c.logPeriod(surprisal - sideTests), c.logPeriod(s.beyond.limit(&s.tail, surprisal) - sideTests)
}

// BandBeyond is Band for deviations from all that is usual, to the side of a sign.
func (c *Calibration) BandBeyond(sign float32) float32 {
	if s := c.side(sign); s.known {
		return min(s.tail.Quantile(c.bandSurprisal()+sideTests), c.band)
	}
	return c.band
}

func (c *Calibration) side(sign float32) *side {
	if sign < 0 {
		return &c.sides[1]
	}
	return &c.sides[0]
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
