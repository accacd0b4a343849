package schedule_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one of a Model's methods, with its step.
type call struct {
	method string
	at     int64
}

// recorder is a Model that notes how it is used. Its history begins at some time.
type recorder struct {
	begin, least int64
	calls        []call
}

func (r *recorder) Fit(at int64)            { r.calls = append(r.calls, call{"fit", at}) }
func (r *recorder) Reset(at int64)          { r.calls = append(r.calls, call{"reset", at}) }
func (r *recorder) Observe(at int64)        { r.calls = append(r.calls, call{"observe", at}) }
func (r *recorder) OldEnough(at int64) bool { return at-r.begin >= r.least }

// follow brings a new model to each of some steps, and returns what the model that is in use then has seen.
func follow(s schedule.Schedule, seed uint64, begin int64, steps ...int64) []call {
	var p schedule.Progress
	var r *recorder
	for _, to := range steps {
		if s.Behind(p, to) {
			r = &recorder{begin: begin, least: s.MinHistory}
		}
		s.Advance(context.Background(), &p, seed, to, r)
	}
	return r.calls
}

// since returns the calls from the fit, or the reset, at a step on.
func since(calls []call, at int64) []call {
	for i, c := range calls {
		if c.at == at && c.method != "observe" {
			return calls[i:]
		}
	}
	return nil
}

// What a model knows at a step depends on the last fit before the look-back and on all that came after. So that has
// to be the same whether the model has been there for long, was started a moment ago, or was away in between.
func TestAdvance_ComesToTheSameModelWheneverItStarts(t *testing.T) {
	const day = 24 * time.Hour
	cases, seeds := 0, uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		for _, refit := range []time.Duration{time.Minute, 7 * time.Minute, 50 * time.Minute, 4 * time.Hour, day} {
			for _, lookBack := range []time.Duration{0, time.Minute, 90 * time.Minute, day} {
				s := schedule.New(step, refit, 6*time.Hour, lookBack)
				for seed := range seeds {
					r := rand.New(rand.NewPCG(seed, uint64(step+refit+lookBack)))
					end := 1_000_000*s.Step + r.Int64N(5000)*s.Step
					// A history that has always been there, or became old enough a while ago.
					begin := end - s.MinHistory - r.Int64N(2*s.LookBack+3*s.Refit+3*s.Step)
					if seed%2 == 0 {
						begin = 0
					}
					var long []int64
					for at := end - 2*s.LookBack - 5*s.Refit - r.Int64N(s.Refit); at < end; at += s.Step * (1 + r.Int64N(40)) {
						long = append(long, schedule.Floor(at, s.Step))
					}
					if seed%3 == 0 { // away for a while, so that it has to begin anew
						long = long[:len(long)/4+1]
					}
					early := follow(s, seed, begin, append(long, end)...)
					for _, ago := range []int64{0, s.Step, s.Refit, s.LookBack, s.LookBack + s.Refit} {
						late := follow(s, seed, begin, end-ago, end)
						from := s.Slot(seed, end-max(s.LookBack, s.Step))
						message := fmt.Sprintf("step %s refit %s look-back %s seed %d ago %d", step, refit, lookBack, seed, ago)
						if !slices.Equal(since(early, from), since(late, from)) {
							require.Equal(t, since(early, from), since(late, from), message)
						}
						require.True(t, slices.Contains(since(late, from), call{"observe", end}), message)
						cases++
					}
				}
			}
		}
	}
	require.Equal(t, 3*5*4*5*int(seeds), cases)
}

// A start at a slot must not fit at that step alone: the score of the step itself would be missing.
func TestAdvance_ObservesTheStepThatItStartsAtEvenIfThatIsASlot(t *testing.T) {
	s := schedule.New(time.Minute, 3*time.Minute, 0, 0)
	const seed, minute = 7, 60_000
	slot := s.Slot(seed, 1_000_000*minute)
	require.Equal(t, []call{
		{"fit", slot - 3*minute},
		{"observe", slot - 2*minute},
		{"observe", slot - minute},
		{"observe", slot},
		{"fit", slot},
	}, follow(s, seed, 0, slot))

	every := schedule.New(time.Minute, time.Minute, 0, 0) // each step is a slot
	require.Equal(t, []call{{"fit", slot - minute}, {"observe", slot}, {"fit", slot}}, follow(every, seed, 0, slot))
}

func TestAdvance_GoesOnWhereTheContextHasEnded(t *testing.T) {
	s := schedule.New(time.Minute, 20*time.Minute, 0, 10*time.Minute)
	const minute = 60_000
	ctx, cancel := context.WithCancel(context.Background())
	var p schedule.Progress
	r := &recorder{}
	cancel()
	s.Advance(ctx, &p, 3, 100*minute, r)
	require.Len(t, r.calls, 1, "one fit at most")
	s.Advance(context.Background(), &p, 3, 100*minute, r)
	require.Equal(t, follow(s, 3, 0, 100*minute), r.calls)
}

func TestAdvance_FitsAYoungModelAsSoonAsItIsOldEnough(t *testing.T) {
	s := schedule.New(time.Minute, 10*time.Minute, 3*time.Minute, 0)
	const minute = 60_000
	slot := s.Slot(0, 1_000_000*minute)
	require.Equal(t, []call{
		{"reset", slot - 10*minute},
		{"observe", slot - 9*minute},
		{"observe", slot - 8*minute},
		{"fit", slot - 8*minute},
		{"observe", slot - 7*minute},
		{"observe", slot - 6*minute},
		{"observe", slot - 5*minute},
	}, follow(s, 0, slot-11*minute, slot-5*minute))
}

