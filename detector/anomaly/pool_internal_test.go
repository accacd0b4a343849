package anomaly

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// poolText is a detector of pods, which are compared with each other if they have the same container.
const poolText = `
global: {step: 5m, history: %s, min_history: 12h, refit_interval: 1h, query_offset: 0s}
detectors: [{name: load, expr: load, pool_by: [container], publish: [score, onset, state]}]
`

const begin = epoch

// writePod writes the load of a pod at every step from one time to another.
func writePod(s *source, container, pod string, from, to int64) {
	shift := float64(len(container)) + float64(pod[0])
	s.write(labels.FromStrings("__name__", "load", "container", container, "pod", pod), from, to, 5*minute,
		func(ts int64) float64 { return 10 + math.Sin(float64(ts)) + math.Cos(shift) })
}

func newPooled(t testing.TB, s *source) *running {
	t.Helper()
	return run(newTestPlan(t, fmt.Sprintf(poolText, "2d")), s, unobserved(2))
}

func (r *running) poolOf(container string) *pool {
	return r.pools[poolKey(labels.FromStrings("container", container), r.plan.options.poolBy)]
}

// What is kept of a pod that is gone is forgotten once nothing depends on it, and of a pool with its last pod.
func TestPipeline_ForgetsMembersAndPools(t *testing.T) {
	s := newSource(t)
	for i := range 3 {
		writePod(s, "api", fmt.Sprint(i), begin, begin+96*hour)
		writePod(s, "job", fmt.Sprint(i), begin, begin+50*hour)
	}
	writePod(s, "api", "gone", begin, begin+50*hour)
	r := newPooled(t, s)
	r.step(begin + 50*hour)
	gone := r.find("pod", "gone")
	require.Len(t, r.pools, 2)
	require.Len(t, gone.pool.series, 4)
	require.NotNil(t, gone.member.state)
	job := r.poolOf("job")
	require.NotNil(t, job.group)

	r.step(begin + 52*hour)
	require.Nil(t, job.group, "none has been there for more than 15 steps")
	require.Nil(t, job.series[0].member)
	require.NotNil(t, gone.member, "the others may still be compared with it")

	for at := begin + 52*hour; at <= begin+77*hour; at += hour {
		r.step(at)
	}
	require.Nil(t, gone.member, "away for more than a day")
	require.NotNil(t, gone.pool.group)

	r.read(begin + 135*hour)
	require.Len(t, gone.pool.series, 3, "its history is over")
	require.Len(t, r.pools, 1)
	r.read(begin + 200*hour)
	require.Empty(t, r.pools)
	require.Empty(t, r.series)
}

func TestPipeline_DropsAPoolAfterFifteenStepsWithoutAMember(t *testing.T) {
	s := newSource(t)
	for i := range 3 {
		writePod(s, "api", fmt.Sprint(i), begin, begin+16*hour)
		writePod(s, "job", fmt.Sprint(i), begin, begin+14*hour)
	}
	r := newPooled(t, s)
	r.step(begin + 14*hour)
	r.step(begin + 14*hour + 75*minute)
	require.NotNil(t, r.poolOf("job").group)
	r.step(begin + 14*hour + 80*minute)
	require.Nil(t, r.poolOf("job").group)
	require.NotNil(t, r.poolOf("api").group)
}

// A panic of a pool's model leaves that pool without scores until its next slot, and no other.
func TestPipeline_LeavesABrokenPoolOutUntilItsNextSlot(t *testing.T) {
	s := newSource(t)
	for i := range 3 {
		writePod(s, "api", fmt.Sprint(i), begin, begin+50*hour)
		writePod(s, "job", fmt.Sprint(i), begin, begin+50*hour)
	}
	r := newPooled(t, s)
	slot := r.plan.Schedule.Slot(poolSeed(labels.FromStrings("container", "job"), []string{"container"}), begin+48*hour)
	at := slot + r.plan.Schedule.Step
	r.read(at)
	for _, s := range r.data.All() {
		r.series[s.ID] = &series{Series: s}
		r.enterPool(r.series[s.ID])
	}
	job := r.poolOf("job")
	broken := &series{} // without a history
	job.series, job.unsorted = append(job.series, broken), false

	scored := func() (n int) {
		b := r.step(at)
		at += r.plan.Schedule.Step
		for _, s := range b.Series {
			if s.State == (result.State{}) {
				n++
				continue
			}
			require.Equal(t, result.State{State: result.Failed, Reason: result.ReasonFitError}, s.State)
			require.Equal(t, "job", s.Labels.Get("container"))
		}
		return n
	}
	require.Equal(t, 3, scored())
	require.ErrorContains(t, job.broken, "panics")
	job.series = job.series[:3]
	n := 1
	for scored() == 3 {
		n++
	}
	require.LessOrEqual(t, n, 12, "steps in an hour")
	require.Equal(t, slot+r.plan.Schedule.Refit, at-r.plan.Schedule.Step, "the next slot")
	require.Equal(t, 6, scored())
	require.NoError(t, job.broken)
}

// A pool of two is none: who is old enough is scored by its own past.
func TestPipeline_ScoresAMemberByItsOwnPastIfThereAreTooFew(t *testing.T) {
	s := newSource(t)
	writePod(s, "api", "0", begin, begin+52*hour)
	writePod(s, "api", "new", begin+50*hour, begin+52*hour)
	r := newPooled(t, s)
	seed := poolSeed(labels.FromStrings("container", "api"), r.plan.options.poolBy)
	at := r.plan.Schedule.Slot(seed, begin+52*hour) - 5*minute
	require.Equal(t, map[string]string{"0": "", "new": "learningfew_siblings"}, states(r.step(at), "pod"))
}

// BenchmarkPool fits a pool of 50 members and a week at 5 minutes, and takes a step.
func BenchmarkPool(b *testing.B) {
	s := newSource(b)
	r := run(newTestPlan(b, fmt.Sprintf(poolText, "7d")), s, unobserved(2))
	end := begin + 9*day
	for i := range 50 {
		s.write(labels.FromStrings("__name__", "load", "container", "api", "pod", fmt.Sprint(i)), begin, end, 5*minute,
			func(ts int64) float64 { return 10 + math.Sin(float64(ts)) + math.Cos(float64(i)) })
	}
	r.step(end)
	f := poolStepping{r.Pipeline, r.poolOf("api"), &history.Window{}}
	b.Run("fit", func(b *testing.B) {
		for b.Loop() {
			f.Fit(end)
		}
	})
	b.Run("step", func(b *testing.B) {
		b.ReportAllocs()
		f.Fit(end)
		for b.Loop() {
			f.Observe(end)
		}
	})
}

var _ schedule.Model = poolStepping{}

// A pool fits at the longest step that the configuration allows with pool_by, and at none longer, however much history
// there is.
func TestFitGroup_AtTheLongestStepOfPools(t *testing.T) {
	const days = 60
	for step, want := range map[time.Duration]error{6 * time.Hour: nil, 8 * time.Hour: scorer.ErrShortHistory} {
		steps := int(days * 24 * time.Hour / step)
		pods := func(yield func([]float64, []bool) bool) {
			for pod := range 6 {
				values, learn := make([]float64, steps), make([]bool, steps)
				for i := range values {
					values[i], learn[i] = 10+math.Sin(float64(i*i+pod)), true
				}
				if !yield(values, learn) {
					return
				}
			}
		}
		_, _, err := scorer.FitGroup(scorer.Options{Step: step}, begin, steps, pods)
		require.ErrorIs(t, err, want, step)
	}
}
