package calibration

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// significance is the level of the sign test of whether sides differ: up to which probability so few of the episodes
	// that go so far are not put down to chance (Dixon and Mood, "The statistical sign test", Journal of the American
	// Statistical Association, 1946). Chosen: the usual 5 %. Without the test, heavy-tailed normal life at a minute
	// crossed 0.8 1.16 times a week after 14 days of history, instead of 0.81 times (TestModel_IsCalibrated).
	significance = 0.05
	// leastEpisodes are those of which the test can tell something: with 4 it never gets below 6 %.
	leastEpisodes = 5
	// widestShare is the part of a sample whose episodes are counted at first; then half of it, and so on. Chosen, not
	// tuned.
	widestShare = 1.0 / 4
	// twoSides is what a surprisal is less for being the larger one of two: there are two sides (Bonferroni).
	twoSides = math.Ln2
)

// A side is one side of a statistic, on which it goes less far than on the other one, as that of a service with bursts.
type side struct {
	known bool // else sides are alike
	tail  Tail // of a sample in which what is on the other side counts as 0
}

// fitSides fits the sides of the s-th statistic of a sample, whose sizes are given, also sorted. It overwrites sizes.
func (c *Calibration) fitSides(
	s int, sample []Statistics, sizes, sorted []float32, o Options, scratch *orderstat.Scratch,
) {
	var differs [2]bool
	for n := int(widestShare * float64(len(sorted))); n >= leastEpisodes; n /= 2 {
		above, below := episodesBySide(sample[o.Early:], s, sorted[len(sorted)-n], o.Separation)
		differs[0], differs[1] = differs[0] || fewer(above, below), differs[1] || fewer(below, above)
	}
	for k := range differs {
		if !differs[k] {
			continue
		}
		found := false
		own, normal := sizes[o.Early:], o.Normal
		if normal != nil {
			normal = normal[o.Early:]
		}
		for i, st := range sample[o.Early:] {
			if own[i] = 0; sideOf(st[s]) == k {
				own[i] = st.Size(s)
				found = found || own[i] > 0
			}
		}
		if found {
			c.sides[s][k].known = true
			if isIncident := findIncidents(own, normal, o.Separation, scratch); isIncident != nil {
				own, normal = keep(own, isIncident), keep(normal, isIncident)
			}
			c.sides[s][k].tail, _ = fitTail(own, normal, o.Separation, scratch)
		}
	}
}

// surprisal returns that of the i-th statistic, x, of a step on a side, see Combine. Bursts to one side tell how far
// values go there, and nothing of a value that is farther on the other side than any was.
func (c *Calibration) surprisal(i int, x float32, side int) float64 {
	s := c.tails[i].Surprisal(abs(x))
	if x*float32(side) > 0 {
		if own := &c.sides[i][sideOf(x)]; own.known {
			s = max(s, own.tail.Surprisal(abs(x))-twoSides)
		}
	}
	return s
}

// fewer tells whether so few episodes on one side, and so many on the other one, are too few for sides that are alike.
func fewer(few, many int) bool {
	n := few + many
	return n >= leastEpisodes && distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(few)) < significance
}

// episodesBySide returns the number of runs of values of a statistic beyond a limit on either side.
func episodesBySide(sample []Statistics, s int, limit float32, separation int) (above, below int) {
	lastAbove, lastBelow := -separation-1, -separation-1
	for i := range sample {
		switch x := sample[i][s]; {
		case x > limit:
			if i-lastAbove > separation {
				above++
			}
			lastAbove = i
		case x < -limit:
			if i-lastBelow > separation {
				below++
			}
			lastBelow = i
		}
	}
	return above, below
}

// sideOf returns the index of the side that a value is on.
func sideOf(x float32) int {
	if x < 0 {
		return 1
	}
	return 0
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
