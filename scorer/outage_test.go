package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A daily load is least at two at night and most at two in the afternoon, and less on weekends by a factor. Its noise
// is a part of it.
type daily struct{ night, noon, weekend, noise float64 }

// A persistent noise has a standard deviation of 1 and is forgotten within a time, as one of the load of an hour.
type persistent struct {
	within time.Duration
	now    float64
}

func (p *persistent) next(step time.Duration, r *rand.Rand) float64 {
	kept := math.Exp(-float64(step) / float64(p.within)) // of a white one, nothing
	p.now = kept*p.now + math.Sqrt(1-kept*kept)*r.NormFloat64()
	return p.now
}

// at returns the load without noise. The epoch was a Thursday.
func (s daily) at(t time.Duration) float64 {
	d := t.Hours() / 24
	x := s.night + (s.noon-s.night)*0.5*(1+math.Cos(2*math.Pi*(d-14.0/24)))
	if math.Mod(d+3, 7) >= 5 {
		x *= s.weekend
	}
	return x
}

// An outage leaves a part of the load.
type outage struct {
	from, lasts time.Duration
	left        float64
}

// duringOutage returns how much of the last outage has high scores, of the half day before it, and of the days after.
func duringOutage(
	t *testing.T, s daily, o scorer.Options, seed uint64, outages ...outage,
) (before, during, after float64) {
	t.Helper()
	return duringOutageIn(t, s, 1, o, seed, outages...)
}

// duringOutageIn is duringOutage for a load whose noise persists.
func duringOutageIn(
	t *testing.T, s daily, noiseWithin time.Duration, o scorer.Options, seed uint64, outages ...outage,
) (before, during, after float64) {
	t.Helper()
	const day, more = 24 * hour, 60 * hour
	r := rand.New(rand.NewPCG(seed, 77))
	last := outages[len(outages)-1]
	start, end := (last.from - 12*hour).Truncate(6*hour), last.from+last.lasts
	y := make([]float64, (end+more)/o.Step)
	noise := persistent{within: noiseWithin}
	for i := range y {
		at := time.Duration(i) * o.Step
		y[i] = max(0, s.at(at)*(1+s.noise*noise.next(o.Step, r)))
		for _, out := range outages {
			if at >= out.from && at < out.from+out.lasts {
				y[i] *= out.left
			}
		}
	}
	o.ExplainThreshold, o.DataRange = 2, [2]float64{0, math.Inf(1)}
	all := liveAfter(t, o, y[(start-14*day)/o.Step:], 14*day, end+more-start)
	share := func(from, to time.Duration) float64 {
		n, of := high(all, o.Step, (from - start).Truncate(o.Step), (to - start).Truncate(o.Step))
		return float64(n) / float64(of)
	}
	return share(start, last.from), share(last.from+max(15*time.Minute, 2*o.Step), end), share(end+8*hour, end+more)
}

// sunday is one of which two weeks and a half are known before.
const sunday = 17 * 24 * hour

// An outage is one by night, too, if the load is little then and its noise with it: a total one, and one to 40 %.
func TestModel_HoldsAnOutageThroughTheNight(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, weekend := range []float64{1, 0.5} {
			for _, left := range []float64{0, 0.4} {
				for _, from := range []time.Duration{sunday + 9*hour, sunday + 90*time.Minute, sunday + 3*24*hour + 9*hour} {
					for seed := range uint64(2) {
						if step == time.Minute && (left > 0 || seed > 0) {
							continue // as at 5 minutes
						}
						t.Run(fmt.Sprintf("%s/%g/%g/%s/%d", step, weekend, left, from, seed), func(t *testing.T) {
							t.Parallel()
							s := daily{10, 150, weekend, 0.05}
							before, during, after := duringOutage(t, s, scorer.Options{Step: step}, seed, outage{from, 30 * hour, left})
							require.LessOrEqual(t, before, 0.01)
							require.GreaterOrEqual(t, during, 0.97)
							require.LessOrEqual(t, after, 0.05)
						})
					}
				}
			}
		}
	}
}

// A run of values is as sure as one that is farther away. Less than a third of a load with noise of 15 %, of which no
// value is six standard deviations away, stays an outage. So does one that begins on a weekend, which is lower anyway.
func TestModel_HoldsAnOutageThatNoSingleValueShows(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, tc := range []struct {
			daily
			from        time.Duration
			left, least float64
		}{
			{daily{100, 100, 1, 0.15}, sunday + 9*hour, 0.3, 0.85},
			{daily{10, 150, 1, 0.15}, sunday + 9*hour, 0.3, 0.85},
			{daily{70, 150, 0.7, 0.05}, sunday + 9*hour, 0.4, 0.9},
			{daily{70, 150, 0.7, 0.05}, sunday + 90*time.Minute, 0.4, 0.75},
		} {
			for _, direction := range []string{"both", "below"} {
				t.Run(fmt.Sprintf("%s/%+v/%s", step, tc, direction), func(t *testing.T) {
					t.Parallel()
					seeds := map[time.Duration]uint64{time.Minute: 2, 5 * time.Minute: 6}[step]
					sum := 0.0
					for seed := range seeds {
						o := scorer.Options{Step: step, Direction: direction}
						before, during, after := duringOutage(t, tc.daily, o, seed, outage{tc.from, 30 * hour, tc.left})
						require.LessOrEqual(t, before, 0.01)
						require.LessOrEqual(t, after, 0.05)
						sum += during
					}
					t.Logf("%.2f", sum/float64(seeds))
					require.GreaterOrEqual(t, sum/float64(seeds), tc.least)
				})
			}
		}
	}
}

