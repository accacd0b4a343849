package rolling

import "math"

// A FadingLine is the least-squares line through all points so far, of which older ones count less. Positions are steps
// back from the newest one.
type FadingLine struct {
	n, x, y, xx, xy, yy float64
	points              int // added, however old
}

// Step moves on by a step, which is so many half-lives.
func (l *FadingLine) Step(halfLives float64) { l.Fade(math.Exp2(-halfLives)) }

// Fade moves on by a step that leaves a share of what points counted.
func (l *FadingLine) Fade(share float64) {
	l.xx, l.xy, l.x = share*(l.xx-2*l.x+l.n), share*(l.xy-l.y), share*(l.x-l.n)
	l.n, l.y, l.yy = share*l.n, share*l.y, share*l.yy
}

// Add takes the point of the newest step.
func (l *FadingLine) Add(v float64) {
	l.n++
	l.points++
	l.y += v
	l.yy += v * v
}

// fewestPoints make a line. Chosen, not tuned.
const fewestPoints = 4

// Fit returns where the line is now, its slope by the step, and the share of the variance that it explains.
func (l *FadingLine) Fit() (now, slope, explained float64) {
	positions := l.xx - l.x*l.x/max(l.n, 1)
	variance := l.yy - l.y*l.y/max(l.n, 1)
	if l.points < fewestPoints || !(positions > 0) || !(variance > leastVariance*l.yy) {
		return 0, 0, 0
	}
	covariance := l.xy - l.x*l.y/l.n
	slope = covariance / positions
	return (l.y - slope*l.x) / l.n, slope, min(1, covariance*slope/variance)
}

// Age returns the mean age of the points, in steps.
func (l *FadingLine) Age() float64 { return -l.x / max(l.n, 1) }
