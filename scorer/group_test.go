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

// groupShapes are kinds of normal life of a member: each returns a generator of values at times in days.
var groupShapes = []struct {
	name string
	make func(own *rand.Rand, step time.Duration) func(t float64) float64
}{
	{"requests", func(own *rand.Rand, _ time.Duration) func(float64) float64 {
		share := math.Exp(0.2 * own.NormFloat64()) // one serves more than the other, always
		return func(t float64) float64 {
			return share * (100 + 60*math.Sin(2*math.Pi*t)) * (1 + 0.05*own.NormFloat64())
		}
	}},
	{"memory", func(own *rand.Rand, step time.Duration) func(float64) float64 {
		off := 20 * own.NormFloat64()
		wander := 0.0
		return func(t float64) float64 { // an imbalance that lasts for an hour or so
			keep := math.Exp(-step.Hours())
			wander = keep*wander + math.Sqrt(1-keep*keep)*3*own.NormFloat64()
			return 500 + 100*math.Sin(2*math.Pi*t) + off + wander + 2*own.NormFloat64()
		}
	}},
	{"heavy tailed", func(own *rand.Rand, _ time.Duration) func(float64) float64 {
		return func(t float64) float64 {
			a, b, c := own.NormFloat64(), own.NormFloat64(), own.NormFloat64()
			return 50 + 10*math.Sin(2*math.Pi*t) + own.NormFloat64()/math.Sqrt((a*a+b*b+c*c)/3)
		}
	}},
	{"restarts", func(own *rand.Rand, step time.Duration) func(float64) float64 {
		p := 0.01 * math.Min(step.Minutes()/5, 5)
		return func(float64) float64 {
			n := 0.0
			for own.Float64() < p {
				n++
			}
			return n
		}
	}},
}

// group is a model with its members, over generated values.
type group struct {
	step    time.Duration
	values  [][]float64 // by member
	model   *scorer.Group
	members []scorer.Member
}

func newGroup(
	shape func(own *rand.Rand, step time.Duration) func(t float64) float64,
	seed uint64, members int, length, step time.Duration,
) *group {
	p := &group{step: step, values: make([][]float64, members)}
	for i := range p.values {
		value := shape(rand.New(rand.NewPCG(seed, uint64(i))), step)
		p.values[i] = make([]float64, length/step)
		for j := range p.values[i] {
			p.values[i][j] = value(float64(j) * step.Hours() / 24)
		}
	}
	return p
}

// fit fits on the values from one index to another.
func (p *group) fit(t testing.TB, o scorer.Options, from, to int) {
	t.Helper()
	o.Step = p.step
	var err error
	var states []*scorer.MemberState
	start := int64(from) * p.step.Milliseconds()
	p.model, states, err = scorer.FitGroup(o, start, to-from, func(yield func([]float64, []bool) bool) {
		for _, values := range p.values {
			window, learn := thin(values[from:to], p.step)
			if learn == nil {
				learn = make([]bool, len(window))
				for i := range learn {
					learn[i] = true
				}
			}
			for i, v := range window {
				learn[i] = learn[i] && v == v
			}
			if !yield(window, learn) {
				return
			}
		}
	})
	require.NoError(t, err)
	p.members = make([]scorer.Member, len(p.values))
	for i := range p.members {
		p.members[i].State = states[i]
	}
}

// score scores the values at an index.
func (p *group) score(at int) []scorer.Member {
	for i := range p.members {
		p.members[i].Value, p.members[i].Learn = p.values[i][at], true
	}
	p.model.Score(p.members)
	return p.members
}

// serving are members that share a load by the time of day, each a share of its own.
func serving(own *rand.Rand, step time.Duration) func(t float64) float64 {
	return groupShapes[0].make(own, step)
}

const (
	week    = 7 * 24 * time.Hour
	week5m  = 2016 // steps
	evening = 216  // steps from midnight to 18:00, when the load is least
)

