package shop

import "math"

// hash64 is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
func hash64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// seedOf returns a seed made of names.
func seedOf(names ...string) uint64 {
	var h uint64
	for _, name := range names {
		for _, b := range []byte(name) {
			h = hash64(h ^ uint64(b))
		}
		h = hash64(h ^ 0xff00)
	}
	return h
}

// uniform returns the n-th random number of the seed, in [0, 1).
func uniform(seed uint64, n int64) float64 {
	return float64(hash64(seed^hash64(uint64(n)))>>11) / (1 << 53)
}

// normal returns the n-th random number of the seed with mean 0 and variance 1. It is nearly normal: a sum of four
// uniform numbers.
func normal(seed uint64, n int64) float64 {
	h := hash64(seed ^ hash64(uint64(n)))
	var sum float64
	for range 4 {
		sum += float64(h & 0xffff)
		h >>= 16
	}
	return (sum/0x10000 - 2) * math.Sqrt(3)
}

// drift is noise without jumps: one normal number per period, joined smoothly.
func drift(seed uint64, ms, period int64) float64 {
	n := floorDiv(ms, period)
	x := float64(ms-n*period) / float64(period)
	a, b := normal(seed, n), normal(seed, n+1)
	return a + (b-a)*smoothstep(x)
}

// noise varies as traffic does: over minutes, a quarter of an hour, and hours. Its standard deviation is about 1.
func noise(seed uint64, ms int64) float64 {
	return 0.6*normal(seed, floorDiv(ms, minute)) + 0.6*drift(seed+1, ms, 15*minute) + 0.6*drift(seed+2, ms, 3*hour)
}

// smoothstep rises from 0 to 1 as x does, with a slope of 0 at both ends.
func smoothstep(x float64) float64 {
	x = min(max(x, 0), 1)
	return x * x * (3 - 2*x)
}

// ramp rises linearly from 0 at from to 1 at to.
func ramp(ms, from, to int64) float64 {
	return min(max(float64(ms-from)/float64(to-from), 0), 1)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
