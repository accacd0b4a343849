package calibration

import (
	"cmp"
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// bodyKnots quantiles describe a sample up to its tail: the last one is exceeded by 2^-6.5 = 1.1 %, fewer than a tail
	// holds (guard).
	bodyKnots = 14
	// The tail is the largest tailShare of a sample, but at least minTail values, and at most one of maxTail. Peaks over
	// threshold needs the top 1 or 2 %; the numbers were tuned together with censoring, on TestModel_IsCalibrated
	// (docs/models.md, step 3).
	minTail   = 80
	tailShare = 0.016
	maxTail   = 3
	// CensoredClusters is how many clusters may be incidents, and censoredShare the largest part of a tail that may be
	// censored. They replaced the censoring of half of every tail, under which normal life with heavy tails crossed 0.8 up
	// to five times as often as it should (TestModel_IsCalibrated; 11 of 21 cases were out of range, none is).
	CensoredClusters = 6
	censoredShare    = 0.5
	// shapePrior is the weight, in values, of the prior that the shape is 0, an exponential tail. Chosen, not tuned.
	shapePrior = 40
	// minShape keeps tails from having an end in sight (guard).
	minShape = -0.1
	// shapeRuns is how often the fit is repeated, as censored values depend on it. Chosen: it hardly moves any more.
	shapeRuns = 4
	// minScale is the part of the jump from tied values to the first larger one that the scale is at least. Chosen, not
	// tuned.
	minScale = 1.0 / 4
	// linearTailBelow is the part of the density below which a tail with an end goes on in a straight line, so that no
	// value is impossible. Chosen, not tuned.
	linearTailBelow = 0.1
	// minIndependent is the number of independent excesses that a tail counts at least. Guard: of fewer, how many of them
	// are independent is not known either. With 2, recall at one false alert in four weeks is .03 lower on the hourly
	// developing series (test/accuracy anomaly).
	minIndependent = 10
	// A tail of fewer than fewEpisodes says nothing of how far the next one goes: enoughEpisodes do, looked for down to
	// the quantile lowestKnot. Chosen: with 10 instead of 4, one more incident in twenty was missed on the hourly
	// developing series (test/accuracy anomaly).
	fewEpisodes, enoughEpisodes, lowestKnot = 4, 10, 4
	// alike is the part by which the values of an episode differ that are the same but for rounding (guard).
	alike = 1.0 / 1024
	// zeroShape replaces shapes nearer to 0, by which formulas would divide (guard).
	zeroShape = 1e-4
)

// A Tail estimates the probability that a statistic of normal life is at least x. Its body comes from quantiles of a
// sample. Beyond a threshold, the excesses follow a generalised Pareto distribution (peaks over threshold, as in Siffer
// and others, "Anomaly detection in streams with extreme value theory", KDD 2017).
//
// The sample may contain unlabelled incidents. We assume that they form few clusters, while what comes back again and
// again is normal life. So the largest excesses are censored, that is, counted but not measured, as far as they lie
// in a few clusters. In normal life that moves next to nothing. After an incident, the next one of its size is as
// anomalous as the first.
type Tail struct {
	knots     [bodyKnots]float32 // knots[i] is exceeded with probability 2^-(i/2)
	tied      float32            // a value that many have, right below the threshold
	tiedRate  float32            // -ln of the share of the sample that reaches it
	threshold float32
	rate      float32 // -ln of the share of the sample beyond the threshold
	scale     float32 // of the excesses; 0: there were none
	shape     float32 // never 0
}

// FitTail fits the tail of a sample in order of time, which is not empty and holds no NaN. Values that are no more than
// separation places apart belong to one cluster; with a separation of 0 nothing is censored.
func FitTail(sample []float32, separation int) Tail {
	t, _ := fitTail(sample, nil, separation, &orderstat.Scratch{})
	return t
}

// FitPredictiveTail fits a tail as FitTail does, but one that also knows how little the sample says of its scale: no
// more than as many values as are independent. In normal life with changes of level, the largest excesses come in runs
// of hours, and 80 of them may be five events. It also returns the variance of the shape, see Tail.widenShape.
func FitPredictiveTail(sample []float32, separation int) (t Tail, shapeVariance float64) {
	return fitPredictiveTail(sample, nil, separation, &orderstat.Scratch{})
}