// servingGroup is a group of so many members, week5m on a week at 5m; half a week follows.
func servingGroup(t *testing.T, members int, o scorer.Options) *group {
	t.Helper()
	p := newGroup(serving, 1, members, 3*week/2, 5*time.Minute)
	p.fit(t, o, 0, week5m)
	return p
}

// Members cross 0.8 in the weeks after a fit 0.2 times a series-week, within a factor of three.
func TestGroup_IsCalibrated(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		for _, shape := range groupShapes {
			for _, members := range []int{3, 10} {
				if step == time.Minute && members == 3 {
					continue // slow, and they add nothing
				}
				t.Run(fmt.Sprintf("%s/%d/%s", shape.name, members, step), func(t *testing.T) {
					t.Parallel()
					crossings, weeks := 0, 0
					perWeek := int(week / step)
					many := map[time.Duration]int{time.Minute: 10, 5 * time.Minute: 30, time.Hour: 60}[step]
					for seed := range uint64(many / members) {
						p := newGroup(shape.make, seed, members, 6*week, step)
						above := make([]bool, members)
						for i := 2 * perWeek; i < 6*perWeek; i++ {
							if i%perWeek == 0 {
								p.fit(t, scorer.Options{ExplainThreshold: 2}, i-2*perWeek, i)
							}
							for j, s := range p.score(i) {
								hot := s.Score.Value >= 0.8
								if hot && !above[j] {
									crossings++
								}
								above[j] = hot
							}
						}
						weeks += 4 * members
					}
					rate := float64(crossings) / float64(weeks)
					t.Logf("%.3f a week: %d crossings in %d series-weeks", rate, crossings, weeks)
					if step == time.Minute { // smooth over the minutes of a slot, and too quiet for it
						require.Less(t, rate, 0.6)
						return
					}
					least := 0.2 / 3
					if shape.name == "memory" { // once it is over 0.8 it stays there for some steps
						least /= 2
					}
					require.GreaterOrEqual(t, rate, least)
					require.LessOrEqual(t, rate, 0.2*3)
				})
			}
		}
	}
}

// The same where every member lives for some six hours, in ten places, and has an offset of its own.
func TestGroup_IsCalibratedForShortLivedMembers(t *testing.T) {
	skipStatistical(t)
	const seeds, places, life, step, length = 3, 10, 72, 5 * time.Minute, 4 * week5m
	crossingsOf := func(shape func(*rand.Rand, time.Duration) func(float64) float64, seed uint64) (crossings int) {
		p := &group{step: step}
		r := rand.New(rand.NewPCG(seed, 77))
		for range places {
			for born := -r.IntN(life); born < length; born += life {
				values := make([]float64, length)
				for i := range values {
					values[i] = math.NaN()
				}
				value := shape(rand.New(rand.NewPCG(seed, r.Uint64())), step)
				for i := max(born, 0); i < min(born+life, length); i++ {
					values[i] = value(float64(i) * step.Hours() / 24)
				}
				p.values = append(p.values, values)
			}
		}
		above := make([]bool, len(p.values))
		for i := 2 * week5m; i < length; i++ {
			if i%week5m == 0 {
				p.fit(t, scorer.Options{ExplainThreshold: 2}, i-2*week5m, i)
			}
			for j, s := range p.score(i) {
				hot := s.Score.Value >= 0.8
				if hot && !above[j] {
					crossings++
				}
				above[j] = hot
			}
		}
		return crossings
	}
	for _, shape := range groupShapes[:3] {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			crossings := 0
			for seed := range uint64(seeds) {
				crossings += crossingsOf(shape.make, seed)
			}
			rate := float64(crossings) / (2 * places * seeds)
			t.Logf("%.3f a week: %d crossings", rate, crossings)
			require.LessOrEqual(t, rate, 0.6)
		})
	}
}

