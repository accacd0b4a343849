package scorer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// cron returns the values of a gauge that is busy by size for a minute every so often, at the third minute.
func cron(r *rand.Rand, every time.Duration, noise, size float64) func(at time.Duration) float64 {
	return func(at time.Duration) float64 {
		v := 10 + noise*r.NormFloat64()
		if (at+15*24*hour)%every/time.Minute == 3 {
			v += size * (1 + 0.1*r.NormFloat64())
		}
		return v
	}
}

// Old history has no value of these minutes.
func TestModel_BurstsBetweenSlotsAreNormal(t *testing.T) {
	for name, values := range map[string]func(r *rand.Rand) func(at time.Duration) float64{
		"every 10 minutes":        func(r *rand.Rand) func(time.Duration) float64 { return cron(r, 10*time.Minute, 1, 40) },
		"every hour":              func(r *rand.Rand) func(time.Duration) float64 { return cron(r, hour, 1, 40) },
		"every day":               func(r *rand.Rand) func(time.Duration) float64 { return cron(r, 24*hour, 1, 40) },
		"every hour, downwards":   func(r *rand.Rand) func(time.Duration) float64 { return cron(r, hour, 1, -9) },
		"else constant":           func(r *rand.Rand) func(time.Duration) float64 { return cron(r, 10*time.Minute, 0, 1) },
		"else constant, each day": func(r *rand.Rand) func(time.Duration) float64 { return cron(r, 24*hour, 0, 1) },
		"mean of 5 minutes": func(r *rand.Rand) func(time.Duration) float64 {
			var last [5]float64
			raw := cron(r, 10*time.Minute, 1, 50)
			return func(at time.Duration) (mean float64) {
				last[(at+15*24*hour)/time.Minute%5] = raw(at)
				for _, x := range last {
					mean += x / 5
				}
				return mean
			}
		},
	} {
		for _, step := range []time.Duration{time.Minute, 30 * time.Second} {
			t.Run(fmt.Sprintf("%s/%s", name, step), func(t *testing.T) {
				for seed := range uint64(3) {
					y := generate(step, 48*hour, values(rand.New(rand.NewPCG(seed, 1))))
					n, of := high(live(t, scorer.Options{Step: step}, y), step, 0, 48*hour)
					require.LessOrEqual(t, n, of/200, "seed %d: scores of 0.8 or more of %d", seed, of)
				}
			})
		}
	}
}

func TestModel_FindsNewBurstsBetweenSlots(t *testing.T) {
	const step, busy = time.Minute, 24*hour + 3*time.Minute // of the job
	for _, tc := range []struct {
		name     string
		from, to time.Duration
		value    float64
	}{
		{"at another time", busy + 5*hour, busy + 5*hour + time.Minute, 50},
		{"three times as large", busy, busy + time.Minute, 130},
		{"downwards", busy, busy + time.Minute, -30},
		{"of half an hour", busy, busy + 30*time.Minute, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for seed := range uint64(3) {
				job := cron(rand.New(rand.NewPCG(seed, 1)), 24*hour, 1, 40)
				y := generate(step, 48*hour, func(at time.Duration) float64 {
					if v := job(at); at < tc.from || at >= tc.to {
						return v
					}
					return tc.value
				})
				n, _ := high(live(t, scorer.Options{Step: step}, y), step, tc.from, tc.to)
				require.Positive(t, n, "seed %d", seed)
			}
		})
	}
}

func TestMultivariate_BurstsBetweenSlotsAreNormal(t *testing.T) {
	const step, days = time.Minute, 9
	o := options()
	o.Step = step
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 1))
		job := cron(r, 10*time.Minute, 1, 40)
		inputs := []scorer.Input{{Name: "job"}, {Name: "other"}}
		for i := range days * 24 * 60 {
			inputs[0].Values = append(inputs[0].Values, job(time.Duration(i)*step))
			inputs[1].Values = append(inputs[1].Values, r.NormFloat64())
		}
		const fitted = (days - 1) * 24 * 60
		var windows []scorer.Input
		for _, in := range inputs {
			values, learn := thin(in.Values[:fitted], step)
			windows = append(windows, scorer.Input{Name: in.Name, Values: values, Learn: learn})
		}
		m, err := scorer.FitMultivariate(o, 0, windows)
		require.NoError(t, err)
		high := 0
		for i := fitted; i < len(inputs[0].Values); i++ {
			if m.Score([]float64{inputs[0].Values[i], inputs[1].Values[i]}, true).Value >= 0.8 {
				high++
			}
		}
		require.LessOrEqual(t, high, 30, "seed %d: scores of 0.8 or more of %d", seed, 24*60)
	}
}
