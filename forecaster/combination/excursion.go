package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// An excursion follows a series that has left what is usual for it: a level that has jumped, or a straight line such as
// a leak. The weights of the combination were chosen on a past without it, so they point back to the usual.
//
// While an excursion lasts there are alternatives, which continue from where the series is. They count to the degree to
// which they did better than the combination in this excursion and, unless it goes further, in earlier ones: a peak
// that passes proves them wrong.
type excursion struct {
	run

	lead candidates.Horizon // at which forecasts are compared
	gain float64            // of the means that the alternatives go on with
	fade float64            // what is left of losses after a step

	count int  // of excursions before this one
	usual bool // it began within the range of what recurs, and is still there
	after int  // steps for which the combination still remembers the last excursion, while there is none

	zero                 float64 // what 0 is; hasZero is false if a ratio to the usual means nothing
	hasZero              bool
	offset, ratio, level float64 // means of the departures from the usual, of the ratios to it, and of the values
	newest, newestRatio  float64 // departure, and ratio to the usual
	age                  int     // steps of the level that offset, ratio and level are of
	stray                float64 // mean distance of departures from offset
	apart                int     // newest steps that were all far above, or below (negative), the level

	here, before comparison        // in this excursion, and in those before it
	pending      []pendingForecast // made at the last steps, a ring; at is the oldest one
	at           int

	now evidence // after the last value
}

// evidence says how far an excursion is followed.
type evidence struct {
	known       bool    // whether the rest is that of the last value
	alternative int     // the one that did best
	share       float64 // how far it is followed at the lead, 0 to 1
	surprise    float64 // how surely nothing as far as the last values has passed before, 0 to 1
	line        lines.Extrapolation
}

// The alternatives: the usual day, moved or multiplied by a mean; a level without the shape of a day; and the usual
// day, moved or multiplied by the newest departure alone.
const (
	altOffset = iota
	altRatio
	altLevel
	altNow
	altNowRatio
	numAlternatives
)

// Chosen, not tuned, except where it says otherwise. What TestModel_FollowsALevelThatHasJumped measures changes little
// with any of them.
const (
	excursionLead   = 15          // minutes: people act on it, and what came of it is soon known
	typicalHalfLife = 2 * 24 * 60 // minutes
	levelHalfLife   = 20          // minutes, of the means that the alternatives go on with
	lossHalfLife    = 120         // minutes of excursions
	doubt           = 5           // minutes, at least a step: as if the alternatives had been no better before

	// excursionSize times the typical departure is an excursion: three standard deviations of a bell curve. Larger ones
	// make the typical one grow only so far, so that a level takes two days, not hours, to become usual.
	excursionSize = 4
	backSteps     = 3 // so many steps within half of that end it

	worstRatio     = 0.75 // of the losses of alternative and combination: it is not followed
	bestRatio      = 0.4  // it is followed in full
	shortestMemory = 60   // minutes: the combination soon forgets shorter excursions
	newsSize       = 1.25 // times what has passed before is surely something new
)

func newExcursion(w *window.Window, longest int) excursion {
	lead := min(max(1, int(math.Round(excursionLead/w.Minutes))), longest)
	r := newRun(w, w.Minutes)
	r.lead = 1 // not for medians: at a jump they pass the middle, as on a line
	return excursion{
		run: r, lead: candidates.NewHorizon(lead, w.Hours), gain: 1 - math.Exp2(-w.Minutes/levelHalfLife),
		fade: math.Exp2(-w.Minutes / lossHalfLife), pending: make([]pendingForecast, lead),
	}
}

// advance takes in the last value of c, and how far that is from the usual.
func (e *excursion) advance(c *Combination, d *candidates.Departure) {
	e.now.known = false
	e.score(d.Value)
	e.measure(d)
	e.follow(d)
	e.usual = math.Abs(c.routine.beyond) < e.limit()*e.unit/2 && (e.usual || e.steps == 1)
	e.learnTypical(math.Abs(d.Size))
	p := &e.pending[e.at]
	p.departure = 0
	if e.isOut() || e.isBack() {
		var t candidates.Target
		c.state.PrepareTarget(&t, &e.lead)
		*p = pendingForecast{departure: math.Abs(d.Size), excursion: e.count}
		p.combined, _ = c.combined(&t)
		if !e.isOut() {
			p.departure = e.limit()
		}
		for k := range p.alternatives {
			p.alternatives[k] = e.alternative(k, &t)
		}
	}
	if e.at++; e.at == len(e.pending) {
		e.at = 0
	}
}

