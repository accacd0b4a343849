package scorer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// The age of a backup that ends some minutes earlier or later is off by as much all day, which is nothing new. The one
// that is left out is.
func TestModel_ExpectsTheAgeOfABackupThatMoves(t *testing.T) {
	skipStatistical(t)
	const day, step, seeds, left = 24 * hour, 5 * time.Minute, 6, 21
	for _, direction := range []string{"both", "above", "below"} {
		t.Run(direction, func(t *testing.T) {
			t.Parallel()
			highBefore, before := 0, 0
			for seed := range uint64(seeds) {
				r := rand.New(rand.NewPCG(seed, 11))
				ends := make([]time.Duration, left+2)
				for i := range ends {
					ends[i] = time.Duration(i)*day - 21*hour + time.Duration((2*r.Float64()-1)*float64(10*time.Minute))
				}
				y := make([]float64, (left+1)*day/step)
				for i := range y {
					now, last := time.Duration(i)*step, ends[0]
					for k, end := range ends {
						if end <= now && k != left+1 {
							last = end
						}
					}
					y[i] = (now - last).Seconds()
				}
				all := liveFrom(t, scorer.Options{Step: step, ExplainThreshold: 2, Direction: direction}, y, 14*day, r)
				n, of := high(all, step, 0, 7*day)
				highBefore, before = highBefore+n, before+of
				if n, _ = high(all, step, 7*day+6*hour, 8*day); direction != "below" {
					require.Positive(t, n, "seed %d", seed)
				}
			}
			require.LessOrEqual(t, float64(highBefore), 0.02*float64(before), "%d of %d", highBefore, before)
		})
	}
}

// Logs are rotated by their size, or each week: what has happened before is no incident, whenever it happens. If they
// are no longer rotated, that is one.
func TestModel_ExpectsRotationsAtAnyTime(t *testing.T) {
	skipStatistical(t)
	const day, history, stops = 24 * hour, 14 * 24 * hour, 28 * 24 * hour
	for _, tc := range []struct {
		name   string
		perDay float64
		full   func(size float64, at time.Duration) bool
		below  float64 // free space that was never seen; 0: a line goes on
	}{
		{"10 GB", 24, func(size float64, _ time.Duration) bool { return size >= 10 }, 35},
		{"25 GB", 11, func(size float64, _ time.Duration) bool { return size >= 25 }, 15},
		{"weekly", 3.6, func(_ float64, at time.Duration) bool { return at%(7*day) == 0 }, 0},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				t.Parallel()
				wrong, of := 0, 0
				for seed := range uint64(2) {
					r := rand.New(rand.NewPCG(seed, 19))
					size, y := 0.0, []float64(nil)
					for at := time.Duration(0); at < stops+7*day; at += time.Minute {
						if at < stops && tc.full(size, at) {
							size = 0.2
						}
						if size += tc.perDay / 1440 * (0.5 + r.Float64()); at%step == 0 {
							y = append(y, max(0, 50-size))
						}
					}
					all := liveFrom(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, history, r)
					n, steps := high(all, step, 2*day, stops-history-day)
					wrong, of = wrong+n, of+steps
					if tc.below == 0 {
						continue
					}
					full := (stops - history) / step
					for y[history/step+full] >= tc.below {
						full++
					}
					n, steps = high(all, step, full*step, full*step+18*hour) // a line that goes on is normal after 36 hours
					require.GreaterOrEqual(t, float64(n), 0.9*float64(steps), "seed %d", seed)
				}
				t.Logf("%d of %d", wrong, of)
				require.LessOrEqual(t, float64(wrong), 0.01*float64(of))
			})
		}
	}
}

// The time that a token has left goes down by the clock and is renewed every so often, or some minutes around the same
// time of day. Neither is news, though a straight line fits between renewals. One that is not renewed is.
func TestModel_ExpectsRenewalsAtAnyTime(t *testing.T) {
	skipStatistical(t)
	const day, history, stops = 24 * hour, 14 * 24 * hour, 28 * 24 * hour
	for _, tc := range []struct {
		every, jitter time.Duration
		noise         float64 // seconds
		step          time.Duration
	}{
		{22*hour + 30*time.Minute, 0, 0, 5 * time.Minute},
		{47 * hour, 0, 0, 5 * time.Minute},
		{23*hour + 50*time.Minute, 0, 0, 5 * time.Minute},
		{day, 28 * time.Minute, 0, 5 * time.Minute},
		{day, 28 * time.Minute, 600, 5 * time.Minute},
		{37 * hour, 0, 1200, hour},
	} {
		for _, direction := range []string{"both", "above", "below"} {
			t.Run(fmt.Sprintf("%s/%s/%g/%s/%s", tc.every, tc.jitter, tc.noise, tc.step, direction), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, 20))
				y := make([]float64, (stops+7*day)/tc.step)
				last, next, due := time.Duration(0), tc.every, tc.every
				for i := range y {
					at := time.Duration(i) * tc.step
					if at >= next && at < stops {
						due += tc.every
						last, next = next, due+time.Duration((2*r.Float64()-1)*float64(tc.jitter))
					}
					y[i] = (60*hour - at + last).Seconds() + tc.noise*r.NormFloat64()
				}
				o := scorer.Options{Step: tc.step, ExplainThreshold: 2, Direction: direction}
				all := liveFrom(t, o, y, history, r)
				wrong, of := high(all, tc.step, 0, stops-history)
				require.LessOrEqual(t, float64(wrong), 0.005*float64(of), "%d of %d", wrong, of)
				if from := stops - history + 3*tc.every/2; direction != "above" {
					n, of := high(all, tc.step, from, from+day)
					require.GreaterOrEqual(t, float64(n), 0.9*float64(of))
				}
			})
		}
	}
}
