package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMeasurements_TellWhatHasGrown(t *testing.T) {
	const mib = 1 << 20
	run := func(heap, goroutines, files float64) (all measurements) {
		for n := range 10 {
			i := float64(n)
			all = append(all, measurement{heap: (10 + i*heap) * mib, goroutines: 20 + i*goroutines, files: 15 + i*files})
		}
		return all
	}
	require.NoError(t, run(0.1, 0, 0).grown(), "within the margin")
	require.ErrorContains(t, run(0.3, 0, 0).grown(), "the heap has grown from 10.6 to 12.4 MiB")
	require.ErrorContains(t, run(0, 2, 0).grown(), "goroutines have grown from 24 to 36")
	require.ErrorContains(t, run(0, 0, 2).grown(), "open files have grown from 19 to 31")
}

func TestPanics_AreFoundInTheLog(t *testing.T) {
	var p panics
	_, err := p.Write([]byte("level=info msg=\"Cycle done\"\n"))
	require.NoError(t, err)
	require.NoError(t, p.err())
	_, err = p.Write([]byte("level=error msg=\"Panic while reading\"\nlevel=info msg=other\n"))
	require.NoError(t, err)
	require.ErrorContains(t, p.err(), "Panic while reading")
}
