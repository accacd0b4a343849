package recurring

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

func newWindow(step time.Duration, y []float64) *window.Window {
	const monday = 1767571200000
	return window.New(window.Options{Step: step, DataRange: [2]float64{-1e9, 1e9}}, monday, y, nil)
}

func noise(r *rand.Rand, n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = r.NormFloat64()
	}
	return y
}

func TestSample_QuantileIsSplitConformal(t *testing.T) {
	s := sample{n: 14}
	for i := range s.n {
		s.values[i] = float32(14 - i)
	}
	require.InDelta(t, 13.5, s.quantile(0.9), 1e-9, "0.9 of 15")
	require.InDelta(t, 7.5, s.quantile(0.5), 1e-9)
	require.InDelta(t, 14, s.quantile(0.99), 1e-9)
	require.InDelta(t, 1, s.quantile(0.01), 1e-9)
}

// In noise nearly nothing recurs, and nothing at all where there is no day to compare with.
func TestFind_FindsNothingInNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cells := 0
	for range 20 {
		if p := Find(newWindow(5*time.Minute, noise(r, 14*288)), 0.9, false); p != nil {
			cells += int(p.through[len(p.groups)])
		}
	}
	require.Less(t, float64(cells)/(20*7*288), 0.005)
	require.Nil(t, Find(newWindow(time.Hour, noise(r, 14*24)), 0.9, false), "steps are too long")
	require.Nil(t, Find(newWindow(7*time.Minute, noise(r, 14*206)), 0.9, true), "cells do not divide the day")
	require.Nil(t, Find(newWindow(5*time.Minute, noise(r, 288)), 0.9, false), "a day")
	require.NotNil(t, Find(newWindow(5*time.Minute, noise(r, 288)), 0.9, true))
}

// Which days tell of an event is chosen by how well they do.
func TestFind_TellsDaysApartOnlyWhereThatIsBetter(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(day int) bool
		want    []grouping // by day of the week, from Monday on
	}{
		"every day": {func(int) bool { return true }, slices.Repeat([]grouping{everyDay}, 7)},
		"8 of 14":   {func(day int) bool { return day*7%12 < 6 }, slices.Repeat([]grouping{everyDay}, 7)},
		"workdays": {
			func(day int) bool { return day%7 < 5 },
			[]grouping{sameKind, sameKind, sameKind, sameKind, sameKind, none, none},
		},
		"Mondays": {func(day int) bool { return day%7 == 0 }, []grouping{sameDay, none, none, none, none, none, none}},
	} {
		t.Run(name, func(t *testing.T) {
			y := noise(rand.New(rand.NewPCG(2, 3)), 14*288)
			for day := range 14 {
				if tc.happens(day) {
					y[day*288+100] += 20
					y[day*288+101] += 20
				}
			}
			p := Find(newWindow(5*time.Minute, y), 0.9, false)
			require.NotNil(t, p)
			for day, want := range tc.want {
				fromThursday := (day + 4) % 7
				require.Equal(t, want, p.groups[fromThursday*288+100], day)
			}
		})
	}
}

// The window of another day is that of the same time by the wall clock, over midnight too.
func TestWindow_IsThatOfOtherDays(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	y := noise(r, 14*288)
	for day := range 13 {
		y[day*288+287] += 100
		y[day*288+288] += 200
	}
	w := newWindow(5*time.Minute, y)
	p := Find(w, 0.9, false)
	require.NotNil(t, p)
	told := func(from, to int) float64 {
		over, ok := p.Over(from, to)
		require.True(t, ok)
		return w.Scaling.Inverse(over.Quantile(0.9))
	}
	require.InDelta(t, 100, told(14*288+285, 14*288+287), 4)
	require.InDelta(t, 200, told(14*288+285, 14*288+288), 4)
	require.InDelta(t, 200, told(14*288, 14*288+1), 4)
	over, _ := p.Over(14*288+285, 14*288+287)
	require.InDelta(t, 13.0/14, over.Exceeding(w.Scaling.Forward(50)), 1e-9)
	require.Equal(t, 0.0, over.Exceeding(w.Scaling.Forward(150)))
	_, ok := p.Over(14*288+150, 14*288+152)
	require.False(t, ok)

	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	begin := time.Date(2026, 3, 22, 0, 0, 0, 0, berlin) // a week before clocks are put forward
	local := make([]float64, 13*288)
	for i := range local {
		local[i] = r.NormFloat64()
		if at := begin.Add(time.Duration(i) * 5 * time.Minute); at.Hour() == 9 && at.Minute() == 0 {
			local[i] += 100
		}
	}
	wall := window.New(window.Options{
		Step: 5 * time.Minute, Location: berlin, DataRange: [2]float64{-1e9, 1e9},
	}, begin.UnixMilli(), local, nil)
	p = Find(wall, 0.9, false)
	require.NotNil(t, p)
	nine := int(time.Date(2026, 4, 5, 9, 0, 0, 0, berlin).Sub(begin) / (5 * time.Minute))
	_, ok = p.Over(nine, nine)
	require.True(t, ok)
	_, ok = p.Over(nine+12, nine+12)
	require.False(t, ok)
}

