package ewma

// A Corrupt undoes what a corrupt value, a blip of one step, did to a mean of any kind.
type Corrupt struct {
	within Bounds
	now    bool
	before float64 // the mean
}

// NewCorrupt returns that of a series with such deviations.
func NewCorrupt(within Bounds) Corrupt { return Corrupt{within: within} }

// Undo takes the deviation d of the next step and the mean until then. It returns this mean, or the one from before the
// last step if only that was far from what was expected.
func (c *Corrupt) Undo(d float32, mean float64) float64 {
	was := c.now
	if was && c.within.isBack(d) {
		mean = c.before
	}
	if c.now = !was && c.within.isFar(d); c.now {
		c.before = mean
	}
	return mean
}
