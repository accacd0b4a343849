package profile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/profile"
)

// A season comes again, before and after the slots that it is of. Between two slots it is on the line, but for an edge.
func TestProfile(t *testing.T) {
	g := grid.New(time.Minute)
	slots := grid.NewLocalSlots(g, nil, nil)
	p := profile.New(&slots, g.Stride(), 1000, &composition.Composition{})
	require.Zero(t, p.At(1234))
	require.Equal(t, int64(1), p.Index(1001+slots.PerDay))

	p.Values = make([]float32, slots.PerDay)
	for i := range p.Values {
		p.Values[i] = float32(i)
	}
	p.Values[100] = 1000
	p.FindEdges(&orderstat.Scratch{})
	require.Equal(t, float32(7), p.At(1007))
	require.Equal(t, float32(7), p.At(1007-3*slots.PerDay))
	require.Equal(t, float32(7), p.At(1007+30*slots.PerDay))
	require.InDelta(t, 7.4, p.Between(1007, 2, 0), 1e-4)

	between := p.Slots(1099)
	require.True(t, between.IsEdge())
	require.InDelta(t, 99, p.Between(1099, 2, 99), 1, "not yet")
	require.InDelta(t, 1000, p.Between(1099, 2, 1000), 1, "by now")
}