// The range of a time of day is that of the other days within ten minutes, of highs and of lows.
func TestProfile_RangeAtIsThatOfOtherDays(t *testing.T) {
	const perDay, days, at = 288, 10, 100
	r := rand.New(rand.NewPCG(1, 1))
	for _, sign := range []float64{1, -1} {
		y := noise(r, days*perDay)
		for day := range days {
			y[day*perDay+at] = sign * 50
		}
		y[3*perDay+at+2] = sign * 90
		w := newWindow(5*time.Minute, y)
		p := Find(w, 0.9, false)
		require.NotNil(t, p, "sign %v", sign)
		extreme := func(step int) float64 {
			v, ok := p.RangeAt(step)
			require.True(t, ok)
			if sign < 0 {
				return w.Scaling.Inverse(v.Low)
			}
			return w.Scaling.Inverse(v.High)
		}
		require.InDelta(t, sign*90, extreme(days*perDay+at), 1e-4)
		require.InDelta(t, sign*50, extreme(days*perDay+at-1), 1e-4, "what was a quarter of an hour later tells nothing")
		require.InDelta(t, sign*50, extreme(3*perDay+at), 1e-4, "nor does the same day")
		_, ok := p.RangeAt(days*perDay + at + 3)
		require.False(t, ok, "nothing recurs")
	}
	few := noise(r, 5*perDay)
	for day := range 5 {
		few[day*perDay+at] = 50
	}
	p := Find(newWindow(5*time.Minute, few), 0.9, false)
	require.NotNil(t, p)
	_, ok := p.RangeAt(2*perDay + at)
	require.False(t, ok, "four other days are too few")
	_, ok = (*Profile)(nil).RangeAt(0)
	require.False(t, ok)
}

// What always comes at the same minute is expected at that minute; what moves, as far around as it has moved, and a
// little more.
func TestProfile_OverKnowsTheMinutes(t *testing.T) {
	const perDay, days, at = 1440, 14, 603 // three minutes past ten
	for name, tc := range map[string]struct{ moved, first, last int }{"fixed": {0, at, at}, "moved": {1, at - 2, at + 2}} {
		y := make([]float64, days*perDay)
		for day := range days {
			move := 0
			if day < 5 {
				move = []int{-1, 0, 0, 0, 1}[day] * tc.moved
			}
			y[day*perDay+at+move] = 50
		}
		p := Find(newWindow(time.Minute, y), 0.9, false)
		require.NotNil(t, p, name)
		for minute := at - 20; minute < at+20; minute++ {
			_, ok := p.Over(days*perDay+minute, days*perDay+minute)
			require.Equal(t, tc.first <= minute && minute <= tc.last && minute/5 == at/5, ok, "%s, minute %d", name, minute)
		}
		_, ok := p.Over(days*perDay+at-14, days*perDay+tc.first-1)
		require.False(t, ok, "%s: it comes later", name)
		_, ok = p.Over(days*perDay+at-14, days*perDay+tc.first)
		require.True(t, ok, name)
		_, ok = p.Over(days*perDay+tc.last+1, days*perDay+at+15)
		require.False(t, ok && tc.moved == 0, "%s: it is over", name)
	}
}

