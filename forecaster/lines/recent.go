package lines

import "math"

// RecentTrends are those of the last hour and of the last two and a half. The trend since a leak began is surer than
// these, but it is late when the leak gets faster, and it goes on when the leak has stopped: they tell a change point.
type RecentTrends struct {
	points    []point    // a ring
	at        int        // the oldest point
	stretches [2]stretch // the longer one first
	unit      float64    // how large departures are at this time of the day
	rate      float64    // of an exponential mean over days, by the part
}

// A point is the mean of a part: of departures and of values.
type point struct{ departure, value float64 }

// A stretch is so many newest parts.
type stretch struct {
	parts  int
	next   int     // parts until a slope is learned: one after the other, but not always at the same time of an hour
	square float64 // mean of the squared slopes of departures near the usual, over days
	known  float64 // slopes that it was made from
}

// Chosen, not tuned: leads and quiet hours of TestTimeToBreach change little with any of them.
const (
	longerStretch = 2.5 // hours

	// Standard deviations of slopes near the usual by which a recent trend differs from that since the beginning. A
	// steeper one announces a breach, so it takes more, and a single hour is not enough.
	flatterFrom  = 3 // it may be flatter
	flatterUntil = 5 // it is
	steeperFrom  = 4
	steeperUntil = 6

	// Likewise, for which a trend need not have begun at the usual: a level that wanders has such slopes, too.
	jumpedFrom  = 6
	jumpedUntil = 9

	fewSlopes    = 24 // are learned as they are
	largestSlope = 4  // deviations: larger ones are learned as this
)

// NewRecentTrends returns those of a series of so many parts an hour. Rate is that of an exponential mean over days, by
// the part.
func NewRecentTrends(rate float64, parts int) RecentTrends {
	r := RecentTrends{rate: rate, points: make([]point, int(longerStretch*float64(parts)))}
	for i, parts := range [...]int{len(r.points), parts} {
		r.stretches[i] = stretch{parts: parts, next: 2 * (parts - 1)} // by then all points are known
	}
	return r
}

// Add takes in the means of the newest part: the departure and the value. Departures are unit times as large at this
// time of the day as over all of it. near tells whether the series is near the usual.
func (r *RecentTrends) Add(departure, value, unit float64, near bool) {
	r.unit = unit
	r.points[r.at] = point{departure, value}
	if r.at++; r.at == len(r.points) {
		r.at = 0
	}
	for i := range r.stretches {
		s := &r.stretches[i]
		if s.next--; s.next > 0 {
			continue
		}
		if s.next = s.parts - 1; near {
			s.learn(r)
		}
	}
}

// learn takes in the slope of departures near the usual.
func (s *stretch) learn(r *RecentTrends) {
	_, slope, _ := r.fit(s.parts, false)
	slope /= r.unit
	square := slope * slope
	if s.known++; s.known > fewSlopes {
		square = min(square, largestSlope*largestSlope*s.square)
	}
	s.square += max(r.rate*float64(s.parts), 1/s.known) * (square - s.square)
}

// fit returns where the line through so many newest points is now, its slope, and the part of the variance that it
// explains.
func (r *RecentTrends) fit(parts int, ofValues bool) (now, slope, rSquared float64) {
	i := r.at - parts
	if i < 0 {
		i += len(r.points)
	}
	n := float64(parts)
	middle := (n - 1) / 2
	first := r.points[i]
	var sum, moment, squares float64
	for x := range parts {
		v := r.points[i].departure - first.departure
		if ofValues {
			v = r.points[i].value - first.value
		}
		sum += v
		moment += (float64(x) - middle) * v
		squares += v * v
		if i++; i == len(r.points) {
			i = 0
		}
	}
	slope = moment / (n * (n*n - 1) / 12)
	if variance := squares - sum*sum/n; variance > 0 {
		rSquared = min(1, moment*slope/variance)
	}
	now = first.departure
	if ofValues {
		now = first.value
	}
	return now + sum/n + middle*slope, slope, rSquared
}

// UsualChange returns by how much the usual has changed since so many parts ago, fewer than it follows.
func (r *RecentTrends) UsualChange(parts int) float64 {
	n := len(r.points)
	newest, before := r.points[(r.at+n-1)%n], r.points[(r.at+n-1-parts)%n]
	return newest.value - newest.departure - (before.value - before.departure)
}

// AdjustSlope brings l to the recent trends, to the degree to which these are surely steeper or flatter. The middle of
// the newest part was ago parts ago.
func (r *RecentTrends) AdjustSlope(l *Trend, ago float64) {
	for i := range r.stretches {
		if s := &r.stretches[i]; s.square > 0 && l.Lasted >= float64(s.parts) {
			s.adjust(r, l, ago, math.Sqrt(s.square)*r.unit)
		}
	}
}

// ExtrapolateFromJump continues the trend of the last hour from the level that a series has jumped to, so many steps
// ago, of which perPart make a part: to the degree to which it is surely steeper, in the direction of sign, than such
// trends near the usual are. The middle of the newest part was ago parts ago.
func (r *RecentTrends) ExtrapolateFromJump(steps int, sign, perPart, ago float64) (l Extrapolation) {
	s := &r.stretches[1]
	if s.square == 0 || float64(steps) < float64(s.parts+1)*perPart {
		return l
	}
	now, slope, rSquared := r.fit(s.parts, false)
	if !(sign*slope > 0) {
		return l
	}
	line := Trend{Level: now + slope*ago, Slope: slope, RSquared: rSquared, Lasted: float64(s.parts), side: 1}
	l = line.Extrapolate(perPart)
	_, ofValues, _ := r.fit(s.parts, true)
	steep := Ramp(sign*slope/(math.Sqrt(s.square)*r.unit), jumpedFrom, jumpedUntil)
	l.Share = steep * line.Straight() * OfValues(ofValues/slope)
	return l
}

func (s *stretch) adjust(r *RecentTrends, l *Trend, ago, deviation float64) {
	sign := math.Copysign(1, l.Slope)
	now, slope, rSquared := r.fit(s.parts, true)
	if !l.ofValues {
		ofValues := sign * slope
		now, slope, rSquared = r.fit(s.parts, false)
		if before := sign * l.Slope; sign*slope > before { // not because the usual fell, as at a restart
			slope = sign * max(min(sign*slope, ofValues), before)
		}
	}
	now, slope = l.side*(now+slope*ago), l.side*slope
	steeper := sign * (slope - l.Slope) / deviation
	age := float64(s.parts-1) / 2
	share := Ramp(-steeper, flatterFrom, flatterUntil)
	if steeper > 0 && s.parts == len(r.points) {
		share = Ramp(steeper, steeperFrom, steeperUntil) * Ramp(rSquared, BentRSquared, straightRSquared)
		l.RSquared = toward(l.RSquared, max(rSquared, l.RSquared), share)
	}
	if l.Age > age { // it has gone on to change since: up to now, or to the middle of the last hour
		since := age
		if steeper < 0 {
			since -= MedianLag(r.stretches[1].parts)
		}
		slope += (slope - l.Slope) * min(since/(l.Age-age), 1)
		age -= since
	}
	l.Level = toward(l.Level, now, share)
	l.Slope = toward(l.Slope, sameSign(slope, sign), share)
	l.Age = toward(l.Age, age, share)
}
