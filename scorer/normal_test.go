package scorer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is known to be normal is not taken for an incident, neither days ago nor in the last hours: when it comes again,
// it is not as anomalous as it was the first time.
func TestModel_LearnsWhatIsKnownToBeNormal(t *testing.T) {
	step, size := options().Step, 30.0
	for _, tc := range []struct {
		model         string
		before, while time.Duration // of the first time, before the end of the window; how long it takes
	}{
		{"auto", 3 * 24 * time.Hour, 30 * time.Minute},
		{"auto", 3 * 24 * time.Hour, time.Hour},
		{"auto", 5 * time.Hour, 30 * time.Minute},
		{"auto", 5 * time.Hour, 3 * time.Hour},
		{"mad", 3 * 24 * time.Hour, time.Hour},
		{"zscore", 3 * 24 * time.Hour, time.Hour},
	} {
		first, n := fitted-int(tc.before/step), int(tc.while/step)
		again := fitted + int(7*time.Hour/step)
		y := noisy(3)
		for i := range n {
			y[first+i] += size
			y[again+i] += size
		}
		highest := func(normal func(int64) bool) (highest float64) {
			o := options()
			o.Model, o.Normal = tc.model, normal
			for _, s := range scores(t, o, y)[again-fitted : again-fitted+n] {
				highest = max(highest, s.Value)
			}
			return highest
		}
		require.Greater(t, highest(nil), 0.9, tc)
		require.Less(t, highest(func(at int64) bool {
			i := int(at / step.Milliseconds())
			return i >= first && i < first+n
		}), 0.8, tc)
		require.Equal(t, highest(nil), highest(func(int64) bool { return false }), tc)
	}
}

func TestMultivariate_LearnsWhatIsKnownToBeNormal(t *testing.T) {
	const first, again, n = fitted - 3*288, fitted + 84, 12
	y := shop(5, fitted+again, options().Step)
	for i := range n {
		y[1][first+i] -= 0.1
		y[1][again+i] -= 0.1
	}
	highest := func(normal func(int64) bool) (highest float64) {
		o := options()
		o.Normal = normal
		j := fitMultivariate(t, o, signals(y, 0, fitted))
		for i := fitted; i < again+n; i++ {
			values := []float64{y[0][i], y[1][i], y[2][i]}
			if s := j.Score(values, true); i >= again {
				highest = max(highest, s.Value)
			}
		}
		return highest
	}
	require.Greater(t, highest(nil), 0.9)
	require.Less(t, highest(func(at int64) bool {
		i := int(at / options().Step.Milliseconds())
		return i >= first && i < first+n
	}), 0.8)
}
