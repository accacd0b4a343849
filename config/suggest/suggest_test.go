package suggest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config/suggest"
)

func TestDidYouMean_FindsWhatIsMeant(t *testing.T) {
	known := strings.Fields("name expr inputs by pool_by step history min_history scorer forecaster lead_window on")
	for word, want := range map[string]string{
		"exp": "expr", "Expr": "expr", "hsitory": "history", "min-history": "min_history", "poolby": "pool_by",
		"forecast": "forecaster", "window": "lead_window", "pool": "pool_by", "steps": "step", "names": "name",
		"scrape_interval": "", "x": "", "": "", "of": "on", "team": "",
	} {
		got := suggest.DidYouMean(word, known)
		if want == "" {
			require.Empty(t, got, word)
			continue
		}
		require.Equal(t, `; did you mean "`+want+`"?`, got, word)
	}
	require.Empty(t, suggest.DidYouMean("exp", nil))
}
