package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if isChild, err := runChild(context.Background()); isChild {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// measure itself checks that both clients read the same data. The ratios of such short reads are noise, so they are
// only logged.
func TestMeasure_MemoryDoesNotGrowWithTheStream(t *testing.T) {
	if testing.Short() {
		t.Skip("reads from a real Prometheus for several seconds")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	o := options{
		Series: 100, Span: 24 * time.Hour, Interval: time.Minute, Step: 5 * time.Minute, Rounds: 3,
		Clients: []string{official, ours, oursSampled},
	}
	small, server, err := measure(ctx, o)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report(&text, small, server))
	o.Series *= 8
	large, server, err := measure(ctx, o)
	require.NoError(t, err)
	require.NoError(t, report(&text, large, server))
	t.Log("\n" + text.String())

	require.Len(t, large, 3)
	for i, r := range large {
		require.Equal(t, 800*24*60, r.Samples)
		require.Positive(t, r.CPU)
		if r.Client == ours {
			require.Less(t, r.PeakBytes-small[i].PeakBytes, int64(8<<20), "%s: memory grows with the stream", r.Client)
		}
	}
}

func TestGrid_KeepsTheLastSampleOfEachStep(t *testing.T) {
	g := newGrid(1000, 1900, 300)
	g.reset()
	for _, ms := range []int64{1000, 1001, 1300, 1301, 1900} {
		g.add(ms, float64(ms))
	}
	require.Equal(t, []float64{1000, 1300, 1301, 1900}, g.cells[:4])
}

// BenchmarkRead runs the benchmark at its full size: 1,000 and 4,000 counters over a week, a sample a minute.
func BenchmarkRead(b *testing.B) {
	for _, series := range []int{1000, 4000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			o := options{
				Series: series, Span: 7 * 24 * time.Hour, Interval: time.Minute, Step: 5 * time.Minute, Rounds: 3,
				Clients: []string{official, ours},
			}
			for range b.N {
				results, server, err := measure(b.Context(), o)
				require.NoError(b, err)
				var text strings.Builder
				require.NoError(b, report(&text, results, server))
				b.Log("\n" + text.String())
				b.ReportMetric(results[1].CPU/results[0].CPU, "ratio")
				b.ReportMetric(float64(results[1].PeakBytes)/(1<<20), "peak-MiB")
			}
		})
	}
}