// isBack tells whether the series has come back to the usual from an excursion that the combination still remembers.
func (e *excursion) isBack() bool { return e.sign == 0 && e.after > 0 }

// score compares the forecasts that were made for the last value, y.
func (e *excursion) score(y float64) {
	p := &e.pending[e.at]
	if p.departure == 0 {
		return
	}
	e.before.fade(e.fade)
	if p.excursion != e.count {
		e.before.add(p, y)
		return
	}
	e.here.fade(e.fade)
	e.here.add(p, y)
}

// follow begins, continues or ends an excursion.
func (e *excursion) follow(d *candidates.Departure) {
	now := e.run.follow(d)
	if now == ended || now == turns {
		e.end()
	}
	switch now {
	case near:
		if e.after > 0 {
			e.after--
			e.followLevel(d)
		}
	case leaves, turns:
		if e.after > 0 {
			e.leaveUsual()
		}
		e.age, e.apart, e.zero, e.hasZero = 0, 0, d.Zero, d.HasZero
		e.followLevel(d)
	case away:
		e.followLevel(d)
	}
}

// followLevel follows the level on which the series is now. What lies far from it for some steps in a row begins
// another one, such as that after the dip of a deploy; until then it is left out.
func (e *excursion) followLevel(d *candidates.Departure) {
	e.newest, e.newestRatio = d.Value-d.Usual, 1
	if usual := d.Usual - d.Zero; usual > 0 {
		e.newestRatio = (d.Value - d.Zero) / usual
	}
	distance := e.newest - e.offset
	switch {
	case e.age == 0 || math.Abs(distance) <= excursionSize*max(e.stray, e.typical*e.unit*e.multiple()):
		e.apart = 0
	case distance > 0:
		e.apart = max(e.apart, 0) + 1
	default:
		e.apart = min(e.apart, 0) - 1
	}
	if max(e.apart, -e.apart) == backSteps {
		e.beginLevel()
	}
	if e.apart != 0 {
		return
	}
	e.age++
	gain := max(1/float64(e.age), e.gain)
	if e.age > 1 {
		e.stray += gain * (math.Abs(distance) - e.stray)
	}
	e.offset += gain * (e.newest - e.offset)
	e.level += gain * (d.Value - e.level)
	e.ratio += gain * (e.newestRatio - e.ratio)
}

// multiple is how many times as much as near the usual the series may stray on its level: what is multiplied does so in
// proportion.
func (e *excursion) multiple() float64 {
	if !e.hasZero {
		return 1
	}
	return max(1, e.ratio)
}

// beginLevel forgets the level on which the series was, and what was forecast from there.
func (e *excursion) beginLevel() {
	if e.age <= e.lead.Steps { // nothing that was forecast from there has come true
		e.here = comparison{}
	}
	e.age, e.apart, e.stray = 0, 0, 0
	for i := range e.pending {
		e.pending[i].departure = 0
	}
}

// end files an excursion that has passed.
func (e *excursion) end() {
	e.before.merge(&e.here, 1)
	e.here = comparison{}
	e.count++
	if e.after = 0; float64(e.steps)*e.minutes >= shortestMemory {
		e.after, e.age, e.apart, e.stray = min(e.steps, e.perDay), 0, 0, 0
	}
}

// leaveUsual forgets how well forecasts did near the usual.
func (e *excursion) leaveUsual() {
	e.here, e.after = comparison{}, 0
	for i := range e.pending {
		if e.pending[i].excursion == e.count {
			e.pending[i].departure = 0
		}
	}
}

// alternative returns the forecast of an alternative for t.
func (e *excursion) alternative(k int, t *candidates.Target) float64 {
	usual := t.Usual()
	switch {
	case k == altLevel:
		return e.level
	case k == altRatio && e.hasZero:
		return e.zero + (usual-e.zero)*e.ratio
	case k == altNowRatio && e.hasZero && e.newestRatio > 0:
		return e.zero + (usual-e.zero)*e.newestRatio
	case k == altNow, k == altNowRatio:
		return usual + e.newest
	}
	return usual + e.offset
}

