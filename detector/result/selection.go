package result

import (
	"maps"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
)

// A Selection is a set of kinds of results.
type Selection uint16

// The kinds that `publish` in the configuration names, and those of scalers, which are always published.
const (
	Scores Selection = 1 << iota
	Onsets
	Contributions
	Expected
	Forecasts
	States
	Models
	Recommendations
	CPURequests
	MemoryRequests
)

var kinds = map[string]Selection{
	"score": Scores, "onset": Onsets, "contribution": Contributions, "expected": Expected,
	"forecast": Forecasts, "state": States, "model": Models,
}

// Select returns the Selection of the named kinds. It ignores unknown names.
func Select(names []string) (s Selection) {
	for _, name := range names {
		s |= kinds[name]
	}
	return s
}

// Has reports whether s contains kind, or at least one kind of several.
func (s Selection) Has(kind Selection) bool { return s&kind != 0 }

// dropOrder lists the kinds that a limit drops, in this order.
var dropOrder = [...]struct {
	name string
	kind Selection
}{
	{"contribution", Contributions},
	{"onset", Onsets},
	{"forecast", Forecasts},
	{"expected", Expected},
}

// A Snapshot holds the newest results of all detectors and scalers. It is immutable. A Batch that has not changed since
// the last Snapshot is the same pointer.
type Snapshot struct {
	Batches []*Batch       // sorted by Source
	Dropped Selection      // kinds that are not published, because there are too many results
	Counts  map[string]int // number of dropped results by kind, as named in `publish`
}

// NewSnapshot returns a Snapshot of batches. It drops whole kinds in dropOrder until at most limit results are left, or
// there is nothing left to drop.
func NewSnapshot(batches []*Batch, limit int) *Snapshot {
	s := &Snapshot{Batches: batches, Counts: map[string]int{}}
	total := s.Len()
	for _, drop := range dropOrder {
		s.Counts[drop.name] = 0
		if total > limit {
			s.Dropped |= drop.kind
			left := s.Len()
			s.Counts[drop.name], total = total-left, left
		}
	}
	return s
}

// Sorted returns batches in the order of a Snapshot.
func Sorted(bySource map[Source]*Batch) []*Batch {
	return slices.SortedFunc(maps.Values(bySource), func(a, b *Batch) int { return a.Source.Compare(b.Source) })
}

// Batch returns the results of a source; nil if there are none.
func (s *Snapshot) Batch(source Source) *Batch {
	i, ok := slices.BinarySearchFunc(s.Batches, source, func(b *Batch, of Source) int { return b.Source.Compare(of) })
	if !ok {
		return nil
	}
	return s.Batches[i]
}

// Len returns the number of results to publish.
func (s *Snapshot) Len() (n int) {
	for _, b := range s.Batches {
		n += b.Len(s.Dropped)
	}
	return n
}

// A Sample is one number to publish. Its labels are those of its series and some extra ones.
type Sample struct {
	Series int            // index of the series in its Batch
	Labels Labels         // of the series; all its Samples share the slice
	Extra  []labels.Label // sorted by name; only valid until the next Sample
	Value  float64
}
