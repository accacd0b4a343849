package level_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
)

// A level begins where most of the first values are, unless these are few or nowhere in particular. Days before that
// were at another level come to be at this one once it has lasted.
func TestLevel_FindsWhereItBegins(t *testing.T) {
	slots := func(d time.Duration) int { return int(d / time.Hour) }
	const settles = 36
	for name, tc := range map[string]struct {
		hours  []int // at levels 0, 20, 0, ...
		days   int
		jumped bool
		want   level.Beginning
	}{
		"too few to tell": {hours: []int{settles - 1}},
		"one level":       {hours: []int{72}, days: 1, want: level.Beginning{Unit: 1}},
		"none in particular": {
			hours: []int{9, 0, 9, 9, 9, 9, 9, 9, 9}, days: 0, want: level.Beginning{Unit: 1, Away: false},
		},
		"an incident at first": {hours: []int{0, 5, 67}, days: 1, want: level.Beginning{Unit: 1, Away: true, First: 105}},
		"away from the season of days": {
			hours: []int{0, 48}, days: 1,
			want: level.Beginning{Level: 20, Unit: 1, First: 100, Apart: true, Settles: 100 + settles},
		},
		"away from the season of weeks": {
			hours: []int{0, 48}, days: 7, want: level.Beginning{Level: 20, Unit: 1, First: 100, Apart: true},
		},
		"as the week before jumped": {
			hours: []int{0, 9, 63}, days: 7, want: level.Beginning{Level: 20, Unit: 1, First: 100, Apart: true},
		},
		"as these values jumped": {
			hours: []int{0, 9, 63}, days: 7, jumped: true, want: level.Beginning{Unit: 1, Away: true, First: 109},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var first []level.First
			for i, n := range tc.hours {
				for range n {
					first = append(first, level.First{Slot: int64(100 + len(first)), Level: float32(i % 2 * 20), Unit: 1})
				}
			}
			if tc.want != (level.Beginning{}) && tc.want.First == 0 {
				tc.want.First = 100
			}
			l := level.New(slots, 5, 5, 1)
			got := l.FindBeginning(first, level.Season{
				Days: tc.days, Settles: tc.days == 1, Odd: 3, Slots: slots, Jumped: func(int64) bool { return tc.jumped },
			})
			require.Equal(t, tc.want, got)
		})
	}
}