// fitPredictiveTail is FitPredictiveTail for a sample of which some values are known to be of normal life.
func fitPredictiveTail(
	sample []float32, normal []bool, separation int, scratch *orderstat.Scratch,
) (t Tail, shapeVariance float64) {
	t, excesses := fitTail(sample, normal, separation, scratch)
	m := float64(excesses.n)
	if m == 0 {
		return t, 0
	}
	independent := m
	if separation > 0 {
		index := extremalIndex(sample, t.threshold, excesses.largestMeasured)
		independent = max(minIndependent, index*float64(excesses.measured))
	}
	t.shape = float32(notZero(float64(t.shape) + max(1/independent-1/m, 0)))
	return t, 1 / (m + shapePrior)
}

// widenShape returns the tail with a larger shape, which at a surprisal makes the tail its predictive distribution
// over what the shape may be. z is how many scales beyond the threshold that is. The logarithm of the probability there
// varies by (2 z^2 - z^3 + z^4 / 4) times the variance of the shape (by the variances of maximum likelihood estimates:
// Hosking and Wallis, as below). Half of that is what the mean probability is larger by. z^2 / 2 of it is for the
// scale, which 1/m is added for. A shape of s adds s z^2 / 2.
func (t Tail) widenShape(variance, surprisal float64) Tail {
	z := max(surprisal-float64(t.rate), 2)
	t.shape = float32(notZero(float64(t.shape) + variance*(z/2-1)*(z/2-1)))
	return t
}

// widenYoung returns the tail of a sample that covers so much time (ms), see matureAfter.
func (t Tail) widenYoung(span int64) Tail {
	young := max(0, 1-float64(span)/float64(matureAfter.Milliseconds()))
	t.shape = float32(notZero(float64(t.shape) + youngShape*young))
	return t
}

// evidence is what the fit of a tail is based on.
type evidence struct {
	n, measured     int // excesses, and those of them that are not censored
	largestMeasured float32
	wideShape       float64 // that of a larger part of the sample, see there
}

// fitTail fits a tail to a sample of which some values (nil: none) are known to be of normal life: what is no larger
// than one of them is not censored.
func fitTail(
	sample []float32, normal []bool, separation int, scratch *orderstat.Scratch,
) (t Tail, from evidence) {
	n := len(sample)
	k := tailSize(n)
	sorted := scratch.Sorted(sample)
	censored := 0
	if separation > 0 {
		largest := sorted[n-mostCensored(k):]
		censored = min(clusteredTop(sample, largest, separation), largerThan(sample, normal, sorted))
	}
	t.setBody(sorted, k)
	excesses, jump := t.setThreshold(sorted, k)
	m := len(excesses)
	t.rate = float32(-math.Log(float64(m+1) / float64(n+1)))
	if m == 0 {
		t.shape = 1
		return t, from
	}
	measured := m - min(censored, mostCensored(m))
	scale, shape := fitExcesses(excesses, measured, t.threshold)
	// A shape that is larger by 1/m turns an exponential tail into its predictive distribution, which knows how little m
	// values say about their scale.
	t.shape, t.scale = float32(notZero(shape+1/float64(m))), max(float32(scale), jump*minScale)
	if separation > 0 {
		t.scale = max(t.scale, t.episodeScale(sample, separation))
	}
	return t, evidence{m, measured, excesses[measured-1], wideShape(sorted, censored)}
}

// widenForEpisodes makes the scale that of episodes, see episodeScale, where something happens now and then, but more
// than the tail holds. What the tail holds all of, such as a few counts, it knows.
func (t *Tail) widenForEpisodes(sample []float32, separation int) {
	if separation > 0 && t.knots[lowestKnot] == 0 && t.knots[bodyKnots-1] > 0 {
		t.scale = max(t.scale, t.episodeScale(sample, separation))
	}
}

// episodeScale returns the scale of the peaks of episodes if the tail holds few of these, else 0. The excesses of one
// episode say how much it moves, and nothing of how far the next one goes: a service that is restarted each night some
// minutes earlier or later has another uptime each day, and the tail holds the day that differed most. The peaks are
// those beyond the largest quantile that enough episodes exceed (declustering: Coles, "An introduction to statistical
// modeling of extreme values", 2001, section 5.3.2). The largest may be incidents: they are counted but not measured.
func (t *Tail) episodeScale(sample []float32, separation int) float32 {
	limit := t.threshold
	if t.tied > 0 && limit <= t.tied*(1+alike) { // of one episode, by rounding only a part is beyond
		limit = t.tied * (1 - alike)
	}
	peaks, dense := peaksBeyond(sample, limit, separation, nil)
	if len(peaks) >= fewEpisodes || !dense {
		return 0
	}
	for i := bodyKnots - 1; i > lowestKnot && len(peaks) < enoughEpisodes; i-- {
		peaks, _ = peaksBeyond(sample, t.knots[i], separation, peaks[:0])
	}
	if len(peaks) < 2 {
		return 0
	}
	slices.Sort(peaks)
	measured := len(peaks) - min(CensoredClusters, len(peaks)/2)
	return float32(exponential(peaks, measured, 0))
}