// What moves by three minutes to either side, and comes on some days only, may come a little earlier than it ever has,
// also in another cell: nineteen in twenty minutes at which it may begin are expected, and few others.
func TestProfile_OverExpectsWhatMovesALittleEarlierThanEver(t *testing.T) {
	const perDay, days, slots, moves, length = 1440, 14, 12, 3, 5
	r := rand.New(rand.NewPCG(3, 3))
	var may, expected, before float64
	for range 20 {
		y := make([]float64, days*perDay)
		var at [slots]int
		for k := range slots {
			at[k] = 120*k + 30 + r.IntN(60)
			for day := range days {
				if r.Float64() < 0.6 {
					from := day*perDay + at[k] + r.IntN(2*moves+1) - moves
					for i := range length {
						y[from+i] = 50
					}
				}
			}
		}
		p := Find(newWindow(time.Minute, y), 0.9, false)
		require.NotNil(t, p)
		for _, center := range at {
			for minute := center - 15; minute <= center+moves; minute++ {
				_, ok := p.Over(days*perDay+minute, days*perDay+minute)
				switch {
				case minute >= center-moves:
					may++
					if ok {
						expected++
					}
				case ok:
					before++
				}
			}
		}
	}
	t.Logf("expected %.3f, %.2f minutes before", expected/may, before/(may/(2*moves+1)))
	require.Greater(t, expected, 0.95*may)
	require.Less(t, before/(may/(2*moves+1)), 1.5)
}

// What comes too rarely to be found beside the rest is found when that is left out, by a threshold within the noise. It
// is high only from far above the noise on all the same: noise at such a time is not taken for it.
func TestFind_TellsWhatIsRareFromNoise(t *testing.T) {
	const perDay, days, slots, sigma = 1440, 14, 12, 15.0
	r := rand.New(rand.NewPCG(5, 3))
	low, cells := 0, 0
	for range 20 {
		y := noise(r, days*perDay)
		for i := range y {
			y[i] = 300 + sigma*y[i]
		}
		for k := range slots {
			at := 120*k + 30 + r.IntN(60)
			for day := range days {
				from, size := day*perDay+at+r.IntN(7)-3, 1200*math.Exp(0.5*r.NormFloat64())
				if r.Float64() < 0.4+0.4*float64(k)/(slots-1) {
					for i := range 5 {
						y[from+i] += size
					}
				}
			}
		}
		w := newWindow(time.Minute, y)
		p := Find(w, 0.9, false)
		for at, level := range p.occurrences.level {
			if p.groups[at] != none {
				cells++
				if l := p.occurrences.limits[level]; w.Scaling.Inverse(float64(l.high))-w.Scaling.Inverse(0) < 6*sigma {
					low++
				}
			}
		}
	}
	require.Greater(t, cells, 20*7*slots)
	require.Less(t, low, cells/100)
}

func TestWiden_KeepsWhatIsKnownBesideAGap(t *testing.T) {
	got := []float32{nan, 5, nan, nan, nan, 3, 4}
	widen(got)
	for i, want := range []float32{5, 5, 5, nan, 3, 4, 4} {
		require.Equal(t, want != want, got[i] != got[i], i)
		if want == want {
			require.Equal(t, want, got[i], i)
		}
	}
}

func TestNthSmallest_EqualsSorting(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 0))
	for n := 1; n < 60; n++ {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(rng.IntN(1 + rng.IntN(2*n)))
		}
		sorted := slices.Sorted(slices.Values(values))
		for k := range sorted {
			require.Equal(t, sorted[k], nthSmallest(values, k))
		}
	}
}

// job is a series of noise with a job from ten to ten thirty, which comes on the days that began tells the minutes of,
// so many minutes later than ten. On every seventh day it is smaller.
func job(days int, began map[int]int) []float64 {
	y := noise(rand.New(rand.NewPCG(6, 7)), days*1440)
	for day, minute := range began {
		height := 50.0
		if day%7 == 5 {
			height = 20
		}
		for i := range 30 {
			y[day*1440+600+minute+i] += height
		}
	}
	return y
}

