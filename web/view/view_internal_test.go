package view

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSeries_SelectorFindsItself(t *testing.T) {
	s := Series{Labels: map[string]string{"job": `a"b\c`, "my.label": "x\ny", "detector": "d"}}
	selectors, err := ParseSelectors([]string{s.Selector()})
	require.NoError(t, err)
	require.Len(t, selectors[0], 3)
	for _, m := range selectors[0] {
		require.True(t, m.Matches(s.Labels[m.Name]), m)
	}
}
