package scorer_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

func TestExplain_TellsTheTrend(t *testing.T) {
	nan := math.NaN()
	quiet := func(int) float64 { return 0 }
	noisy := func(hour int) float64 { return 100 + float64(hour%3) } // changes by 1 or 2
	for _, tc := range []struct {
		name                 string
		before               func(hour int) float64
		earlier, then, newly float64 // means of the last three hours
		want                 string
	}{
		{"nothing happens", quiet, 0, 0, 0, "stable"},
		{"a first restart", quiet, 0, 0, 1, "increasing"},
		{"as many each hour", quiet, 3, 3, 3, "stable"},
		{"one more each hour", quiet, 1, 2, 3, "increasing"},
		{"more and more", quiet, 1, 3, 8, "accelerating"},
		{"growth slows down", quiet, 1, 5, 6, "increasing"},
		{"they cease", quiet, 8, 3, 0, "decreasing"},
		{"as restless as always", noisy, 100, 101, 103, "stable"},
		{"beyond that", noisy, 100, 101, 103.5, "increasing"},
		{"a step an hour ago", noisy, 100, 150, 151, "stable"},
		{"a step now", noisy, 100, 101, 150, "increasing"},
		{"faster, but hardly", noisy, 100, 110, 121, "increasing"},
		{"faster", noisy, 100, 110, 123, "accelerating"},
		{"down", noisy, 100, 100, 97, "decreasing"},
		{"rounding is no change", func(int) float64 { return 1e6 }, 1e6, 1e6, 1e6 + 0.5, "stable"},
		{"not known", quiet, 0, nan, 1, ""},
		{"not known whether faster", quiet, nan, 1, 8, "increasing"},
		{"a young series", func(hour int) float64 {
			if hour > 8 {
				return nan
			}
			return 0
		}, 0, 0, 1, ""},
		{"just old enough", func(hour int) float64 {
			if hour > 9 {
				return nan
			}
			return 0
		}, 0, 0, 1, "increasing"},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 7 * time.Minute, time.Hour, 6 * time.Hour} {
			t.Run(tc.name+" "+step.String(), func(t *testing.T) {
				n := max(1, int(time.Hour/step))
				e := scorer.Explain(scorer.Score{}, step, 0, func(back int) float64 {
					require.Less(t, back, 27*n)
					switch hour := back / n; hour {
					case 0:
						return tc.newly
					case 1:
						return tc.then
					case 2:
						return tc.earlier
					default:
						return tc.before(hour)
					}
				})
				require.Equal(t, tc.want, e.Trend.Word)
				require.True(t, math.IsNaN(e.PerHour), "counts nothing")
			})
		}
	}
}

// upToAnHour is a series at 5 minutes that is an hour old.
func upToAnHour(value func(back int) float64) func(back int) float64 {
	return func(back int) float64 {
		if back >= 12 {
			return math.NaN()
		}
		return value(back)
	}
}

func TestExplain_TellsTheRatePerHour(t *testing.T) {
	const step = 5 * time.Minute
	restarts := func(back int) float64 { // increase(x[5m]): two at this step, one half an hour ago; two steps are missing
		switch back {
		case 0:
			return 2
		case 6:
			return 1
		case 3, 4:
			return math.NaN()
		}
		return 0
	}
	s := scorer.Score{Value: 0.9, Expected: 0.1, From: 1, To: 2}
	e := scorer.Explain(s, step, 5*time.Minute, restarts)
	require.Equal(t, s, e.Score)
	require.Equal(t, 2.0, e.Seen)
	require.InEpsilon(t, 3*12.0/10, e.PerHour, 1e-12)
	halfHours := func(back int) float64 { return []float64{16, 5}[back/6] } // increase(x[30m]), seen by six steps
	require.InEpsilon(t, 16+5, scorer.Explain(s, step, 30*time.Minute, upToAnHour(halfHours)).PerHour, 1e-12)
	require.InEpsilon(t, 16, scorer.Explain(s, step, time.Hour, upToAnHour(halfHours)).PerHour, 1e-12)
	require.InEpsilon(t, 8, scorer.Explain(s, step, 2*time.Hour, upToAnHour(halfHours)).PerHour, 1e-12)
	require.InEpsilon(t, 7200, scorer.Explain(s, time.Hour, time.Second, func(int) float64 { return 2 }).PerHour, 1e-12)
	require.True(t, math.IsNaN(scorer.Explain(s, step, step, func(int) float64 { return math.NaN() }).PerHour))
}

func TestScore_TellsWhatWasLearnedFrom(t *testing.T) {
	const ms = 300_000
	y, start := noisy(1), int64(1000*ms)
	learn := make([]bool, fitted)
	for i := range learn {
		learn[i] = i >= 5 && i < fitted-7
		if i < 20 || i > fitted-10 {
			y[i] = math.NaN()
		}
	}
	m, err := scorer.Fit(options(), start, y[:fitted], learn)
	require.NoError(t, err)
	for i := range 3 {
		s := m.Score(y[fitted+i], true)
		require.Equal(t, start+20*ms, s.From)
		require.Equal(t, start+(fitted-10)*ms, s.To)
	}

	p := newGroup(serving, 1, 5, 10*24*time.Hour, 5*time.Minute)
	for i := range p.values {
		p.values[i][100] = math.NaN()
	}
	p.fit(t, options(), 100, 2500)
	for _, member := range p.score(2500) {
		require.Equal(t, int64(101*ms), member.Score.From)
		require.Equal(t, int64(2499*ms), member.Score.To)
	}

	signals := signals(shop(1, fitted+1, 5*time.Minute), 0, fitted)
	signals[1].Values[fitted-1] = math.NaN()
	s := fitMultivariate(t, options(), signals).Score([]float64{100, 0.9, 0.2}, true)
	require.Equal(t, int64(0), s.From)
	require.Equal(t, int64((fitted-1)*ms), s.To)
}
