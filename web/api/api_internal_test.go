package api

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestOpenAPI_DescribesTheEndpoints(t *testing.T) {
	var spec struct {
		Paths map[string]struct {
			Get struct {
				Parameters []map[string]string `yaml:"parameters"`
			} `yaml:"get"`
		} `yaml:"paths"`
		Components struct {
			Parameters map[string]struct {
				Name string `yaml:"name"`
			} `yaml:"parameters"`
		} `yaml:"components"`
	}
	require.NoError(t, yaml.Unmarshal(openAPI, &spec))
	var paths, names []string
	for path := range spec.Paths {
		paths = append(paths, strings.TrimPrefix(path, "/api/v1/"))
		for _, p := range spec.Paths[path].Get.Parameters {
			name := strings.TrimPrefix(p["$ref"], "#/components/parameters/")
			require.Contains(t, spec.Components.Parameters, name)
			names = append(names, spec.Components.Parameters[name].Name)
		}
	}
	slices.Sort(paths)
	require.Equal(t, slices.Sorted(maps.Keys((&API{}).endpoints())), paths)
	slices.Sort(names)
	require.Equal(t, slices.Sorted(slices.Values(parameters)), slices.Compact(names))
}

func TestReplays_RunOneAtATimeAndAreRemembered(t *testing.T) {
	r := newReplays()
	runs := 0
	run := func() (*History, error) { runs++; return &History{}, nil }
	for range 3 {
		_, err := r.get(t.Context(), replayKey{id: 1}, run)
		require.NoError(t, err)
	}
	require.Equal(t, 1, runs)
	_, err := r.get(t.Context(), replayKey{id: 2}, func() (*History, error) { return nil, errors.New("refused") })
	require.EqualError(t, err, "refused")
	_, err = r.get(t.Context(), replayKey{id: 2}, run)
	require.NoError(t, err, "a failure is not remembered")
	for id := range uint64(3 * keptReplays) {
		_, err := r.get(t.Context(), replayKey{id: id + 10}, run)
		require.NoError(t, err)
	}
	memory := <-r.turn
	require.Len(t, *memory, keptReplays)

	// While one has its turn, a few wait, and the others are told to come back.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range maxReplays {
		go func() {
			_, err := r.get(ctx, replayKey{id: 3}, run)
			done <- err
		}()
	}
	require.Eventually(t, func() bool { return len(r.waiting) == maxReplays }, 5*time.Second, time.Millisecond)
	_, err = r.get(t.Context(), replayKey{id: 3}, run)
	require.ErrorIs(t, err, errBusy)
	cancel()
	for range maxReplays {
		require.ErrorIs(t, <-done, context.Canceled)
	}
}

func TestSeries_SelectorFindsItself(t *testing.T) {
	s := Series{Labels: map[string]string{"job": `a"b\c`, "my.label": "x\ny", "detector": "d"}}
	selectors, err := ParseMatch([]string{s.Selector()})
	require.NoError(t, err)
	require.Len(t, selectors[0], 3)
	for _, m := range selectors[0] {
		require.True(t, m.Matches(s.Labels[m.Name]), m)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"match[]={a=\"b\"}", "limit=3&offset=2", "start=1e9&end=2026-03-02T00:00:00Z", "min_score=.8", "%zz",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/api/v1/series", nil)
		r.URL.RawQuery = raw
		q, err := parseQuery(r)
		if err != nil {
			require.ErrorAs(t, err, new(badRequest))
			return
		}
		require.True(t, q.limit >= 0 && q.limit <= maxLimit && q.offset >= 0 && q.minScore >= 0 && q.minScore <= 1)
		_, err = url.ParseQuery(raw)
		require.NoError(t, err)
	})
}
