package detector

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const maxLoggedFindings = 10 // in one cycle

// explain says what is behind the score of a series at a step, the newest that its model has seen, and which of several inputs it speaks of: the
// one that contributes most, "" if that is not known.
func (g *group) explain(s *series, at int64) (e scorer.Explanation, leading string) {
	score := noScore()
	if d := s.judge(); d != nil {
		score = d.score
	}
	step := time.Duration(g.schedule.step) * time.Millisecond
	which := 0
	if g.joint != nil {
		if len(score.Contributions) == 0 {
			return scorer.Explain(score, step, 0, func(int) float64 { return math.NaN() }), ""
		}
		leading = score.Contributions[0].Feature
		which = slices.IndexFunc(g.inputs, func(in input) bool { return in.name == leading })
	}
	value := func(back int) float64 {
		before := int64(back) * g.schedule.step
		if before >= g.layout.Fine() { // it depends on when the program was started whether more is known
			return math.NaN()
		}
		v, _ := s.inputs[which].Value(at - before)
		return v
	}
	return scorer.Explain(score, step, g.inputs[which].counts, value), leading
}

// logFindings tells of series whose score has become high since the cycle before: of the first few, so that trouble everywhere does not flood the log.
func (g *group) logFindings(live []*series) {
	if g.score == nil {
		return
	}
	n := 0
	for _, s := range live {
		if !(g.score(s, g.read) >= highScore) {
			continue
		}
		known := s.high != 0 && s.high == g.looked
		if s.high = g.read; known {
			continue
		}
		if n++; n <= maxLoggedFindings {
			level.Info(g.logger).Log(append([]any{"msg", "Anomaly", "series", s.labels}, g.finding(s)...)...)
		}
	}
	g.looked = g.read
	if n > maxLoggedFindings {
		level.Info(g.logger).Log("msg", "More anomalies in this cycle", "series", n-maxLoggedFindings)
	}
}

// finding describes the score of a series, as key and value in turn.
func (g *group) finding(s *series) []any {
	e, leading := g.explain(s, g.read)
	finding := []any{"score", fmt.Sprintf("%.2f", e.Value)}
	if g.joint != nil {
		finding = append(finding, "values", s.judge().vector)
	} else {
		finding = append(finding, "value", e.Seen, "expected", e.Expected, "lower", e.Lower, "upper", e.Upper)
	}
	why := make([]string, 0, len(e.Contributions))
	for _, c := range e.Contributions {
		why = append(why, fmt.Sprintf("%s %.0f%%", c.Feature, 100*c.Share))
	}
	finding = append(finding, "features", strings.Join(why, ", "))
	if leading != "" {
		finding = append(finding, "leading", leading)
	}
	if e.Trend != "" {
		finding = append(finding, "trend", e.Trend)
	}
	if !math.IsNaN(e.PerHour) {
		finding = append(finding, "per_hour", fmt.Sprintf("%.3g", e.PerHour))
	}
	return append(finding, "learned_from", stamp(e.From), "learned_to", stamp(e.To))
}

// stamp is a time, in milliseconds since the epoch, for the log.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
