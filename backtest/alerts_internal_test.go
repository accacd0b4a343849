package backtest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

func TestAccuracyIsRelativeToTheDayBefore(t *testing.T) {
	const step = 3600_000
	in := &input{step: step}
	for i := range 72 {
		in.values = append(in.values, float64(i%24)+float64(i/24)) // a day's shape, 1 higher each day
	}
	var a accuracy
	for at := int64(24); at < 70; at++ {
		v := in.at((at + 1) * step)
		a.add(forecast{v + 0.5, v - 1, v + 1}, in, at*step, step)
	}
	a.add(forecast{0, 100, 200}, in, 70*step, step)
	a.add(forecast{0, 0, 0}, in, 71*step, step) // has no outcome
	require.Equal(t, 47, a.known)
	require.Equal(t, 46, a.inside)
	size := in.at(71 * step)
	for at := int64(25); at < 71; at++ {
		size += in.at(at * step)
	}
	require.InDelta(t, (46*0.5+in.at(71*step)+0.01*size)/(47+0.01*size), a.relative(), 1e-12)
	require.True(t, math.IsNaN((&accuracy{}).relative()))
}

func TestOwnAlertsAreNotSeen(t *testing.T) {
	for expr, want := range map[string]string{
		`ALERTS{alertstate="firing"}`:       `ALERTS{alertstate="firing",source!="predictive_model"}`,
		`max by (pod) (ALERTS_FOR_STATE)`:   `max by (pod) (ALERTS_FOR_STATE{source!="predictive_model"})`,
		`{__name__=~"ALERT.*",pod="a"} > 0`: `{__name__=~"ALERT.*",pod="a",source!="predictive_model"} > 0`,
		`up == 0`:                           `up == 0`,
	} {
		parsed, err := config.ParseExpr(expr)
		require.NoError(t, err)
		require.Equal(t, want, withoutOwnAlerts(parsed))
	}
}
