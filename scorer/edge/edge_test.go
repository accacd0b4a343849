package edge_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/edge"
)

const jump = 30

var nan = float32(math.NaN())

func TestSlots_ExpectWhatEitherSideDoes(t *testing.T) {
	for _, tc := range []struct {
		name    string
		slots   edge.Slots
		x, want float32
		line    bool
	}{
		{name: "a line", slots: edge.Slots{0, 10, 12, 20, jump}, x: 99, want: 11, line: true},
		{name: "a sawtooth before its edge", slots: edge.Slots{90, 100, 0, 10, jump}, x: 104, want: 104},
		{name: "no further than its slope", slots: edge.Slots{90, 100, 0, 10, jump}, x: 120, want: 105},
		{name: "a sawtooth after its edge", slots: edge.Slots{90, 100, 0, 10, jump}, x: -5, want: -5},
		{name: "no further than its slope", slots: edge.Slots{90, 100, 0, 10, jump}, x: -20, want: -5},
		{name: "a job that stops", slots: edge.Slots{100, 100, 0, 0, jump}, x: 90, want: 100},
		{name: "the line of an edge that takes its time", slots: edge.Slots{100, 100, 0, 0, jump}, x: 52, want: 50},
		{name: "the slope is no edge", slots: edge.Slots{0, 100, 0, 0, jump}, x: 140, want: 100},
		{name: "no value", slots: edge.Slots{90, 100, 0, 10, jump}, x: nan, want: 50},
		{name: "before a gap", slots: edge.Slots{90, 100, nan, nan, jump}, x: 104, want: 104},
		{name: "before a gap, no value", slots: edge.Slots{90, 100, nan, nan, jump}, x: nan, want: 100},
		{name: "after a gap", slots: edge.Slots{nan, nan, 50, 60, jump}, x: 47, want: 47},
		{name: "alone", slots: edge.Slots{nan, nan, 50, nan, jump}, x: 47, want: 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, !tc.line, tc.slots.IsEdge())
			if tc.line {
				require.Equal(t, tc.want, tc.slots.Line(0.5))
				return
			}
			require.Equal(t, tc.want, tc.slots.Between(0.5, tc.x))
		})
	}
}

func TestSlots_PreferWhatIsKnownByItself(t *testing.T) {
	for _, tc := range []struct {
		from, to bool
		want     float32
	}{{false, false, 15}, {true, true, 15}, {true, false, 20}, {false, true, 10}} {
		s := edge.Slots{nan, 10, 20, nan, jump}
		s.Prefer(tc.from, tc.to)
		if !s.IsEdge() {
			require.Equal(t, tc.want, s.Line(0.5))
			continue
		}
		require.Equal(t, tc.want, s.Between(0.5, 0))
	}
}

func TestJump_IsOutOfLineWithMostDifferences(t *testing.T) {
	sawtooth := append(make([]float32, 0, 12), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 11)
	require.Less(t, edge.Jump(sawtooth), float32(11))
	require.Greater(t, edge.Jump(sawtooth), float32(5))
	require.Greater(t, edge.Jump([]float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 5}), float32(0), "where most are alike")
	require.Zero(t, edge.Jump(nil))
	require.Zero(t, edge.Jump([]float32{0, 0}))
}
