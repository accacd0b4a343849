package ui

import (
	"fmt"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	// straightPoints is through how many values a straight line is drawn, and leastPoints how many it needs. Chosen.
	straightPoints, leastPoints = 120, 10
	// shortestLine and longestLine bound how far back it looks: as far as the forecast looks ahead. Chosen.
	shortestLine, longestLine = time.Hour, 24 * time.Hour
)

// A straightLine is the least-squares line through the last values, as predict_linear has it: a forecast that everybody
// can check by eye, beside that of the models.
type straightLine struct {
	From, To   time.Time // of the line, which goes on to the end of the forecast
	Begin, End view.Number
	Through    string // how long the values are that it is drawn through
	Crossings  []string
}

// newStraightLine returns the line of a series with a forecast that has bounds; nil: there is none.
func newStraightLine(s *view.Series, f *view.Forecast, clock func(time.Time) string) *straightLine {
	if f == nil || len(f.Points) == 0 || len(f.Breaches) == 0 {
		return nil
	}
	last := f.Points[len(f.Points)-1].Time
	window := min(max(last.Sub(s.Step), shortestLine), longestLine)
	var n, sumX, sumY float64
	moments := s.Moments(window, straightPoints)
	known := moments[:0]
	for _, m := range moments {
		if v := float64(m.Value); v-v == 0 {
			known = append(known, m)
			n, sumX, sumY = n+1, sumX+m.Time.Sub(s.Step).Seconds(), sumY+v
		}
	}
	if n < leastPoints {
		return nil
	}
	meanX, meanY := sumX/n, sumY/n
	var xx, xy float64
	for _, m := range known {
		x := m.Time.Sub(s.Step).Seconds() - meanX
		xx, xy = xx+x*x, xy+x*(float64(m.Value)-meanY)
	}
	slope := xy / xx
	at := func(t time.Time) float64 { return meanY + slope*(t.Sub(s.Step).Seconds()-meanX) }
	l := &straightLine{
		From: known[0].Time, To: last, Begin: view.Number(at(known[0].Time)), End: view.Number(at(last)),
		Through: humanize.Duration(window),
	}
	for _, b := range f.Breaches {
		sign := 1.0
		if b.Bound == "lower" {
			sign = -1
		}
		gap, ahead := sign*(float64(b.Value)-at(s.Step)), last.Sub(s.Step)
		text := fmt.Sprintf("does not cross the %s bound within %s", b.Bound, humanize.Duration(ahead))
		if seconds := gap / (sign * slope); gap <= 0 {
			text = fmt.Sprintf("is beyond the %s bound", b.Bound)
		} else if seconds > 0 && seconds <= ahead.Seconds() {
			text = fmt.Sprintf("crosses the %s bound at %s", b.Bound,
				clock(s.Step.Add(time.Duration(seconds*float64(time.Second)))))
		}
		l.Crossings = append(l.Crossings, text)
	}
	return l
}
