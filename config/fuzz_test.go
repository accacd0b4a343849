package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// Load never panics. Each line of its error begins with file and line. Except for secrets, String writes what was
// loaded.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	require.NoError(f, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(source))
	}
	located := regexp.MustCompile(`^config\.yml:[1-9][0-9]*: .`)
	f.Fuzz(func(t *testing.T, source string) {
		c, err := config.Load([]byte(source), "config.yml")
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				require.Regexp(t, located, line)
			}
			return
		}
		text := c.String()
		again, err := config.Load([]byte(text), "config.yml")
		require.NoError(t, err, text)
		require.Equal(t, text, again.String())
		require.Equal(t, c.Global, again.Global)
		require.Equal(t, c.Detectors, again.Detectors)
		require.Equal(t, c.Scalers, again.Scalers)
	})
}

// A parsed expression never looks ahead, and keeps its text.
func FuzzParseExpr(f *testing.F) {
	for _, text := range []string{
		"up", "rate(x[5m] offset 1h)", "x offset -5m", "x @ end()",
		"max_over_time((x offset 10m)[1h:1m] offset 1d)", "max_over_time(x[292y:1d] offset 292y)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := config.ParseExpr(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			require.Zero(t, e)
			return
		}
		require.Equal(t, text, e.String())
		require.GreaterOrEqual(t, e.LookBack(), time.Duration(0))
		e.MetricName()
	})
}
