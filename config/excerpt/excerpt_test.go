package excerpt_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/excerpt"
)

func TestOf_GivesAnEqualDetector(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yml")
	require.NoError(t, err)
	more, err := filepath.Glob("../testdata/good-*.yml")
	require.NoError(t, err)
	checked, shorter := 0, 0
	for _, file := range append(append(files, more...), "../../examples/demo/anomaly-exporter.yml") {
		cfg, err := config.LoadFile(file)
		if err != nil {
			continue // rules for Loki
		}
		check := func(scaler bool, name string) *config.Config {
			text, err := excerpt.Of(cfg, scaler, name)
			require.NoError(t, err)
			again, err := cfg.Replace([]byte(text), "excerpt.yml")
			require.NoError(t, err, text)
			require.Equal(t, cfg.RemoteRead, again.RemoteRead)
			checked++
			if len(text) < 500 {
				shorter++
			}
			return again
		}
		for _, d := range cfg.Detectors {
			require.Equal(t, []config.Detector{d}, check(false, d.Name).Detectors)
		}
		for _, s := range cfg.Scalers {
			require.Equal(t, []config.Scaler{s}, check(true, s.Name).Scalers)
		}
	}
	require.Greater(t, checked, 20)
	require.Greater(t, shorter, checked*3/4, "what is inherited is left out")
}

func TestOf_LeavesOutWhatIsInherited(t *testing.T) {
	const text = `remote_read: [{url: http://localhost:9090/api/v1/read}]
global: {step: 1m}
detectors:
  - {name: load, expr: sum(load), step: 1m, scorer: {direction: above}}
`
	cfg, err := config.Load([]byte(text), "test.yml")
	require.NoError(t, err)
	got, err := excerpt.Of(cfg, false, "load")
	require.NoError(t, err)
	require.Equal(t, "detectors:\n  - name: load\n    expr: sum(load)\n    scorer:\n      direction: above\n", got)
	_, err = excerpt.Of(cfg, false, "none")
	require.EqualError(t, err, `there is no detector "none"`)
	_, err = excerpt.Of(cfg, true, "load")
	require.EqualError(t, err, `there is no scaler "load"`)
}
