package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A certificate is renewed, a process restarts, a disk is cleaned: the line goes on elsewhere. Once the new level is
// believed, values are expected on the line for as long as the jump is in the window.
func TestModel_ExpectsAStraightLineAfterAJump(t *testing.T) {
	skipStatistical(t)
	const day, history, until = 24 * hour, 14 * 24 * hour, 30 * 24 * hour
	for _, tc := range []struct {
		name                       string
		start, perDay, jump, noise float64
		every                      time.Duration // 0: it jumps once
	}{
		{"countdown", 40 * 86400, -86400, 60 * 86400, 0, 0},
		{"uptime", 1e6, 86400, -2e6, 0, 0},
		{"disk", 55e9, 0.3e9, -30e9, 5e6, 0},
		{"disk that is cleaned", 40e9, 5e9, -50e9, 2e7, 10 * day},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
			directions := []string{"above", "below", "both"}
			if step == time.Minute {
				directions = directions[:2]
			}
			for _, direction := range directions {
				t.Run(fmt.Sprintf("%s/%s/%s", tc.name, step, direction), func(t *testing.T) {
					t.Parallel()
					for seed := range uint64(map[time.Duration]int{time.Minute: 1, 5 * time.Minute: 1, hour: 4}[step]) {
						r := rand.New(rand.NewPCG(seed, 1))
						jump := history + time.Duration(60*r.Float64())*time.Minute + 5*hour
						since := func(at time.Duration) time.Duration { // the last jump; negative: before it
							if tc.every > 0 {
								return (at - jump + 10*tc.every) % tc.every
							}
							return at - jump
						}
						jumps := func(at time.Duration) float64 {
							if tc.every > 0 {
								return math.Floor(float64(at-jump)/float64(tc.every)) + 1
							}
							return max(0, math.Copysign(1, float64(at-jump)))
						}
						line := func(at time.Duration) float64 { return tc.start + tc.perDay*at.Hours()/24 + tc.jump*jumps(at) }
						y := make([]float64, until/step)
						for i := range y {
							y[i] = float64(float32(line(time.Duration(i)*step) + tc.noise*r.NormFloat64()))
						}
						all := live(t, scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}, y)
						settled := 38 * hour // then it is believed, and what was measured meanwhile is forgotten
						if step == hour {
							settled = 54 * hour
						}
						news := (tc.jump > 0) == (direction == "above") || direction == "both"
						high, of := 0, 0
						var off []float64
						for i, s := range all {
							at := history + time.Duration(i)*step
							if d := since(at); d >= 0 && d < settled && (news || tc.noise > 0 && d < time.Hour) {
								continue
							}
							of++
							if s.Value >= 0.8 {
								high++
							}
							if d := since(at); d < 0 || d > settled {
								off = append(off, math.Abs(s.Expected-line(at)))
							}
						}
						require.LessOrEqual(t, high, 1+of/1000, "seed %d, of %d", seed, of)
						slices.Sort(off)
						most := off[len(off)*95/100]
						require.LessOrEqual(t, most, 1.2*tc.noise+1e-6*tc.start, "seed %d", seed)
					}
				})
			}
		}
	}
}

// Where a scrape is missing, Prometheus returns the sample before it, for up to five minutes. A line has moved since.
func TestModel_ExpectsAnOldValueOfALine(t *testing.T) {
	const lookback, lasts = 5 * time.Minute, 18 * 24 * hour
	for _, tc := range []struct {
		name                 string
		start, perDay, noise float64
	}{
		{"countdown", 45 * 86400, -86400, 0},
		{"uptime", 3e6, 86400, 0},
		{"disk", 30e9, 2e9, 1e5},
	} {
		for _, step := range []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute, hour} {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, 7))
				var y []float64
				var read time.Duration
				value := math.NaN()
				for at := time.Duration(0); at < lasts; at += 30 * time.Second {
					if at%time.Minute == 0 && r.Float64() > 0.03 {
						scraped := at - time.Duration(r.IntN(5))*time.Second
						value, read = tc.start+tc.perDay*scraped.Hours()/24+tc.noise*r.NormFloat64(), scraped
					}
					if at-read >= lookback {
						value = math.NaN()
					}
					if at%step == 0 {
						y = append(y, value)
					}
				}
				all := live(t, scorer.Options{Step: step}, y)
				high, _ := high(all, step, 0, lasts-14*24*hour)
				require.Zero(t, high)

				i := len(y) - int(2*hour/step)
				y[i] -= tc.perDay * 30 / (24 * 60) // as it was half an hour ago
				after := live(t, scorer.Options{Step: step}, y)
				require.Greater(t, after[i-len(y)+len(all)].Value, all[i-len(y)+len(all)].Value+0.1)
			})
		}
	}
}
