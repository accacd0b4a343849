package chance

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeastUnlikely_IsTheBinomialTail(t *testing.T) {
	// R: pbinom(m - 1, n, rate, lower.tail = FALSE)
	require.Equal(t, 4, leastUnlikely(14, 0.02, 0.001), "0.0025 for 3, 0.00014 for 4")
	require.Equal(t, 6, leastUnlikely(14, 0.1, 0.002), "0.0092 for 5, 0.0015 for 6")
	require.Equal(t, 2, leastUnlikely(2, 0.02, 0.001), "0.0004")
	require.Equal(t, 3, leastUnlikely(2, 0.1, 0.001), "0.01: never")
	require.Equal(t, 2, leastUnlikely(14, 0, 0.001), "once is chance")
	require.Equal(t, 15, leastUnlikely(14, 1, 0.001))
}
