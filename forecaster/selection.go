package forecaster

import (
	"cmp"
	"math"
	"slices"
)

const (
	rounds         = 12
	selectFrom     = 12 // best candidates of a bucket
	weightHalfLife = 10 // days
)

// weigh fills in the weights of bucket k, and those for extremes unless reach is nil, by the rows whose targets are before
// known.
func (b *backtest) weigh(r *rows, k, known int, of, reach []float64) {
	from, to := int(r.bucket[k]), int(r.bucket[k+1])
	errs, u, room := b.errs[from*b.count:to*b.count], b.columns[:to-from], b.columns[to-from:]
	for i := range u {
		if u[i] = b.choosing[r.t[from+i]]; r.target(from+i) >= known {
			u[i] = 0
		}
	}
	order := ranked(b.count, errs, u)
	selectWeights(of, order, errs, u, room)
	if reach != nil {
		plain := slices.DeleteFunc(order, func(j int) bool { return j >= numPlain && j < numDaily })
		selectWeights(reach, plain, errs, u, room)
	}
}

// worse is by how much a refit has to err more than the one before it to be refused: less is chance.
const worse = 1.05

// known returns up to where targets are known by which weights are to be chosen: all of them, unless refits have turned
// out to do harm. A refit can be judged only by what came after it. So the weights that a refit would have chosen one
// refit interval ago are judged by the steps since, against those of the refit before that, which was in service then.
// If they were worse, then neither they nor newer ones replace those.
func (b *backtest) known(w *window, r *rows, ends []int, first int, o *Options) (known int, refused bool) {
	n := len(w.y)
	before, older := n-o.Refit, n-2*o.Refit
	if o.Refit <= 0 || older < first+w.day {
		return n, false
	}
	weights, naive := make([]float64, b.count), make([]float64, b.count)
	naive[candLast] = 1
	erred, last := [2]float64{}, -1
	for _, h := range o.Horizons {
		k, _ := slices.BinarySearch(ends, h)
		if k == last || int(r.bucket[k+1]-r.bucket[k]) < fewestRows {
			continue
		}
		last = k
		usual := b.erred(r, k, 0, naive)
		for i, until := range [2]int{before, older} {
			clear(weights)
			b.weigh(r, k, until, weights, nil)
			if usual > 0 {
				erred[i] += b.erred(r, k, before, weights) / usual
			}
		}
	}
	if erred[0] > worse*erred[1] {
		return older, true
	}
	return n, false
}

// erred is the mean size of the errors with weights in the rows of bucket k whose targets are not before since.
func (b *backtest) erred(r *rows, k, since int, weights []float64) float64 {
	sum, count := 0.0, 0.0
	for i := int(r.bucket[k]); i < int(r.bucket[k+1]); i++ {
		if r.target(i) >= since {
			sum += math.Abs(dot(weights, b.errs[i*b.count:(i+1)*b.count]))
			count++
		}
	}
	return sum / max(count, 1)
}

// selectWeights fills weights, which then sum to 1, by greedy forward selection with replacement on the absolute error
// of the sum (Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004). order ranks the candidates;
// errs are their errors row by row, u the weights of the rows; room is for as many errors as there are among the best
// candidates, and their sum.
func selectWeights(weights []float64, order []int, errs, u, room []float64) {
	order = order[:min(selectFrom, len(order))]
	count := len(weights)
	// Column by column, and weighted once, so that the inner loop is short.
	rows := len(u)
	sum, columns := room[:rows], room[rows:]
	clear(sum)
	for k, j := range order {
		column := columns[k*rows : (k+1)*rows]
		for i := range column {
			column[i] = u[i] * errs[i*count+j]
		}
	}
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