func TestGroup_ScoresTheMemberThatDiffers(t *testing.T) {
	p := servingGroup(t, 6, scorer.Options{})
	noon := week5m + 72 // when the load is most
	for i := week5m; i < noon; i++ {
		for j, s := range p.score(i) {
			require.Less(t, s.Score.Value, 0.9, "member %d, %d steps after the fit", j, i-week5m)
		}
	}
	p.values[2][noon] = p.values[2][evening] // as it is every evening
	for j, s := range p.score(noon) {
		if j != 2 {
			require.Less(t, s.Score.Value, 0.6, "member %d", j)
			continue
		}
		require.Greater(t, s.Score.Value, 0.8)
		require.Equal(t, "peers", s.Score.Contributions[0].Feature)
		sum := 0.0
		for _, c := range s.Score.Contributions {
			sum += c.Share
		}
		require.InDelta(t, 1, sum, 1e-9)
		require.InDelta(t, s.Score.Expected, p.values[2][noon-1], 0.15*s.Score.Expected, "its own share of the load")
		require.Less(t, s.Value, s.Score.Lower)
		require.Greater(t, s.Score.Upper, s.Score.Expected)
	}
}

func TestGroup_IgnoresWhatHitsAllAlike(t *testing.T) {
	p := servingGroup(t, 6, scorer.Options{})
	for i := week5m; i < week5m+24; i++ {
		for j := range p.values {
			p.values[j][i] *= 3
		}
		for j, s := range p.score(i) {
			require.Less(t, s.Score.Value, 0.8, "member %d", j)
		}
	}
}

// A member that has found another level is reported for hours, and then that is its offset.
func TestGroup_LearnsALastingDifference(t *testing.T) {
	p := servingGroup(t, 6, scorer.Options{})
	const hour = 12
	for i := week5m; i < week5m+14*hour; i++ {
		p.values[0][i] *= 1.5
		s := p.score(i)[0].Score.Value
		switch age := i - week5m; {
		case age > 1 && age < 7*hour:
			require.Greater(t, s, 0.8, "after %d steps", age)
		case age > 12*hour:
			require.Less(t, s, 0.8, "after %d steps", age)
		}
	}
	p.fit(t, scorer.Options{}, 14*hour, week5m+14*hour)
	require.Less(t, p.score(week5m + 14*hour)[0].Score.Value, 1.0)
}

func TestGroup_ToleratesNewMembersAsFarAsMembersDiffer(t *testing.T) {
	young := func(members int, shape func(*rand.Rand, time.Duration) func(float64) float64, factor float64) float64 {
		p := newGroup(shape, 1, members+1, 3*week/2, 5*time.Minute)
		for i := range week5m {
			p.values[members][i] = math.NaN()
		}
		for i := week5m; i < len(p.values[members]); i++ {
			p.values[members][i] = factor * p.values[0][i]
		}
		p.fit(t, scorer.Options{}, 0, week5m)
		require.Nil(t, p.members[members].State)
		return p.score(week5m)[members].Score.Value
	}
	equal := func(own *rand.Rand, _ time.Duration) func(float64) float64 {
		return func(t float64) float64 { return (100 + 60*math.Sin(2*math.Pi*t)) * (1 + 0.05*own.NormFloat64()) }
	}
	require.Less(t, young(6, equal, 1), 0.6, "like its members")
	require.Greater(t, young(6, equal, 1.5), 0.8, "members that are all alike")
	require.Less(t, young(6, serving, 1.5), 0.6, "members that are not")
	require.Greater(t, young(6, serving, 10), 0.8)
	require.Less(t, young(3, serving, 2), 0.6, "three tell little about a fourth")
}

// A member that was there for three hours is measured from its own offset, among members that differ.
func TestGroup_MeasuresANewMemberFromItsOwnOffset(t *testing.T) {
	p := newGroup(serving, 1, 7, 3*week/2, 5*time.Minute)
	for i := range week5m - 36 {
		p.values[6][i] = math.NaN()
	}
	p.fit(t, scorer.Options{}, 0, week5m)
	p.values[6][week5m] *= 1.5
	s := p.score(week5m)[6].Score
	require.Greater(t, s.Value, 0.8)
	require.InDelta(t, s.Expected, p.values[6][week5m]/1.5, 0.1*s.Expected)
}

