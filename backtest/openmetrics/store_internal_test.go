package openmetrics

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResultStore_ReturnsSamplesInOrderAlsoFromItsFile(t *testing.T) {
	type sample struct {
		at int64
		v  float64
	}
	dir := t.TempDir()
	s, err := newResultStore(dir)
	require.NoError(t, err)
	f := s.family("anomaly_score", "Help.", "gauge")
	want := map[string][]sample{}
	for i := range int64(3*chunkSamples + 1) {
		for _, name := range []string{"a", "b"} {
			if name == "b" && i >= chunkSamples {
				continue // all of it stays in memory
			}
			one := sample{i * 60_000, float64(i) / 3}
			require.NoError(t, s.append(f.buffer(name), one.at, one.v))
			want[name] = append(want[name], one)
		}
	}
	require.Len(t, f.buffer("a").spilled, 3)
	require.Empty(t, f.buffer("b").spilled)
	for range 2 { // reading changes nothing
		for _, b := range f.buffers {
			var got []sample
			require.NoError(t, s.each(b, func(at int64, v float64) error {
				got = append(got, sample{at, v})
				return nil
			}))
			require.Equal(t, want[b.series], got, b.series)
		}
	}
	s.close()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left, "the file is removed")
}

func TestResultStore_FailsIfItsFileIsGone(t *testing.T) {
	s, err := newResultStore(t.TempDir())
	require.NoError(t, err)
	defer s.close()
	b := s.family("anomaly_score", "Help.", "gauge").buffer("a")
	for i := range int64(chunkSamples + 1) {
		require.NoError(t, s.append(b, i, 1))
	}
	require.NoError(t, s.file.Close())
	require.ErrorIs(t, s.each(b, func(int64, float64) error { return nil }), os.ErrClosed)
}
