package classical

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// theta is simple exponential smoothing with half the slope of the whole window as drift, which is what the Theta
// method of Assimakopoulos and Nikolopoulos (2000) comes to (Hyndman and Billah, "Unmasking the Theta Method", 2003),
// on values less the pattern of their day where that is significant.
type theta struct {
	level  *smoothing
	slope  float64
	count  float64   // of values
	season []float64 // by slot; nil if there is none
	grid   window.Grid
	now    int
}

func fitTheta(w *window.Window, end, _ int) Model {
	p := &theta{grid: w.Grid, count: float64(end), now: end - 1}
	y := append([]float64(nil), w.Values[:end]...)
	if isSeasonal(y, w.StepsPerDay) {
		p.season = daySeason(w, y)
		for i := range y {
			y[i] -= p.season[p.slot(i)]
		}
	}
	p.slope = slopeOf(y)
	p.level = fitLevel(y)
	return p
}

func (p *theta) slot(step int) int { return p.grid.Slot(step, calendar.Day, p.grid.Step) }

func (p *theta) Advance(y float64) {
	p.now++
	if p.season != nil {
		y -= p.season[p.slot(p.now)]
	}
	p.count++
	p.level.step(y)
}

func (p *theta) Predict(steps int) float64 {
	late := (1 - math.Pow(1-p.level.alpha, p.count)) / p.level.alpha
	v := p.level.level + p.slope/2*(float64(steps)-1+late)
	if p.season != nil {
		v += p.season[p.slot(p.now+steps)]
	}
	return v
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

// seasonalQuantile is that of the normal distribution for a test at 90 %, two-sided, as in the M competitions.
const seasonalQuantile = 1.645

// isSeasonal tests whether the autocorrelation over a day is beyond chance (Bartlett's formula). It needs three days.
func isSeasonal(y []float64, day int) bool {
	if day < 2 || len(y) < 3*day {
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
	for lag := 1; lag < day; lag++ {
		r := covariance(lag) / variance
		sum += r * r
	}
	return covariance(day)/variance > seasonalQuantile*math.Sqrt((1+2*sum)/float64(len(y)))
}

// daySeason is the additive pattern of the day: the mean departure from the centred mean of a day, by slot.
func daySeason(w *window.Window, y []float64) []float64 {
	slots := w.Grid.DaySlots()
	season, count := make([]float64, slots), make([]float64, slots)
	half := w.StepsPerDay / 2
	for i := half; i+half < len(y); i++ {
		mean := 0.0
		if w.StepsPerDay%2 == 0 {
			mean = (average(y[i-half:i+half]) + average(y[i-half+1:i+half+1])) / 2
		} else {
			mean = average(y[i-half : i+half+1])
		}
		slot := w.Grid.Slot(i, calendar.Day, w.Grid.Step)
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