func TestGroup_ScoresDoNotDependOnTheOrder(t *testing.T) {
	p, q := servingGroup(t, 7, scorer.Options{}), servingGroup(t, 7, scorer.Options{})
	order := rand.New(rand.NewPCG(1, 1)).Perm(7)
	for i := week5m; i < week5m+100; i++ {
		mixed := make([]scorer.Member, 7)
		for j, k := range order {
			q.members[k].Value, q.members[k].Learn = q.values[k][i], true
			mixed[j] = q.members[k]
		}
		q.model.Score(mixed)
		scored := p.score(i)
		for j, k := range order {
			require.Equal(t, scored[k].Score, mixed[j].Score)
		}
	}
}

// Members with an empty window count as absent.
func TestFitGroup_IgnoresEmptyWindows(t *testing.T) {
	p, q := servingGroup(t, 5, scorer.Options{}), newGroup(serving, 1, 5, 3*week/2, 5*time.Minute)
	empty := make([]float64, len(q.values[0]))
	for i := range empty {
		empty[i] = math.NaN()
	}
	q.values = append([][]float64{empty}, append(q.values[:3:3], append([][]float64{empty}, q.values[3:]...)...)...)
	q.fit(t, scorer.Options{}, 0, week5m)
	for i := week5m; i < week5m+50; i++ {
		a, b := p.score(i), q.score(i)
		for j, k := range []int{1, 2, 3, 5, 6} {
			require.Equal(t, a[j].Score, b[k].Score)
		}
		require.Nil(t, b[0].State)
	}
}

func TestGroup_HonoursOptions(t *testing.T) {
	for _, tc := range []struct {
		name      string
		options   scorer.Options
		factor    float64 // of what member 0 would be
		anomalous bool
	}{
		{"low", scorer.Options{}, 0.3, true},
		{"high", scorer.Options{}, 2, true},
		{"low, but above is asked for", scorer.Options{Direction: "above"}, 0.3, false},
		{"high, and above is asked for", scorer.Options{Direction: "above"}, 2, true},
		{"high, but below is asked for", scorer.Options{Direction: "below"}, 2, false},
		{"not far enough", scorer.Options{MinDeviation: 1000}, 2, false},
		{"not far enough for its size", scorer.Options{MinRelativeDeviation: 2}, 2, false},
		{"impossible", scorer.Options{DataRange: [2]float64{0, 1000}}, 100, true},
		{"forest", scorer.Options{Model: "isolation_forest"}, 5, true},
		{"forest, in normal life", scorer.Options{Model: "isolation_forest"}, 1, false},
		{"mad", scorer.Options{Model: "mad"}, 3, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := servingGroup(t, 6, tc.options)
			p.values[0][week5m] *= tc.factor
			s := p.score(week5m)[0].Score
			require.Equal(t, tc.anomalous, s.Value > 0.65, "%v", s)
			require.LessOrEqual(t, s.Lower, s.Expected)
			require.LessOrEqual(t, s.Expected, s.Upper)
			require.GreaterOrEqual(t, s.Upper-s.Expected, tc.options.MinDeviation-1e-9)
		})
	}
}

// A masked member is scored, but does not count toward the median of the pool.
func TestGroup_MaskedMembersDoNotMoveTheMedian(t *testing.T) {
	p := servingGroup(t, 5, scorer.Options{})
	for j := range p.members {
		p.members[j].Value, p.members[j].Learn = p.values[j][week5m], j >= 2
		if j < 2 {
			p.members[j].Value *= 5
		}
	}
	p.model.Score(p.members)
	for j, s := range p.members {
		require.Equal(t, j < 2, s.Score.Value > 0.8, "member %d", j)
	}
}

func TestGroup_HasNoScoreForFewerThanThreeValues(t *testing.T) {
	p := servingGroup(t, 4, scorer.Options{})
	for j := range p.members {
		p.members[j].Value, p.members[j].Learn = p.values[j][week5m], true
		if j >= 2 {
			p.members[j].Value = math.NaN()
		}
	}
	p.model.Score(p.members)
	for _, s := range p.members {
		require.True(t, math.IsNaN(s.Score.Value) && math.IsNaN(s.Score.Expected))
	}
	for j, s := range p.score(week5m + 1) {
		require.False(t, math.IsNaN(s.Score.Value), "member %d", j)
	}
}

