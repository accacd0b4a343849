package replicas_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

func usage(n int, value func(i int) float64) replicas.Usage {
	u := replicas.Usage{Step: 5 * time.Minute, Values: make([]float64, n)}
	for i := range u.Values {
		u.Values[i] = value(i)
	}
	return u
}

// slowQuantile is the obvious weighted quantile: every value repeated in proportion to its weight.
func slowQuantile(u replicas.Usage) float64 {
	var all []float64
	for i, v := range u.Values[max(0, len(u.Values)-8*288):] {
		age := float64(min(len(u.Values), 8*288)-1-i) * 5 / 60 / 24 // days
		for range int(math.Round(1000 * math.Exp2(-age))) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all[int(0.9*float64(len(all)))]
}

func TestCPURequest_IsDecayingQuantileWithMargin(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	noisy := usage(10*288, func(i int) float64 { return 1 + 0.5*math.Sin(2*math.Pi*float64(i)/288) + 0.1*r.Float64() })
	require.InDelta(t, slowQuantile(noisy)*1.15, replicas.CPURequest(noisy, nan), 0.005)
	require.InDelta(t, 3*1.15, replicas.CPURequest(noisy, 3), 0.002, "the forecast, if it is more")
	require.Equal(t, replicas.CPURequest(noisy, nan), replicas.CPURequest(noisy, 0.3))

	same := func(v float64) replicas.Usage { return usage(288, func(int) float64 { return v }) }
	require.Equal(t, 0.115, replicas.CPURequest(same(0.1), nan), "in thousandths, not 0.116")
	require.Equal(t, 9.729, replicas.CPURequest(same(8.46), nan), "8.46 * 1.15 * 1000 is a little over 9729 in floats")
	require.Equal(t, 0.0, replicas.CPURequest(usage(288, func(int) float64 { return 0 }), nan))

	grown := usage(8*288, func(i int) float64 {
		if i >= 7*288 {
			return 2
		}
		return 1
	})
	require.InDelta(t, 2*1.15, replicas.CPURequest(grown, nan), 1e-9, "today weighs half of all")
	grown.Values = append(grown.Values, usage(6*288, func(int) float64 { return 1 }).Values...)
	require.InDelta(t, 1.15, replicas.CPURequest(grown, nan), 1e-9, "and is forgotten")

	grown.Learn = make([]bool, len(grown.Values))
	require.True(t, math.IsNaN(replicas.CPURequest(grown, nan)), "nothing was observed")
	require.True(t, math.IsNaN(replicas.CPURequest(replicas.Usage{Step: time.Minute}, 3)))
}

func TestNewMemoryRequest_IsPeakOfWindow(t *testing.T) {
	flat := usage(14*288, func(int) float64 { return gib })
	m := replicas.NewMemoryRequest(flat, nan)
	require.Equal(t, math.Ceil(1024*1.15)*mib, m.Bytes())

	weekly := usage(14*288, func(i int) float64 {
		if i == 14*288-8*288 {
			return 2 * gib
		}
		return gib
	})
	m = replicas.NewMemoryRequest(weekly, nan)
	require.Equal(t, math.Ceil(2048*1.15)*mib, m.Bytes(), "the window is eight days: what is needed once a week is in it")
	weekly.Values = append(weekly.Values, gib)
	m = replicas.NewMemoryRequest(weekly, nan)
	require.Equal(t, math.Ceil(1024*1.15)*mib, m.Bytes(), "not what was needed longer ago")

	m = replicas.NewMemoryRequest(flat, 3*gib)
	require.Equal(t, math.Ceil(3*1024*1.15)*mib, m.Bytes(), "the forecast, if it is more")

	flat.OOM = make([]bool, len(flat.Values))
	flat.OOM[14*288-500] = true
	m = replicas.NewMemoryRequest(flat, nan)
	require.Equal(t, math.Ceil(1024*1.2*1.15)*mib, m.Bytes(), "a fifth more where it ran out")
	small := usage(288, func(int) float64 { return 50 * mib })
	small.OOM = make([]bool, 288)
	small.OOM[287] = true
	m = replicas.NewMemoryRequest(small, nan)
	require.Equal(t, math.Ceil(150*1.15)*mib, m.Bytes(), "100 MiB more at least")

	m = replicas.NewMemoryRequest(usage(288, func(int) float64 { return nan }), nan)
	require.True(t, math.IsNaN(m.Bytes()))
}

// After the window a request follows what happens, upwards only.
func TestMemoryRequest_OnlyGrows(t *testing.T) {
	m := replicas.NewMemoryRequest(usage(288, func(int) float64 { return gib }), nan)
	m.Observe(nan, false)
	m.Observe(gib/2, false)
	require.Equal(t, math.Ceil(1024*1.15)*mib, m.Bytes())
	m.Observe(1.5*gib, false)
	require.Equal(t, math.Ceil(1536*1.15)*mib, m.Bytes())
	m.Observe(nan, true)
	require.Equal(t, math.Ceil(1536*1.2*1.15)*mib, m.Bytes())
	m.Observe(gib, true)
	require.Equal(t, math.Ceil(1536*1.2*1.15)*mib, m.Bytes(), "a second kill at the same peak tells nothing new")

	unknown := replicas.NewMemoryRequest(replicas.Usage{Step: time.Minute}, nan)
	unknown.Observe(nan, true)
	require.True(t, math.IsNaN(unknown.Bytes()))
	unknown.Observe(gib, false)
	require.Equal(t, math.Ceil(1024*1.15)*mib, unknown.Bytes())
}