func TestAdvance_DoesNothingAtAStepThatItIsAtAlready(t *testing.T) {
	s := schedule.New(time.Minute, time.Hour, 0, 0)
	const minute = 60_000
	require.Equal(t, follow(s, 3, 0, 5_000*minute), follow(s, 3, 0, 5_000*minute, 5_000*minute))
}

func TestBehind_IsAModelThatHasNotBegunOrWasAwayForLongerThanAnythingIsRemembered(t *testing.T) {
	s := schedule.New(time.Minute, time.Hour, 0, 2*time.Hour)
	const minute = 60_000
	require.True(t, s.Behind(schedule.Progress{}, 0), "not begun, though at its step")
	var p schedule.Progress
	s.Advance(context.Background(), &p, 1, 10_000*minute, &recorder{})
	require.Equal(t, int64(10_000*minute), p.At)
	require.False(t, s.Behind(p, 10_180*minute))
	require.True(t, s.Behind(p, 10_181*minute))
}

func TestSlot_IsTheSameWhateverItIsAskedFrom(t *testing.T) {
	s := schedule.New(time.Minute, time.Hour, 0, 0)
	for seed := range uint64(200) {
		slot := s.Slot(seed, 1_700_000_000_000)
		require.Zero(t, slot%s.Step, "a step")
		require.LessOrEqual(t, slot, int64(1_700_000_000_000))
		for ts := slot; ts < slot+s.Refit; ts += s.Step / 2 {
			require.Equal(t, slot, s.Slot(seed, ts))
		}
		require.Equal(t, slot+s.Refit, s.Slot(seed, slot+s.Refit))
		require.Equal(t, slot-s.Refit, s.Slot(seed, slot-1))
	}
}

func TestSlot_IsSpreadOverTheRefitInterval(t *testing.T) {
	s := schedule.New(time.Minute, time.Hour, 0, 0)
	count := map[int64]int{}
	r := rand.New(rand.NewPCG(1, 2))
	const n = 60_000
	for range n {
		count[s.Slot(r.Uint64(), 1_700_000_000_000)]++
	}
	require.Len(t, count, 60, "each step of the hour is somebody's")
	for slot, found := range count {
		require.InDelta(t, n/60, found, 200, "slot %d", slot)
	}
}

func TestSlot_IsBeforeTheEpochToo(t *testing.T) {
	s := schedule.New(time.Minute, time.Hour, 0, 0)
	require.Equal(t, int64(-3_600_000), s.Slot(0, -1))
	require.Equal(t, int64(-3_600_000), s.Slot(60, -3_600_000))
	require.Equal(t, int64(-3_540_000), s.Slot(1, -1))
}

func TestNew_RoundsUpToSteps(t *testing.T) {
	for _, tc := range []struct {
		step, refit, lookBack         time.Duration
		wantRefit, wantBack, overhang time.Duration
	}{
		{time.Minute, time.Hour, 24 * time.Hour, time.Hour, 24 * time.Hour, 25*time.Hour + time.Minute},
		{7 * time.Minute, time.Hour, time.Hour, 63 * time.Minute, 63 * time.Minute, 133 * time.Minute},
		{time.Hour, time.Minute, 0, time.Hour, 0, 2 * time.Hour},
		{time.Hour, 0, 0, time.Hour, 0, 2 * time.Hour},
	} {
		s := schedule.New(tc.step, tc.refit, time.Hour, tc.lookBack)
		require.Equal(t, schedule.Schedule{
			Step: tc.step.Milliseconds(), Refit: tc.wantRefit.Milliseconds(), LookBack: tc.wantBack.Milliseconds(),
			MinHistory: time.Hour.Milliseconds(),
		}, s)
		require.Equal(t, tc.overhang, s.Overhang())
		require.Equal(t, int(tc.wantRefit/tc.step), schedule.RefitSteps(tc.refit, tc.step))
	}
}

// A window that is still needed must be within the overhang, for every seed and step.
func TestOverhang_ReachesBackToTheFirstFitOfAStart(t *testing.T) {
	for _, lookBack := range []time.Duration{0, 10 * time.Minute} {
		s := schedule.New(time.Minute, 12*time.Minute, 0, lookBack)
		farthest := int64(0)
		for seed := range uint64(12) {
			for to := int64(60_000_000); to < 60_000_000+s.Refit; to += s.Step {
				calls := follow(s, seed, 0, to)
				farthest = max(farthest, to-calls[0].at)
			}
		}
		require.LessOrEqual(t, farthest, s.Overhang().Milliseconds())
		require.Equal(t, max(s.LookBack, s.Step)+s.Refit-s.Step, farthest, "and not by much")
	}
}

func TestFloor_OfNegativeTimes(t *testing.T) {
	for ts, want := range map[int64]int64{0: 0, 9: 0, 10: 10, 11: 10, -1: -10, -10: -10, -11: -20} {
		require.Equal(t, want, schedule.Floor(ts, 10), "floor of %d", ts)
	}
}