// If all members have always been alike, the first difference counts as once in the window's length times the members.
func TestGroup_ScoresTheFirstDifferenceByTheLengthOfTheWindow(t *testing.T) {
	same := func(*rand.Rand, time.Duration) func(float64) float64 {
		return func(t float64) float64 { return math.Floor(2*t) + 1 }
	}
	p := newGroup(same, 1, 4, 3*week/2, 5*time.Minute)
	p.fit(t, scorer.Options{}, 0, week5m)
	require.Equal(t, 0.0, p.score(week5m)[3].Score.Value)
	before := 0.0
	for i := week5m + 1; i < week5m+10; i++ {
		p.values[3][i] = 0
		s := p.score(i)
		require.Greater(t, s[3].Score.Value, before)
		before = s[3].Score.Value
		if i == week5m+1 {
			require.InDelta(t, math.Log10(4*week5m)/5, before, 0.001)
		}
		require.Equal(t, 0.0, s[0].Score.Value)
		require.Equal(t, []scorer.Contribution{{Feature: "peers", Share: 1}}, s[3].Score.Contributions)
	}
	require.Greater(t, before, 0.9)
	require.Equal(t, 0.0, p.score(week5m + 11)[3].Score.Value)
}

// Values that are infinite as float32 make offsets infinite, and deviations from these NaN. Such members have no score
// that means anything, but must not end the program.
func TestGroup_SurvivesValuesBeyondFloat32(t *testing.T) {
	for _, model := range []string{"auto", "isolation_forest"} {
		p := newGroup(serving, 1, 5, 15*24*time.Hour, 5*time.Minute)
		for i := range p.values {
			for k := range p.values[i] {
				if k > week5m {
					p.values[i][k] *= 10
				}
				if i == 0 && k > week5m+288 {
					p.values[i][k] = 1e300
				}
			}
		}
		p.fit(t, scorer.Options{Model: model}, 0, 2*week5m)
		for i := 2 * week5m; i < 2*week5m+100; i++ {
			for _, m := range p.score(i) {
				require.False(t, m.Score.Value < 0 || m.Score.Value > 1, "%v", m.Score) // NaN: no score
			}
		}
	}
}

// The return period of a member that leaves the others doubles with each step, up to the 60th.
func TestGroup_RaisesTheScoreOfADifferenceForSixtySteps(t *testing.T) {
	same := func(*rand.Rand, time.Duration) func(float64) float64 {
		return func(t float64) float64 { return math.Floor(2*t) + 1 }
	}
	p := newGroup(same, 1, 4, 3*week/2, 5*time.Minute)
	p.fit(t, scorer.Options{}, 0, week5m)
	for step := range 90 { // until it has become its offset
		p.values[3][week5m+step] = 0
		want := 4 * week5m * 300 * math.Exp2(float64(min(step, 59)))
		s := p.score(week5m + step)[3].Score
		require.InEpsilon(t, want, uncompressed(s.Value), 1e-6, "step %d", step)
		require.InEpsilon(t, min(want, 1e5*(week5m-1)*300), s.ReturnPeriod, 1e-9, "step %d", step)
	}
}

