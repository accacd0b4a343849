package shard

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
)

func TestFlags_GiveTheShardOrSayWhyNot(t *testing.T) {
	for _, tc := range []struct {
		flags    Flags
		hostname string
		want     Shard
		err      string
	}{
		{Flags{}, "", Shard{0, 1}, ""},
		{Flags{"0", 1}, "", Shard{0, 1}, ""},
		{Flags{"2", 3}, "exporter-0", Shard{2, 3}, ""},
		{Flags{"auto", 3}, "exporter-2", Shard{2, 3}, ""},
		{Flags{"auto", 12}, "anomaly-exporter-11.shards.monitoring.svc", Shard{11, 12}, ""},
		{Flags{"3", 3}, "", Shard{}, "--shard.index: there is no shard 3 of --shard.total=3: the first is 0"},
		{Flags{"-1", 3}, "", Shard{}, "--shard.index: there is no shard -1 of --shard.total=3: the first is 0"},
		{Flags{"0", -1}, "", Shard{}, "--shard.total is negative"},
		{Flags{"first", 3}, "", Shard{}, `--shard.index: "first" is not a number`},
		{Flags{"auto", 3}, "laptop", Shard{}, `hostname "laptop" with --shard.index=auto: no ordinal at its end`},
		{Flags{"auto", 3}, "exporter-x7b", Shard{}, `hostname "exporter-x7b" with --shard.index=auto: "x7b" is not a number`},
		{Flags{"auto", 3}, "exporter-", Shard{}, `hostname "exporter-" with --shard.index=auto: "" is not a number`},
		{
			Flags{"auto", 3},
			"exporter-3",
			Shard{},
			`hostname "exporter-3" with --shard.index=auto: there is no shard 3 of --shard.total=3: the first is 0`,
		},
	} {
		got, err := tc.flags.shard(tc.hostname)
		if tc.err != "" {
			require.EqualError(t, err, tc.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tc.want, got)
	}
}

// keys are the shard keys of the pods of some workloads, which differ in few bits only before they are hashed.
func keys(n int) []uint64 {
	keys := make([]uint64, 0, n)
	for i := range n {
		keys = append(keys, dataset.ID(labels.FromStrings("namespace", "shop", "pod", fmt.Sprintf("api-%d", i))))
	}
	return keys
}

// owner returns the shard that owns a key. There must be exactly one.
func owner(t *testing.T, key uint64, total int) int {
	t.Helper()
	found := -1
	for i := range total {
		if (Shard{i, total}).owns(key) {
			require.Equal(t, -1, found, "two shards own %d", key)
			found = i
		}
	}
	require.NotEqual(t, -1, found, "no shard owns %d", key)
	return found
}

func TestShard_OneMoreTakesItsShareAndNothingElseMoves(t *testing.T) {
	const n = 20_000
	all := keys(n)
	for _, total := range []int{1, 2, 3, 9} {
		size := make([]int, total+1)
		moved := 0
		for _, key := range all {
			before, after := owner(t, key, total), owner(t, key, total+1)
			size[after]++
			if before != after {
				moved++
				require.Equal(t, total, after, "it moves to the new shard only")
			}
		}
		// The numbers are binomial: five standard deviations of a share of a half are 1.8 % of the keys.
		share := float64(n) / float64(total+1)
		require.InDelta(t, share, moved, 0.018*n, "of %d keys move from %d shards to %d", n, total, total+1)
		for i := range size {
			require.InDelta(t, share, size[i], 0.018*n, "shard %d of %d", i, total+1)
		}
	}
}

func TestShard_OwnsEverythingIfItIsTheOnlyOne(t *testing.T) {
	require.Nil(t, Shard{0, 1}.Ownership(), "nothing is filtered")
	require.NotNil(t, Shard{0, 2}.Ownership())
}

func BenchmarkShard_Owns(b *testing.B) {
	all := keys(1000)
	s := Shard{3, 10}
	for i := 0; b.Loop(); i++ {
		s.owns(all[i%len(all)])
	}
}
