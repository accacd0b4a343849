package combination

import (
	"cmp"
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
)

// Tuned with `accuracy forecast` (docs/accuracy.md, "What was tried"): 20 rounds and half-lives of 5 and 20 days
// made no difference, with 8 rounds hourly series at 1 hour have .697 of the error of the seasonal naive instead of
// .670. selectFrom is chosen: with the prototype, 8 candidates and half the rows cost 0.004 OWA on the hourly
// series of the M4 competition.
const (
	rounds         = 12
	selectFrom     = 12 // best candidates of a bucket
	weightHalfLife = 10 // days
)

// rounding, and the resolution of values, is by how much a mean error has to be less to be better. Guard: what is
// remembered of a day is rounded to single precision, too. Of candidates that are equally exact the first one is taken:
// of a countdown the steady line, which alone stays exact at a jump.
const rounding = 1e-6

// chooseWeights fills in the weights of bucket k for the median and, unless extreme is nil, for what extremes are
// measured from, by the rows whose targets are before until.
func (e *evaluation) chooseWeights(k, until int, median, extreme []float64) {
	from, to := e.set.Bucket(k)
	errs, u, room := e.errs[from*e.count:to*e.count], e.columns[:to-from], e.columns[to-from:]
	for i := range u {
		if u[i] = e.selectionWeights[e.set.Origin[from+i]]; e.set.Target(from+i) >= until {
			u[i] = 0
		}
	}
	equal := (rounding + e.window.Resolution) * total(u)
	order := rankCandidates(e.count, errs, u, equal)
	selectWeights(median, order, errs, u, room, equal)
	if extreme != nil {
		following := slices.DeleteFunc(order, func(j int) bool { return !candidates.FollowsSpikes(j) })
		selectWeights(extreme, following, errs, u, room, equal)
	}
}

// rejectRefitAbove is up to which ratio of errors a refit may do worse than the one before it: less is chance. Tuned
// with `accuracy forecast`: hourly series at 1 hour have .678 of the error of the seasonal naive, with 1 .690, with
// 1.1 .679 (docs/accuracy.md, "What was tried").
const rejectRefitAbove = 1.05

// trainUntil returns the first step that is not to be used for choosing weights: usually the end of the window.
//
// A refit can be judged only by what came after it. So the weights that the previous refit would have chosen are judged
// by the steps since then, against those of the refit before, which was in service at that time. If the previous refit
// did clearly worse, both it and the newest are rejected, and the weights are those of the one before.
func (e *evaluation) trainUntil(ends []int, first int, o *Options) (until int, rejected bool) {
	n := len(e.window.Values)
	previous, before := n-o.Refit, n-2*o.Refit
	if o.Refit <= 0 || before < first+e.window.StepsPerDay {
		return n, false
	}
	weights, lastValue := make([]float64, e.count), make([]float64, e.count)
	lastValue[candidates.LastValue] = 1
	sums, last := [2]float64{}, -1
	for _, h := range o.Horizons {
		k, _ := slices.BinarySearch(ends, h)
		from, to := e.set.Bucket(k)
		if k == last || to-from < rollingorigin.MinRows {
			continue
		}
		last = k
		usual := e.meanError(k, 0, lastValue)
		for i, until := range [2]int{previous, before} {
			clear(weights)
			e.chooseWeights(k, until, weights, nil)
			if usual > 0 {
				sums[i] += e.meanError(k, previous, weights) / usual
			}
		}
	}
	if sums[0] > rejectRefitAbove*sums[1] {
		return before, true
	}
	return n, false
}

// meanError is the mean size of the errors with weights in the rows of bucket k whose targets are not before since.
func (e *evaluation) meanError(k, since int, weights []float64) float64 {
	sum, count, used := 0.0, 0.0, nonzero(weights)
	from, to := e.set.Bucket(k)
	for i := from; i < to; i++ {
		if e.set.Target(i) >= since {
			sum += math.Abs(e.missed(i, weights, used))
			count++
		}
	}
	return sum / max(count, 1)
}

// selectWeights fills weights, which then sum to 1, by greedy forward selection with replacement on the absolute error
// of the sum (Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004). order ranks the candidates;
// errs are their errors row by row, u the weights of the rows; room is for as many errors as there are among the best
// candidates, and their sum. Losses are equal up to equal.
func selectWeights(weights []float64, order []int, errs, u, room []float64, equal float64) {
	order = order[:min(selectFrom, len(order))]
	count := len(weights)
	// Column by column, and weighted once, so that the inner loop is short.
	rows := len(u)
	sum, columns := room[:rows], room[rows:]
	for i, weight := range u {
		row := errs[i*count : (i+1)*count]
		for k, j := range order {
			columns[k*rows+i] = weight * row[j]
		}
	}
	copy(sum, columns) // of the best one, which the first round takes
	weights[order[0]] = 1.0 / rounds
	for range rounds - 1 {
		pick, least := 0, 0.0
		for k := range order {
			loss := absoluteSum(sum, columns[k*rows:(k+1)*rows])
			if k == 0 || loss < least-equal {
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
	for i := 0; i < len(a)-3; i += 4 {
		s0 += math.Abs(a[i] + b[i])
		s1 += math.Abs(a[i+1] + b[i+1])
		s2 += math.Abs(a[i+2] + b[i+2])
		s3 += math.Abs(a[i+3] + b[i+3])
	}
	for i := len(a) &^ 3; i < len(a); i++ {
		s0 += math.Abs(a[i] + b[i])
	}
	return s0 + s1 + (s2 + s3)
}

// rankCandidates orders them by their own weighted absolute error; the best ones up to equal are alike.
func rankCandidates(count int, errs, u []float64, equal float64) []int {
	loss := make([]float64, count)
	for i, weight := range u {
		for j, e := range errs[i*count:][:len(loss)] {
			loss[j] += weight * math.Abs(e)
		}
	}
	order := make([]int, count)
	for j := range order {
		order[j] = j
	}
	least := slices.Min(loss) + equal
	for j := range loss {
		loss[j] = max(loss[j], least)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(loss[a], loss[b]) })
	return order
}

func total(u []float64) (sum float64) {
	for _, v := range u {
		sum += v
	}
	return sum
}