// peaksBeyond appends by how much each episode exceeds a limit. Episodes are dense if at least half of their values do:
// those of a few days of noise are not, whose largest values are less than the separation apart.
func peaksBeyond(sample []float32, limit float32, separation int, peaks []float32) (_ []float32, dense bool) {
	last, count, length := -separation-1, 0, 0
	for i, x := range sample {
		if x <= limit {
			continue
		}
		count++
		if i-last > separation {
			peaks = append(peaks, x-limit)
			length++
		} else {
			n := len(peaks) - 1
			peaks[n] = max(peaks[n], x-limit)
			length += i - last
		}
		last = i
	}
	return peaks, 2*count >= length
}

// tailSize returns how many values of a sample of n are its tail.
func tailSize(n int) int { return min(max(int(tailShare*float64(n)), minTail), n/maxTail) }

// mostCensored returns how many values of a tail of n may be censored.
func mostCensored(n int) int { return int(censoredShare * float64(n)) }

// largerThan returns how many values of a sorted sample are larger than all that are known to be of normal life.
func largerThan(sample []float32, normal []bool, sorted []float32) int {
	largest := float32(math.Inf(-1))
	for i, known := range normal {
		if known {
			largest = max(largest, sample[i])
		}
	}
	i, _ := slices.BinarySearch(sorted, math.Nextafter32(largest, float32(math.Inf(1))))
	return len(sorted) - i
}

// extremalIndex returns the share of values beyond a threshold that are independent, from 0 to 1, by the intervals
// between them (Ferro and Segers, "Inference for clusters of extreme values", Journal of the Royal Statistical Society
// B, 2003). Values above the limit are left out: they may be incidents.
func extremalIndex(sample []float32, threshold, limit float32) float64 {
	intervals, last := 0, -1
	var sum, squares float64
	for i, x := range sample {
		if !(x > threshold && x <= limit) {
			continue
		}
		if last >= 0 {
			t := float64(i - last)
			sum += t - 1
			squares += (t - 1) * (t - 2)
			intervals++
		}
		last = i
	}
	if squares == 0 {
		return 1
	}
	return min(1, 2*sum*sum/(float64(intervals)*squares))
}

// setBody sets the quantiles of a sorted sample, the largest of which is where the k values of the tail begin.
func (t *Tail) setBody(sorted []float32, k int) {
	n := len(sorted)
	for i := range t.knots {
		share := max(math.Exp2(-float64(i)/2), float64(k)/float64(n))
		t.knots[i] = sorted[max(0, n-1-int(share*float64(n)))]
	}
}

// setThreshold puts the threshold below the k largest values of a sorted sample and returns those beyond it. Where many
// values are tied there, as those of steps without an event are, it moves up to the first larger one. The jump to that
// one, 0 without ties, says nothing of how far the others go.
func (t *Tail) setThreshold(sorted []float32, k int) (excesses []float32, jump float32) {
	n := len(sorted)
	t.threshold = sorted[n-1-k]
	below, _ := slices.BinarySearch(sorted, t.threshold)
	first := n - k
	for first < n && sorted[first] == t.threshold {
		first++
	}
	if first-below > 1 && first < n {
		t.tied = t.threshold
		t.tiedRate = float32(-math.Log(float64(n-below) / float64(n)))
		jump = sorted[first] - t.tied
		t.threshold = math.Nextafter32(sorted[first], t.threshold)
	}
	return sorted[first:], jump
}

// clusteredTop returns how many of the largest values of a sample, given in ascending order, lie in the few clusters
// with the highest peaks.
func clusteredTop(sample, largest []float32, separation int) int {
	type peak struct {
		v  float32
		at int
	}
	if len(largest) == 0 {
		return 0
	}
	peaks := make([]peak, 0, 2*len(largest))
	for i, x := range sample {
		if x >= largest[0] {
			peaks = append(peaks, peak{x, i})
		}
	}
	slices.SortStableFunc(peaks, func(a, b peak) int { return cmp.Compare(b.v, a.v) })
	var clusters [CensoredClusters]struct{ from, to int }
	known := 0
peaks:
	for n, p := range peaks[:len(largest)] {
		for i := range clusters[:known] {
			if c := &clusters[i]; p.at >= c.from-separation && p.at <= c.to+separation {
				c.from, c.to = min(c.from, p.at), max(c.to, p.at)
				continue peaks
			}
		}
		if known == CensoredClusters {
			return n
		}
		clusters[known].from, clusters[known].to = p.at, p.at
		known++
	}
	return len(largest)
}