// What a window holds is told by the days that were as far as today is: before the job comes, when it has not come,
// while it runs, and when it is over.
func TestWindow_GivenIsToldByDaysThatWereAsFar(t *testing.T) {
	const days = 14
	sharp, moved := map[int]int{}, map[int]int{}
	for day := range days {
		if day%3 > 0 {
			sharp[day], moved[day] = 0, day%6
		}
	}
	for name, tc := range map[string]struct {
		began    map[int]int
		today    func(minute int) bool // whether the job is there
		expected func(minute int) bool // whether the next 15 minutes are said to hold it
	}{
		"it does not come": {sharp, func(int) bool { return false }, func(m int) bool { return m < 0 }},
		"it comes":         {sharp, func(m int) bool { return 0 <= m && m < 30 }, func(m int) bool { return m < 29 }},
		"it ends early":    {sharp, func(m int) bool { return 0 <= m && m < 12 }, func(m int) bool { return m < 29 }},
		"it moves, and does not come": {
			moved, func(int) bool { return false }, func(m int) bool { return m < 6 }, // 1, 2, 4 and 5: the next may be 6
		},
		"it moves, and comes early": {
			moved, func(m int) bool { return 1 <= m && m < 31 }, func(m int) bool { return m < 31 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWindow(time.Minute, job(days, tc.began))
			p := Find(w, 0.9, false)
			require.NotNil(t, p)
			for minute := -10; minute < 60; minute++ {
				v := 0.0
				if tc.today(minute) {
					v = 50
				}
				now := days*1440 + 600 + minute
				p.Advance(now, w.Scaling.Forward(v))
				told := math.Inf(-1)
				if over, ok := p.Over(now+1, now+15); ok {
					over = over.Given(now)
					told = w.Scaling.Inverse(over.Quantile(0.9))
					require.Equal(t, told > 10, over.Exceeding(w.Scaling.Forward(10)) > 0, "minute %d", minute)
				}
				require.Equal(t, tc.expected(minute), told > 10, "minute %d: %v", minute, told)
			}
		})
	}
}

// A load that rises over some minutes recurs from the first of them on, though that is not high.
func TestFind_BeginsWhereItRises(t *testing.T) {
	const days, at = 14, 605 // a cell begins
	y := noise(rand.New(rand.NewPCG(8, 9)), days*1440)
	for day := range days {
		for i := range 20 {
			y[day*1440+at-2+i] += 100 * min(1, float64(i+1)/5)
		}
	}
	p := Find(newWindow(time.Minute, y), 0.9, false)
	require.NotNil(t, p)
	_, ok := p.Over(days*1440+at-3, days*1440+at-3)
	require.False(t, ok)
	_, ok = p.Over(days*1440+at-2, days*1440+at-2)
	require.True(t, ok, "a fifth of the height")
}

// What is ordinary is the usual, moved by how far today is from it: near what recurs, and after it.
func TestProfile_OrdinaryLeavesOutWhatRecurs(t *testing.T) {
	const days = 14
	began := map[int]int{}
	for day := range days {
		began[day] = 0
	}
	w := newWindow(time.Minute, job(days, began))
	p := Find(w, 0.9, false)
	require.NotNil(t, p)
	ordinary := func(minute int) (float64, bool) {
		v, ok := p.Ordinary(days*1440 + minute)
		return w.Scaling.Inverse(v), ok
	}
	advance := func(from, to int, v float64) {
		for minute := from; minute < to; minute++ {
			p.Advance(days*1440+minute, w.Scaling.Forward(v))
		}
	}
	advance(300, 595, 4)
	for minute := 600; minute < 630; minute++ {
		v, ok := ordinary(minute)
		require.True(t, ok)
		require.InDelta(t, 4, v, 2, "minute %d", minute)
	}
	_, ok := ordinary(300)
	require.False(t, ok, "nothing is near")
	advance(595, 630, 54)
	_, ok = ordinary(640)
	require.False(t, ok, "it is there")
	advance(630, 632, 4)
	v, ok := ordinary(700)
	require.True(t, ok, "it has just been there")
	require.InDelta(t, 4, v, 2)
	advance(632, 690, 4)
	_, ok = ordinary(700)
	require.False(t, ok, "it has been over for longer than it was there")
}

