package scorer

import (
	"math"
	"slices"
	"time"
)

const (
	unsettled  = 12 * time.Hour // how old a step has to be to count in the tails
	episode    = 3 * time.Hour  // how far apart steps of the same incident may be
	grown      = 7 * day        // what normal life is like is not known in less, so that
	youngShape = 0.2            // is added to the shape of the tail, less the longer the window is
	leastSlots = 100            // that chances are counted by
)

// settled is the part of the sample that is old enough to count in the tails: the last hours may be the beginning of an incident that goes on.
func (f *fit) settled() []stats {
	n, _ := slices.BinarySearch(f.when, f.time(len(f.y))-unsettled.Milliseconds())
	if 3*n < 2*len(f.sample) {
		return f.sample // there is little else
	}
	return f.sample[:n]
}

// apart is how many places of the sample steps of the same incident may be apart.
func (f *fit) apart() int { return max(2, f.clock.slots(episode)) }

// calibrate fits the tails of the statistics to a sample, then that of all together.
func (f *fit) calibrate(sample []stats, apart int) {
	v := make([]float32, len(sample))
	for s, used := range f.uses {
		if !used && s != size { // the band needs the size
			continue
		}
		zeros := 0
		for i := range sample {
			v[i] = sample[i][s]
			if v[i] == 0 {
				zeros++
			}
		}
		if s == size && 5*zeros > 4*len(v) {
			apart = 0 // where hardly anything ever happens, what does cannot be told from incidents
		}
		f.tails[s] = fitTail(v, apart)
	}
	for i := range sample {
		v[i], _ = f.combine(&sample[i])
	}
	f.combined = fitTail(v, apart)
	young := max(0, 1-float64(f.when[len(f.when)-1]-f.when[0])/float64(grown.Milliseconds()))
	f.combined.shape = float32(notZero(float64(f.combined.shape) + youngShape*young))
}

// count finds the chances: how often the strangest of a slot's steps is stranger than in nine of ten slots, and how often the first step is as strange.
func (f *fit) count() {
	var steps, firsts []float32
	for i := 0; i < len(f.steps); {
		slot, n, most := f.slots[i], 0, float32(0)
		for ; i < len(f.steps) && f.slots[i] == slot; i++ {
			all, _ := f.combine(&f.steps[i])
			most = max(most, all)
			n++
		}
		if n == f.stride {
			steps = append(steps, most)
		}
	}
	if len(steps) < leastSlots {
		return
	}
	for _, st := range f.settled()[f.firsts:] {
		all, _ := f.combine(&st)
		firsts = append(firsts, all)
	}
	slices.Sort(steps)
	limit := max(quantile(steps, 0.9), math.SmallestNonzeroFloat32)
	share := func(v []float32) float64 {
		beyond := 1 // lest there are none
		for _, x := range v {
			if x >= limit {
				beyond++
			}
		}
		return float64(beyond) / float64(len(v)+1)
	}
	f.chances = max(math.Log(share(steps)/share(firsts)), 0)
}
