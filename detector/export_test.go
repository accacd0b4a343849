package detector

import "time"

// SetTick sets how often the age of results and the clock are looked at.
func (o *Options) SetTick(d time.Duration) { o.tick = d }
