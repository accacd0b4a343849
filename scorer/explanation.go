package scorer

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/movement"
)

// An Explanation says for people what is behind a score.
type Explanation struct {
	Score
	// Seen is the value that was scored.
	Seen float64
	// PerHour is how much the counter gained in the hour that ends with the step. Missing values are taken to be like the
	// others. NaN if the series is no count.
	PerHour float64
	// Trend is where the value itself, not its deviation, has been going, the step of the score included.
	Trend movement.Trend
}

// Explain explains the score of a step of a series. counts is the time over which a value counts, 5m for
// increase(x[5m]) and 1s for a rate; 0 if the series is no count. Of several signals Explain describes the one whose
// values it is given.
func Explain(s Score, step, counts time.Duration, values movement.Series) Explanation {
	e := Explanation{Score: s, Seen: values(0), PerHour: math.NaN(), Trend: values.Trend(step)}
	if counts > 0 {
		e.PerHour = values.PerHour(step, counts)
	}
	return e
}