func TestFitGroup_SaysWhyItCannotBeFitted(t *testing.T) {
	windows := func(n, steps int, known func(i, step int) bool) func(yield func([]float64, []bool) bool) {
		return func(yield func([]float64, []bool) bool) {
			for i := range n {
				values, learn := make([]float64, steps), make([]bool, steps)
				for j := range values {
					values[j], learn[j] = float64(i+j%7), known(i, j)
				}
				if !yield(values, learn) {
					return
				}
			}
		}
	}
	all := func(int, int) bool { return true }
	o := scorer.Options{Step: 5 * time.Minute}
	_, _, err := scorer.FitGroup(o, 0, 10, windows(5, 10, all))
	require.ErrorIs(t, err, scorer.ErrShortHistory)
	_, _, err = scorer.FitGroup(o, 0, 2000, windows(2, 2000, all))
	require.ErrorIs(t, err, scorer.ErrGaps, "two are no group")
	_, _, err = scorer.FitGroup(o, 0, 2000, windows(9, 2000, func(i, step int) bool { return step/200 == i }))
	require.ErrorIs(t, err, scorer.ErrGaps, "one after the other")
	_, _, err = scorer.FitGroup(o, 0, 2000, windows(0, 2000, all))
	require.ErrorIs(t, err, scorer.ErrGaps)
	_, _, err = scorer.FitGroup(o, 0, 100, windows(3, 99, all))
	require.ErrorContains(t, err, "99 values")
	_, _, err = scorer.FitGroup(scorer.Options{}, 0, 100, windows(3, 100, all))
	require.ErrorContains(t, err, "step")
}

// A large group is fitted on less of each member's past, and is scored alike.
func TestFitGroup_ShortensTheWindowOfLargeGroups(t *testing.T) {
	p := newGroup(serving, 1, 300, 3*week/2, 5*time.Minute)
	p.values[7][week5m] *= 3
	p.fit(t, scorer.Options{}, 0, week5m)
	for j, s := range p.score(week5m) {
		require.Equal(t, j == 7, s.Score.Value > 0.85, "member %d: %v", j, s.Score)
	}
}

func BenchmarkFitGroup(b *testing.B) {
	p := newGroup(serving, 1, 50, week, 5*time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		p.fit(b, scorer.Options{}, 0, week5m)
	}
}

// BenchmarkScoreGroup scores a step of 50 members.
func BenchmarkScoreGroup(b *testing.B) {
	p := newGroup(serving, 1, 50, 3*week/2, 5*time.Minute)
	p.fit(b, scorer.Options{ExplainThreshold: 2}, 0, week5m)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		p.score(week5m + i%week5m/2)
		i++
	}
}

// The unit of the values is of no effect, nor is what they are: scores stay within 0 and 1.
func TestGroup_ScoresDoNotDependOnTheUnit(t *testing.T) {
	plain := servingGroup(t, 5, scorer.Options{})
	for _, factor := range []float64{0x1p-60, 0x1p-10, 0x1p20, 0x1p80} {
		scaled := newGroup(serving, 1, 5, 3*week/2, 5*time.Minute)
		for _, values := range scaled.values {
			for i := range values {
				values[i] *= factor
			}
		}
		scaled.fit(t, scorer.Options{}, 0, week5m)
		for i := week5m; i < week5m+50; i++ {
			want := plain.members
			if factor == 0x1p-60 {
				want = plain.score(i)
			}
			for j, s := range scaled.score(i) {
				require.InDelta(t, s.Score.Expected, scaled.values[j][i], 0.5*s.Score.Expected)
				if i == week5m+49 {
					require.InDelta(t, want[j].Score.Value, s.Score.Value, 1e-9)
				}
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	odd := func(*rand.Rand, time.Duration) func(float64) float64 {
		return func(float64) float64 {
			switch r.IntN(8) {
			case 0:
				return 0
			case 1:
				return math.NaN()
			case 2:
				return r.NormFloat64() * 1e38
			case 3:
				return r.NormFloat64() * 1e-38
			default:
				return math.Round(r.NormFloat64())
			}
		}
	}
	for seed := range uint64(20) {
		p := newGroup(odd, seed, 2+int(seed%5)*3, 400*5*time.Minute, 5*time.Minute)
		if seed%5 == 0 {
			p.values = append(p.values, p.values[0])
		}
		p.fit(t, scorer.Options{Direction: []string{"both", "above", "below"}[seed%3]}, 0, 300)
		for i := 300; i < 400; i++ {
			for _, s := range p.score(i) {
				if v := s.Score.Value; v == v {
					require.True(t, v >= 0 && v <= 1, "%v", s.Score)
					require.False(t, math.IsNaN(s.Score.Expected+s.Score.Lower+s.Score.Upper), "%v", s.Score)
				}
			}
		}
	}
}
