package combination

import "math"

// A pendingForecast is what was forecast for a step to come.
type pendingForecast struct {
	combined     float64
	alternatives [numAlternatives]float64
	departure    float64 // its size when the forecast was made; 0: there is no forecast
	excursion    int     // in which it was made
}

// A comparison holds how large the errors of the combination and of the alternatives were.
type comparison struct {
	rows, weight float64 // how many forecasts there were, and their weight
	combined     float64 // weighted sum of the sizes of errors
	alternatives [numAlternatives]float64
}

// fade leaves a share of what there was.
func (c *comparison) fade(share float64) { c.merge(c, share-1) }

// merge adds a share of other.
func (c *comparison) merge(other *comparison, share float64) {
	c.rows += share * other.rows
	c.weight += share * other.weight
	c.combined += share * other.combined
	for k := range c.alternatives {
		c.alternatives[k] += share * other.alternatives[k]
	}
}

// add takes in what was forecast for y. The square of the departure is its weight, so that a large one is judged by
// those that were as large.
func (c *comparison) add(p *pendingForecast, y float64) {
	weight := p.departure * p.departure
	c.rows++
	c.weight += weight
	c.combined += weight * (math.Abs(y-p.combined) + rounding)
	for k, v := range p.alternatives {
		c.alternatives[k] += weight * (math.Abs(y-v) + rounding)
	}
}
