package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIncidents_AreRememberedAsLongAsTheyLast(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	file := filepath.Join(t.TempDir(), "state.json")
	load := func() *incidents {
		i, err := loadIncidents(file, 25*time.Hour, func() time.Time { return now })
		require.NoError(t, err)
		return i
	}
	posted := func(i *incidents, key string) bool {
		one, done, err := i.begin(t.Context(), key)
		require.NoError(t, err)
		defer done()
		return one.posted
	}
	i := load()
	for _, key := range []string{"long", "silent", "resolved"} {
		one, done, err := i.begin(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, i.setPosted(one))
		done()
	}
	require.False(t, posted(i, "not posted"))
	require.NoError(t, i.end("resolved"))
	for range 3 { // Alertmanager repeats it every day
		now = now.Add(24 * time.Hour)
		require.True(t, posted(i, "long"))
		require.NoError(t, i.save())
		i = load()
	}
	require.True(t, posted(i, "long"))
	for _, key := range []string{"silent", "resolved", "not posted"} {
		require.False(t, posted(i, key), key)
	}
}

func TestIncidents_ForgetTheOldestOfTooMany(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	i, err := loadIncidents("", time.Hour, func() time.Time { return now })
	require.NoError(t, err)
	for n := range 30 {
		i.all[fmt.Sprint("old", n)] = &incident{seen: now.Add(-2 * time.Hour)}
	}
	for n := range maxIncidents {
		i.all[fmt.Sprint(n)] = &incident{seen: now.Add(-time.Minute + time.Duration(n))}
	}
	_, done, err := i.begin(t.Context(), "new")
	require.NoError(t, err)
	done()
	require.Equal(t, maxIncidents, i.count())
	require.Contains(t, i.all, "new")
	require.NotContains(t, i.all, "0")
	require.Contains(t, i.all, "1")
}
