package scorer

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// noise is a sample of the half-normal distribution.
func noise(n int, seed uint64) []float32 {
	r := random(seed)
	v := make([]float32, n)
	for i := range v {
		var sum float32
		for range 12 {
			sum += r.share() - 0.5
		}
		v[i] = abs32(sum)
	}
	return v
}

// What fills a few episodes leaves the tail alone, what comes back many times is normal.
func TestEpisodes(t *testing.T) {
	const n, apart = 4000, 36
	of := func(every, long int) float64 {
		v := noise(n, 1)
		for i := range 36 {
			v[200+i/long*every+i%long] = 8 + float32(i)/10
		}
		tl := fitTail(v, apart)
		return tl.strangeness(8)
	}
	quiet := fitTail(noise(n, 1), apart)
	require.Greater(t, quiet.strangeness(8), 15.0)
	require.Greater(t, of(1000, 12), 9.5, "three episodes")
	require.Less(t, of(100, 1), 6.0, "thirty-six")
}

// The probability of a value that many have is their share, however far the next is.
func TestTailOfCounts(t *testing.T) {
	v := make([]float32, 8000)
	for i := range 170 {
		v[47*i] = 1
	}
	v[13], v[4000], v[7000] = 2, 2, 2
	tl := fitTail(v, 0)
	require.InDelta(t, -math.Log(173.0/8000), tl.strangeness(1), 0.1)
	require.InDelta(t, -math.Log(3.0/8000), tl.strangeness(2), 0.4)
	require.Greater(t, tl.strangeness(3), tl.strangeness(2)+1)
}

// Strangeness grows with the value and has no jumps beyond the threshold, whether the tail has an end or none; quantile is its inverse.
func TestTailGoesOn(t *testing.T) {
	for _, shape := range []float32{-0.1, -0.02, 1e-4, 0.3} {
		tl := tail{threshold: 1, rate: 4, scale: 0.5, shape: shape}
		last := tl.strangeness(1)
		for x := float32(1.01); x < 30; x += 0.01 {
			s := tl.strangeness(x)
			require.Greater(t, s, last, "%g at %g", shape, x)
			require.Less(t, s, last+0.21, "%g at %g", shape, x)
			last = s
		}
		for s := 4.5; s < 12; s += 0.5 {
			require.InDelta(t, s, tl.strangeness(tl.quantile(s)), 1e-3, "%g", shape)
		}
	}
}