func notZero(shape float64) float64 {
	if math.Abs(shape) < zeroShape {
		return zeroShape
	}
	return shape
}

// fitExcesses returns scale and shape of ascending values beyond a threshold, of which the first uncensored ones, at
// least one, are measured.
func fitExcesses(excesses []float32, uncensored int, threshold float32) (scale, shape float64) {
	uncensored, spacing := tieSpacing(excesses, uncensored)
	scale = exponential(excesses, uncensored, threshold)
	if spacing > 0 && scale > 0 {
		scale = spacing / math.Log1p(spacing/scale) // the continuous tail through a geometric one
	}
	return pareto(excesses, uncensored, threshold, scale)
}

// tieSpacing tells whether values are multiples of something, as counts are. If so it returns the spacing between them,
// and more uncensored values: at least two different ones, with all that are tied with the last.
func tieSpacing(excesses []float32, uncensored int) (_ int, spacing float64) {
	ties := 1
	for ties < len(excesses) && excesses[ties] == excesses[0] {
		ties++
	}
	if ties < 3 || ties == len(excesses) {
		return uncensored, 0
	}
	uncensored = max(uncensored, ties+1)
	for uncensored < len(excesses) && excesses[uncensored] == excesses[uncensored-1] {
		uncensored++
	}
	return uncensored, float64(excesses[ties] - excesses[0])
}

// exponential returns the scale of an exponential distribution by maximum likelihood. Of the values after the
// uncensored ones it uses only that they are not smaller.
func exponential(excesses []float32, uncensored int, threshold float32) (scale float64) {
	var sum float64
	for _, v := range excesses[:uncensored] {
		sum += float64(v) - float64(threshold)
	}
	last := float64(excesses[uncensored-1]) - float64(threshold)
	return (sum + float64(len(excesses)-uncensored)*last) / float64(uncensored)
}

// pareto returns scale and shape of a generalised Pareto distribution by probability-weighted moments (Hosking and
// Wallis, "Parameter and quantile estimation for the generalized Pareto distribution", Technometrics 1987), the shape
// drawn towards 0. In place of censored values stand those that the fit expects, again and again.
func pareto(excesses []float32, uncensored int, threshold float32, start float64) (scale, shape float64) {
	m := float64(len(excesses))
	scale, shape = start, 1e-3
	for range shapeRuns {
		var a0, a1 float64
		for i, v := range excesses {
			x := float64(v) - float64(threshold)
			if i >= uncensored {
				p := (float64(i) + 0.5) / m
				x = max(scale*math.Expm1(-shape*math.Log1p(-p))/shape, float64(excesses[uncensored-1])-float64(threshold))
			}
			a0 += x / m
			a1 += x * (m - 1 - float64(i)) / (m * max(m-1, 1))
		}
		shape = 2 - a0/(a0-2*a1)
		if !(shape > -1 && shape < 1) {
			shape = 0
		}
		shape *= float64(uncensored) / (float64(uncensored) + shapePrior)
		shape = notZero(max(shape, minShape))
		scale = a0 * (1 - min(shape, 0.5))
		if uncensored == len(excesses) {
			break
		}
	}
	return scale, shape
}

// Surprisal returns -ln of the probability of a value of at least x.
func (t *Tail) Surprisal(x float32) float64 {
	if x > t.threshold {
		if t.scale == 0 {
			return float64(t.rate)
		}
		shape := float64(t.shape)
		z := float64(x-t.threshold) / float64(t.scale)
		if left := 1 + shape*z; left < linearTailBelow {
			return float64(t.rate) + math.Log(linearTailBelow)/shape + (linearTailBelow-left)/(-shape*linearTailBelow)
		}
		return float64(t.rate) + math.Log1p(shape*z)/shape
	}
	if x == t.tied {
		return float64(t.tiedRate)
	}
	for i, k := range t.knots[:] { // no copy
		if x <= k {
			if i == 0 {
				return 0
			}
			below := t.knots[i-1]
			s := math.Ln2 / 2 * (float64(i-1) + float64((x-below)/(k-below)))
			return min(s, float64(t.rate))
		}
	}
	return float64(t.rate)
}

// Quantile returns the value with the given surprisal.
func (t *Tail) Quantile(surprisal float64) float32 {
	if surprisal <= float64(t.rate) {
		return t.knots[min(bodyKnots-1, int(max(surprisal, 0)/(math.Ln2/2)))]
	}
	shape := float64(t.shape)
	return t.threshold + float32(math.Expm1((surprisal-float64(t.rate))*shape)*float64(t.scale)/shape)
}