// What is much smaller than the rest of what recurs is found as well, however much of the day the rest fills.
func TestFind_FindsWhatIsSmallerThanTheRest(t *testing.T) {
	const days, perDay, small = 14, 288, 150
	r := rand.New(rand.NewPCG(3, 4))
	y := noise(r, days*perDay)
	for day := range days {
		for k := range 24 {
			if r.Float64() < 0.7 {
				y[day*perDay+12*k] += 100
			}
		}
		if day%3 > 0 {
			y[day*perDay+small] += 12
		}
	}
	w := newWindow(5*time.Minute, y)
	p := Find(w, 0.9, false)
	require.NotNil(t, p)
	over, ok := p.Over(days*perDay+small, days*perDay+small)
	require.True(t, ok)
	require.InDelta(t, 13, w.Scaling.Inverse(over.Quantile(0.9)), 2)
	over, _ = p.Over(days*perDay+12, days*perDay+12)
	require.InDelta(t, 101, w.Scaling.Inverse(over.Quantile(0.9)), 2)
}

// Before what recurs comes, other days tell how large it will be. Once it is there, it grows by the same factor as on
// other days.
func TestWindow_GivenTellsTheSizeByTodays(t *testing.T) {
	const days, at = 14, 600
	for name, shape := range map[string]func(minute int) float64{
		"even":   func(int) float64 { return 1 },
		"grows":  func(minute int) float64 { return min(1, 0.5+0.1*float64(minute)) },
		"drains": func(minute int) float64 { return 1 - float64(minute)/30 },
	} {
		for _, today := range []float64{40, 80} {
			y := noise(rand.New(rand.NewPCG(6, 7)), (days+1)*1440)
			for day := range days {
				for i := range 30 {
					y[day*1440+at+i] += shape(i) * (20 + 100*float64(day*5%days)/days)
				}
			}
			w := newWindow(time.Minute, y[:days*1440])
			p := Find(w, 0.9, false)
			require.NotNil(t, p)
			told := func(minute, ahead int) float64 {
				over, ok := p.Over(days*1440+at+minute+1, days*1440+at+minute+ahead)
				require.True(t, ok)
				over = over.Given(days*1440 + at + minute)
				return w.Scaling.Inverse(over.Quantile(0.9))
			}
			for minute := -20; minute < 20; minute++ {
				v := 0.0
				if minute >= 0 {
					v = today * shape(minute)
				}
				p.Advance(days*1440+at+minute, w.Scaling.Forward(v+y[days*1440+at+minute]))
				switch {
				case -10 < minute && minute < 0:
					require.Greater(t, told(minute, 20), 100.0, "%s, minute %d", name, minute)
				case minute >= 8: // the largest value of a cell counts
					require.InDelta(t, today*shape((minute+1)/5*5), told(minute, 5), 7, "%s of %g, minute %d", name, today, minute)
				}
			}
		}
	}
}

// Sizes with a heavy tail: the quantile 0.9 of 14 days is exceeded by a tenth of the days, without the largest two of
// them deciding it alone.
func TestWindow_QuantileIsToldByTheSizesOfAllTimes(t *testing.T) {
	const days, perDay, slots, chance = 14, 288, 12, 0.6
	r := rand.New(rand.NewPCG(8, 1))
	var below, told, conformal, n float64
	for range 40 {
		y := noise(r, days*perDay)
		for day := range days {
			for k := range slots {
				if r.Float64() < chance {
					y[day*perDay+24*k+12] += 100 * math.Sqrt(0.5/r.Float64()) // Pareto 2, median 100
				}
			}
		}
		w := newWindow(5*time.Minute, y)
		p := Find(w, 0.9, false)
		require.NotNil(t, p)
		for k := range slots {
			at := days*perDay + 24*k + 12
			over, ok := p.Over(at, at)
			if !ok {
				continue
			}
			q := w.Scaling.Inverse(over.Quantile(0.9))
			s, _ := over.collect(p.groups[p.ofWeek(over.first)], false, nil)
			told, conformal = told+q, conformal+w.Scaling.Inverse(s.quantile(0.9))
			below, n = below+1-chance*min(1, 0.5*(100/q)*(100/q)), n+1
		}
	}
	t.Logf("%.3f below, %.0f on average, %.0f by each time alone", below/n, told/n, conformal/n)
	require.Greater(t, n, 0.95*40*slots)
	require.InDelta(t, 0.9, below/n, 0.015)
	require.Less(t, told/n, 0.9*conformal/n)
}
