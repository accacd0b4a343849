package forecaster

import "math"

// theta is simple exponential smoothing with half the slope of the whole window as drift, which is what the Theta
// method of Assimakopoulos and Nikolopoulos (2000) comes to (Hyndman and Billah, "Unmasking the Theta Method", 2003),
// on values less the shape of their day where that is significant.
type theta struct {
	*smoothing
	slope  float64
	count  float64   // of values
	season []float64 // by slot; nil if there is none
	clock  clock
}

func fitTheta(w *window, end int, _ *Options) predictor {
	p := &theta{clock: w.clock, count: float64(end)}
	y := append([]float64(nil), w.y[:end]...)
	if w.seasonal(y) {
		p.season = w.daySeason(y)
		for i := range y {
			y[i] -= p.season[w.clock.slot(i, dayMillis, w.clock.step)]
		}
	}
	p.slope = slopeOf(y)
	p.smoothing = fitLevel(y)
	p.now = end - 1
	return p
}

func (p *theta) advance(y float64) {
	if p.season != nil {
		y -= p.season[p.clock.slot(p.now+1, dayMillis, p.clock.step)]
	}
	p.count++
	p.step(y)
}

func (p *theta) predict(l *lead) outlook {
	late := (1 - math.Pow(1-p.alpha, p.count)) / p.alpha
	v := p.level + p.slope/2*(float64(l.h)-1+late)
	if p.season != nil {
		v += p.season[p.clock.slot(p.now+l.h, dayMillis, p.clock.step)]
	}
	return expected(v)
}

// slopeOf is that of the least-squares line.
func slopeOf(y []float64) float64 {
	n := float64(len(y))
	if n < 2 {
		return 0
	}
	sum := 0.0
	for i, v := range y {
		sum += (float64(i) - (n-1)/2) * v
	}
	return sum / (n * (n*n - 1) / 12)
}

// seasonal tests whether the autocorrelation over a day is beyond chance at 90 % (Bartlett's formula, as in the M
// competitions).
func (w *window) seasonal(y []float64) bool {
	if w.day < 2 || len(y) < 3*w.day {
		return false
	}
	center := average(y)
	covariance := func(lag int) float64 {
		sum := 0.0
		for i := lag; i < len(y); i++ {
			sum += (y[i] - center) * (y[i-lag] - center)
		}
		return sum
	}
	variance, sum := covariance(0), 0.0
	if variance <= 0 {
		return false
	}
	for lag := 1; lag < w.day; lag++ {
		r := covariance(lag) / variance
		sum += r * r
	}
	return covariance(w.day)/variance > 1.645*math.Sqrt((1+2*sum)/float64(len(y)))
}

// daySeason is the additive shape of the day: the mean departure from the centred mean of a day, by slot.
func (w *window) daySeason(y []float64) []float64 {
	slots := len(newSlots(&w.clock))
	season, count := make([]float64, slots), make([]float64, slots)
	half := w.day / 2
	for i := half; i+half < len(y); i++ {
		mean := 0.0
		if w.day%2 == 0 {
			mean = (average(y[i-half:i+half]) + average(y[i-half+1:i+half+1])) / 2
		} else {
			mean = average(y[i-half : i+half+1])
		}
		slot := w.clock.slot(i, dayMillis, w.clock.step)
		season[slot] += y[i] - mean
		count[slot]++
	}
	for i := range season {
		season[i] /= max(count[i], 1)
	}
	mean := average(season)
	for i := range season {
		season[i] -= mean
	}
	return season
}