// best returns the alternative that did best, and its weight at the lead, 0 to 1.
func (e *excursion) best() (alternative int, share float64) {
	all := e.here
	if e.sign != 0 {
		all.merge(&e.before, 1-e.news(e.held))
	}
	for k, loss := range all.alternatives {
		if loss < all.alternatives[alternative] {
			alternative = k
		}
	}
	if !(all.combined > 0) {
		return alternative, 0
	}
	d := max(doubt/e.minutes, 1)
	ratio := (all.alternatives[alternative]/all.combined*e.here.rows + d) / (e.here.rows + d)
	return alternative, lines.Ramp(ratio, worstRatio, bestRatio)
}

// weigh returns the evidence after the last value.
func (e *excursion) weigh(h *hourly) *evidence {
	if !e.now.known {
		e.now = evidence{known: true}
		if e.sign != 0 {
			e.now.surprise, e.now.line = e.surprise(), h.lineOf(&e.run)
		}
		e.now.alternative, e.now.share = e.best()
	}
	return &e.now
}

// Chosen, not tuned.
const (
	// undecided times the distance of alternative and combination, times 2p-1, is added to the quantile p while it is not
	// known which one is right, so that an interval of 80 % holds both.
	undecided = 1 / 0.8

	// As many minutes, and at least as many steps, errors have to be known to count as much as what is expected of them.
	spreadDoubt  = 30
	fewestErrors = 6

	youngSpread = 1.3 // times the usual ones are errors at a level that is not known for long
)

// apply moves p, which the weights expect at t.
func (e *excursion) apply(h *hourly, t *candidates.Target, p *Prediction) {
	if !e.isBack() && (!e.isOut() || e.usual) {
		return
	}
	b := e.weigh(h)
	if e.sign == 0 {
		e.applyBack(b, t, p)
		return
	}
	v, surprise := e.alternative(b.alternative, t), t.Fade8h()*b.surprise
	// What has lasted for some time is expected to last as long again.
	lasting := min(1, float64(e.age)/float64(t.Steps))
	reach := b.share * lasting
	p.Uncertainty = undecided * max(surprise, min(2*b.share, 1)) * (1 - reach) * math.Abs(v-p.Median)
	p.Median += reach * (v - p.Median)
	// What capacity has to hold is not below what is there now, as it goes on by the day.
	highest := max(v, e.alternative(altNow, t), e.alternative(altNowRatio, t))
	p.ExtremeBase += max(reach, surprise) * (highest - p.ExtremeBase)

	p.Spread = Spread{Share: reach, Ratio: youngSpread * e.multiple()}
	p.Spread.Measured = lasting * e.here.rows / (e.here.rows + max(spreadDoubt/e.minutes, fewestErrors))
	if e.here.rows > 0 {
		p.Spread.MeanError = e.meanError(b)
	}
}

// applyBack moves p, which the weights expect at t, after an excursion: what they follow still remembers it.
func (e *excursion) applyBack(b *evidence, t *candidates.Target, p *Prediction) {
	lasting := min(1, float64(e.age)/float64(t.Steps))
	reach := b.share * lasting
	v := e.alternative(b.alternative, t)
	p.Median += reach * (v - p.Median)
	p.ExtremeBase += reach * (v - p.ExtremeBase)
	p.Spread = Spread{Share: reach, Ratio: 1}
	p.Spread.Measured = lasting * e.here.rows / (e.here.rows + max(spreadDoubt/e.minutes, fewestErrors))
	if e.here.rows > 0 {
		p.Spread.MeanError = e.meanError(b)
	}
}

// meanError is the size of errors so far. Errors of the lead overlap, so few of them are independent, and they are
// those of the best of several: by as much as they may be too small for that they are taken larger. The factor is the
// first term of what makes the 0.9 quantile of Student's t distribution of the normal one (Abramowitz and Stegun,
// "Handbook of Mathematical Functions", 1964, 26.7.5).
func (e *excursion) meanError(b *evidence) float64 {
	const widening = (1.2816*1.2816 + 1) / 4
	free := max(e.here.rows/float64(e.lead.Steps)-1, 1)
	return (1 + widening/free) * min(e.here.alternatives[b.alternative], e.here.combined) / e.here.weight
}
