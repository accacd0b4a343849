package forecaster

import "math"

// counts forecasts the rate of a series that is mostly zero, as the probability of a value other than zero times the
// mean of such values, each an exponential mean (Teunter, Syntetos and Babai, "Intermittent Demand: Linking Forecasting
// to Inventory Obsolescence", 2011; Croston's method, but it forgets). Its centre is a mean, not a median.
type counts struct {
	flat
	zero              float64
	rate, often       float64 // of the size, of the probability
	size, probability float64
}

// Rates of the exponential means that are tried.
var countRates = [...]float64{0.005, 0.02, 0.05, 0.1, 0.2}

func fitCounts(w *window, end int, _ *Options) predictor {
	var best counts
	least := math.Inf(1)
	for _, rate := range countRates {
		for _, often := range countRates {
			p := newCounts(w, end, rate, often)
			sum := 0.0
			for _, y := range w.y[:end] {
				e := y - p.expect()
				sum += e * e
				p.advance(y)
			}
			if sum < least {
				best, least = p, sum
			}
		}
	}
	return &best
}

// newCounts starts from the whole window.
func newCounts(w *window, end int, rate, often float64) counts {
	p := counts{zero: w.unit.in(0), rate: rate, often: often}
	n := 0.0
	for _, y := range w.y[:end] {
		if y != p.zero {
			n++
			p.size += (y - p.zero - p.size) / n
		}
	}
	p.probability = n / float64(end)
	return p
}

func (p *counts) expect() float64 { return p.zero + p.probability*p.size }

func (p *counts) advance(y float64) {
	if y == p.zero {
		p.probability -= p.often * p.probability
		return
	}
	p.probability += p.often * (1 - p.probability)
	p.size += p.rate * (y - p.zero - p.size)
}

func (p *counts) predict(*lead) outlook { return expected(p.expect()) }
