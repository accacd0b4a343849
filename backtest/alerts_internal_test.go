package backtest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAccuracyIsRelativeToTheDayBefore(t *testing.T) {
	const step = 3600_000
	value := func(at int64) float64 { // a day's shape, 1 higher each day
		if at < 0 || at >= 72 {
			return math.NaN()
		}
		return float64(at%24 + at/24)
	}
	o := newOutlook(step, step)
	require.Equal(t, 23*time.Hour, o.sinceSeason)
	for at := int64(0); at < 74; at++ {
		o.settle(at*step, value(at))
		v := value(at + 1)
		f := forecast{v + 0.5, v - 1, v + 1}
		switch {
		case at < 24:
			f = unknown()
		case at == 70:
			f = forecast{0, 100, 200}
		case at >= 71:
			f = forecast{0, 0, 0} // has no outcome
		}
		o.keep(at*step, f, value(at-23))
	}
	require.Equal(t, 47, o.known)
	require.Equal(t, 46, o.inside)
	size := value(71)
	for at := int64(25); at < 71; at++ {
		size += value(at)
	}
	require.InDelta(t, (46*0.5+value(71)+0.01*size)/(47+0.01*size), o.relative(), 1e-12)
	require.True(t, math.IsNaN((&accuracy{}).relative()))
}
