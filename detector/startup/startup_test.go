package startup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/startup"
)

func TestProgress_TellsHowFarItIsAndHowLongItTakes(t *testing.T) {
	const hour = int64(3_600_000)
	var p startup.Progress
	now := time.Unix(1_700_000_000, 0)
	p.Read(now)
	require.Equal(t, "reading history", p.Describe(now.Add(time.Minute)))
	p.HaveRead(100*hour, 110*hour, 200*hour)
	require.Equal(t, "reading history, 10h of 4d4h, 45s left", p.Describe(now.Add(5*time.Second)))
	p.HaveRead(110*hour, 150*hour, 200*hour)
	require.Equal(t, "reading history, 2d2h of 4d4h, 1m10s left", p.Describe(now.Add(70*time.Second)))
	now = now.Add(time.Hour)
	p.Fit(now)
	require.Equal(t, "fitting models", p.Describe(now))
	p.HaveFitted(0, 300)
	require.Equal(t, "fitting models, 0 of 300 series", p.Describe(now.Add(time.Second)))
	p.HaveFitted(200, 300)
	require.Equal(t, "fitting models, 200 of 300 series, 5s left", p.Describe(now.Add(10*time.Second)))
	p.HaveFitted(300, 300)
	require.Equal(t, "fitting models, 300 of 300 series, 0s left", p.Describe(now.Add(15*time.Second)))
}
