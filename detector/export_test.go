package detector

import "time"

// SetTick sets how often the age of results and the clock are looked at.
func (o *Options) SetTick(d time.Duration) { o.tick = d }

// SetReportEvery sets how often a start is reported, and its results are published early.
func (o *Options) SetReportEvery(d time.Duration) { o.reportEvery = d }
