package movement

import "time"

// A Series returns the value that it had so many steps back, 0 for the newest; NaN for none.
type Series func(back int) float64

// Trend returns where the series has been going. An hour is the mean of the steps that fit into it; steps over an hour
// take its place. It looks back 27 hours, or 27 steps if these are longer.
func (s Series) Trend(step time.Duration) Trend {
	var hours [Hours]float64 // the newest first
	n := max(1, int(time.Hour/step))
	for i := range hours {
		hours[i] = s.mean(i*n, n, 1)
	}
	trend := Of(&hours)
	if long := step.Hours(); long > 1 {
		trend.PerHour /= long
		trend.For = int(float64(trend.For) * long)
	}
	return trend
}

// PerHour returns how much a counter gained in the newest hour. The values are what it gained over counts: 5m for
// increase(x[5m]), 1s for a rate. Missing values are taken to be like the others; NaN if there are none.
func (s Series) PerHour(step, counts time.Duration) float64 {
	each := max(1, int((counts+step/2)/step)) // values that count one after the other
	return s.mean(0, max(1, int(time.Hour/step)), each) * time.Hour.Seconds() / counts.Seconds()
}

// mean returns that of the values of n steps, or of every so many of them, from so many steps back on; NaN if none is
// known.
func (s Series) mean(from, n, every int) float64 {
	var sum, known float64
	for back := from; back < from+n; back += every {
		if v := s(back); v == v {
			sum += v
			known++
		}
	}
	return sum / known
}
