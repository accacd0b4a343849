package anomaly

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// These are the numbers of "min_history" in docs/configuration.md.
func TestNewPlan_KnowsHowMuchHistoryAModelNeeds(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]time.Duration{
		"1s": 220 * time.Minute, "1m": 220 * time.Minute, "5m": 220 * time.Minute, "15m": 7 * time.Hour,
		"1h": 22 * time.Hour, "6h": 126 * time.Hour,
	} {
		for detector, faster := range map[string]bool{
			"expr: load": false, "expr: load, scorer: {model: isolation_forest}": false,
			"by: [pod], inputs: {a: load, b: load}": false,
			"expr: load, scorer: {model: mad}":      true, "expr: load, pool_by: [pod]": true,
		} {
			cfg, err := config.Load([]byte("remote_read: [{url: http://localhost}]\nglobal: {min_history: "+step+", step: "+step+
				", history: 60d, refit_interval: 1d}\ndetectors: [{name: x, "+detector+"}]\n"), "test.yml")
			require.NoError(t, err)
			p, err := NewPlan(cfg, &cfg.Detectors[0])
			require.NoError(t, err)
			require.Equal(t, p.Format.MinHistory.Milliseconds(), p.Schedule.MinHistory)
			if faster {
				require.LessOrEqual(t, p.Format.MinHistory, want, "%s %s", step, detector)
			} else {
				require.Equal(t, want, p.Format.MinHistory, "%s %s", step, detector)
			}
		}
	}
}