// Noise that lasts for an hour hides a surge to twice the load from each single value, and for a while from the mean of
// a run. It is anomalous to its end, through every fit, and little is left of it after that. So is a fall to less than
// a third.
func TestModel_HoldsAnOutageInNoiseThatLasts(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		for _, left := range []float64{0.3, 2} {
			for _, from := range []time.Duration{sunday + 9*hour, sunday + 4*24*hour + 90*time.Minute} {
				t.Run(fmt.Sprintf("%s/%g/%s", step, left, from), func(t *testing.T) {
					t.Parallel()
					seeds := map[time.Duration]uint64{time.Minute: 1, 5 * time.Minute: 4, 15 * time.Minute: 6}[step]
					sum, sumAfter := 0.0, 0.0
					for seed := range seeds {
						s, o := daily{100, 100, 1, 0.15}, scorer.Options{Step: step}
						before, during, after := duringOutageIn(t, s, hour, o, seed, outage{from, 24 * hour, left})
						require.LessOrEqual(t, before, 0.01)
						sum, sumAfter = sum+during, sumAfter+after
					}
					least := 0.9
					if left < 1 && step < 15*time.Minute {
						least = 0.75 // only how long it lasts tells it, from the third hour on
					}
					t.Logf("%.2f", sum/float64(seeds))
					require.GreaterOrEqual(t, sum/float64(seeds), least)
					require.LessOrEqual(t, sumAfter/float64(seeds), 0.05)
				})
			}
		}
	}
}

// A second outage of more than a day within a week is found as the first, and after both the same time of day on two
// days in a row is not what is usual.
func TestModel_HoldsASecondLongOutage(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{5 * time.Minute, hour} {
		for _, s := range []daily{{100, 100, 1, 0.05}, {10, 150, 1, 0.05}, {70, 150, 1, 0.05}} {
			for seed := range uint64(2) {
				if step == hour && s.night < s.noon/10 {
					continue // hours do not tell how noise grows with the load
				}
				t.Run(fmt.Sprintf("%s/%+v/%d", step, s, seed), func(t *testing.T) {
					t.Parallel()
					first := outage{sunday - 5*24*hour + 9*hour, 26 * hour, 0}
					second := outage{sunday + 9*hour, 30 * hour, 0}
					before, during, after := duringOutage(t, s, scorer.Options{Step: step}, seed, first, second)
					require.LessOrEqual(t, before, 0.14)
					require.GreaterOrEqual(t, during, 0.85)
					require.LessOrEqual(t, after, 0.08)
				})
			}
		}
	}
}

// What is usual has no high scores, however noise grows or falls with the load.
func TestModel_KnowsHowNoiseGrowsWithTheLoad(t *testing.T) {
	skipStatistical(t)
	const day, weeks = 24 * hour, 3
	for name, noise := range map[string]func(x float64, r *rand.Rand) float64{
		"in proportion": func(x float64, r *rand.Rand) float64 { return 0.05 * x * r.NormFloat64() },
		"the same":      func(_ float64, r *rand.Rand) float64 { return 4 * r.NormFloat64() },
		"both":          func(x float64, r *rand.Rand) float64 { return 0.05*x*r.NormFloat64() + 2*r.NormFloat64() },
		"by the root":   func(x float64, r *rand.Rand) float64 { return math.Sqrt(x) * r.NormFloat64() },
		"more by night": func(x float64, r *rand.Rand) float64 { return (160 - x) / 20 * r.NormFloat64() },
		"batch jobs": func(x float64, r *rand.Rand) float64 {
			n := 0.05 * x * r.NormFloat64()
			if x < 40 && r.Float64() < 0.1 {
				n += 60 * r.Float64()
			}
			return n
		},
	} {
		for _, step := range []time.Duration{5 * time.Minute, hour} {
			for _, weekend := range []float64{1, 0.5} {
				if step == hour && name == "batch jobs" {
					continue // two weeks hold too few of these hours
				}
				t.Run(fmt.Sprintf("%s/%s/%g", name, step, weekend), func(t *testing.T) {
					t.Parallel()
					wrong, of := 0, 0
					for seed := range uint64(4) {
						r := rand.New(rand.NewPCG(seed, 78))
						s := daily{10, 150, weekend, 0}
						y := make([]float64, (14+7*weeks)*day/step)
						for i := range y {
							x := s.at(time.Duration(i) * step)
							y[i] = max(0, x+noise(x, r))
						}
						o := scorer.Options{Step: step, ExplainThreshold: 2, DataRange: [2]float64{0, math.Inf(1)}}
						above := false
						for _, s := range liveAfter(t, o, y, 14*day, 7*weeks*day) {
							if s.Value >= 0.8 && !above {
								wrong++
							}
							above = s.Value >= 0.8
						}
						of += weeks
					}
					require.LessOrEqual(t, float64(wrong), 0.6*float64(of), "%d in %d weeks", wrong, of)
				})
			}
		}
	}
}
