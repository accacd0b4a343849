package forecaster

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRunning compares with sorting anew.
func TestRunning(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{1, 2, 3, 7, 64, 289} {
		r := newRunning(n)
		var all []float32
		for i := range 4 * n {
			v := float32(rng.IntN(n))
			oldest := r.add(v)
			all = append(all, v)
			if i >= n {
				require.Equal(t, all[i-n], oldest)
			}
			want := slices.Clone(all[max(0, i+1-n):])
			slices.Sort(want)
			require.Equal(t, want, r.sorted)
			require.Equal(t, float64(want[len(want)/2]), r.median(0))
		}
	}
}

// TestLine compares the running sums with least squares over the points themselves.
func TestLine(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 0))
	l := newLine(24, 5)
	var y []float64
	for i := range 20000 {
		v := float64(float32(0.01*float64(i%300) + rng.NormFloat64()))
		l.add(v)
		if y = append(y, v); i < 23 {
			continue
		}
		if i%997 != 0 {
			continue
		}
		slope := slopeOf(y[len(y)-24:])
		got, explained := l.slope()
		require.InDelta(t, slope/5, got, 1e-9)
		require.True(t, explained >= 0 && explained <= 1)
	}
}

// TestAdvanceEqualsReplay: after a fit the state goes on as if it had seen everything in one go.
func TestAdvanceEqualsReplay(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 0))
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		day := int(24 * time.Hour / step)
		n := 15 * day
		y := make([]float64, n)
		for i := range y {
			y[i] = 10 + 5*math.Sin(2*math.Pi*float64(i)/float64(day)) + rng.NormFloat64()
		}
		o := Options{Step: step, Horizons: []int{1, 12}}
		m, err := Fit(o, 1767571200000, y[:14*day], nil)
		require.NoError(t, err)
		for _, v := range y[14*day:] {
			m.Advance(v)
		}
		require.NoError(t, o.validate())
		w, err := newWindow(&o, 1767571200000, y[:14*day], nil)
		require.NoError(t, err)
		s := newState(w)
		for _, v := range y {
			s.advance(w.unit.in(v))
		}
		c := m.p.(*combination)
		require.True(t, s.weekly)
		for _, h := range []int{1, 12, day, 3 * day} {
			l := newLead(h, &o)
			a, b := s.aim(&l), c.aim(&l)
			for j := range s.candidates() {
				if slices.Contains(c.used, j) {
					require.Equal(t, s.candidate(j, &a, &c.ar), c.candidate(j, &b, &c.ar), candidateNames[j])
				}
			}
		}
	}
}

// TestExceedingInverts: the probability of an error is that of its quantile.
func TestExceedingInverts(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 0))
	s := make(sample, 200)
	for i := range s {
		s[i] = weighted{rng.NormFloat64(), 1 + rng.Float64()}
	}
	s.sort()
	table := s.quantiles()
	for p := 0.01; p < 0.99; p += 0.01 {
		require.InDelta(t, 1-p, table.exceeding(2*table.at(p)+3*(2*p-1), 2, 3), 0.01)
	}
	require.Zero(t, table.exceeding(100, 1, 0))
	require.Equal(t, 1.0, table.exceeding(-100, 1, 0))
}

// TestPlan: rows are judged only by values that were observed and are to be learned from.
func TestPlan(t *testing.T) {
	t.Parallel()
	o := Options{Step: time.Minute, Horizons: []int{15, 60, 360}}
	require.NoError(t, o.validate())
	y, learn := make([]float64, 7*1440), make([]bool, 7*1440)
	for i := range y {
		y[i] = float64(i % 1440)
		learn[i] = i%5 == 0 || i > 5*1440
	}
	w, err := newWindow(&o, 0, y, learn)
	require.NoError(t, err)
	ends := w.buckets(360)
	require.Equal(t, []int{1, 5, 10, 15, 30, 60, 120, 240, 360}, ends)
	r := w.plan(ends, 1440)
	for b, hi := range ends {
		lo := 0
		if b > 0 {
			lo = ends[b-1]
		}
		require.GreaterOrEqual(t, int(r.bucket[b+1]-r.bucket[b]), 100)
		for i := r.bucket[b]; i < r.bucket[b+1]; i++ {
			require.True(t, learn[r.t[i]] && learn[r.t[i]+r.h[i]])
			require.True(t, int(r.h[i]) > lo && int(r.h[i]) <= hi)
			require.GreaterOrEqual(t, int(r.t[i]), 1440)
		}
	}
}
