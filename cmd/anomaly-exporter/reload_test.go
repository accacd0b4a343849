package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

func TestReload_ErrorLeavesPreviousState(t *testing.T) {
	file := writeConfig(t, "http://one", "up")
	var applied []*config.Config
	var refusal error
	r := newReloader(file, func(c *config.Config, q storage.Queryable) error {
		require.NotNil(t, q)
		if refusal == nil {
			applied = append(applied, c)
		}
		return refusal
	}, prometheus.NewRegistry(), source.Options{Metrics: remoteread.NewMetrics(nil), Logger: log.NewNopLogger()})
	require.Empty(t, r.config())

	require.NoError(t, r.load())
	require.Len(t, applied, 1)
	before, source, at := r.current, r.source, testutil.ToFloat64(r.succeeded)
	require.Equal(t, 1.0, testutil.ToFloat64(r.successful))
	require.NotZero(t, at)

	unchanged := func(want string) {
		t.Helper()
		require.ErrorContains(t, r.load(), want)
		require.Len(t, applied, 1)
		require.Same(t, before, r.current)
		require.Same(t, source, r.source)
		require.Equal(t, 0.0, testutil.ToFloat64(r.successful))
		require.Equal(t, at, testutil.ToFloat64(r.succeeded))
	}
	rewriteConfig(t, file, "http://two", "rate(up[5m]")
	unchanged(file + `:6: detector "shop": expr: `)
	rewriteConfig(t, file, "ftp://two", "up")
	unchanged(file + ":2: ")
	const missingCA = "remote_read: [{url: 'http://two', tls_config: {ca_file: none.pem}}]"
	require.NoError(t, os.WriteFile(file, []byte(missingCA), 0o600))
	unchanged(file + ": remote_read[0]: unable to read CA cert")
	rewriteConfig(t, file, "http://two", "up")
	refusal = errors.New(`detector "shop": no`)
	unchanged(file + `: detector "shop": no`)

	refusal = nil
	require.NoError(t, r.load())
	require.Len(t, applied, 2)
	require.NotSame(t, before, r.current)
	require.NotSame(t, source, r.source)
	require.Equal(t, 1.0, testutil.ToFloat64(r.successful))

	source = r.source
	rewriteConfig(t, file, "http://two", "down")
	require.NoError(t, r.load())
	require.Same(t, source, r.source, "its connections are used again")
}

// A mounted ConfigMap changes by a swap of one symbolic link, and the times of its files say nothing.
func TestReload_FollowsAConfigMap(t *testing.T) {
	dir := t.TempDir()
	version := func(name, main, team string) {
		t.Helper()
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		for file, text := range map[string]string{"config.yml": main, "team.yml": team} {
			path := filepath.Join(dir, name, file)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			require.NoError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
		}
		require.NoError(t, os.Symlink(name, filepath.Join(dir, "next")))
		require.NoError(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "..data")))
	}
	main := "remote_read: [{url: 'http://one/api/v1/read'}]\ndetector_files: [te*.yml]\n"
	version("..1", main, "detectors: [{name: a, expr: up}]")
	for _, file := range []string{"config.yml", "team.yml"} {
		require.NoError(t, os.Symlink(filepath.Join("..data", file), filepath.Join(dir, file)))
	}

	applied := make(chan *config.Config, 10)
	r := newReloader(filepath.Join(dir, "config.yml"), func(c *config.Config, _ storage.Queryable) error {
		applied <- c
		return nil
	}, prometheus.NewRegistry(), source.Options{Metrics: remoteread.NewMetrics(nil), Logger: log.NewNopLogger()})
	r.interval = time.Millisecond
	require.NoError(t, r.load())
	require.Equal(t, "a", (<-applied).Detectors[0].Name)
	first := testutil.ToFloat64(r.hash)
	require.NotZero(t, first)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.run(ctx, nil) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	version("..2", main, "detectors: [{name: b, expr: up}]")
	require.Equal(t, "b", (<-applied).Detectors[0].Name)
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.hash) != first }, 10*time.Second, time.Millisecond)
	second := testutil.ToFloat64(r.hash)

	version("..3", main, "detectors: [{name: c}]")
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.successful) == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, second, testutil.ToFloat64(r.hash), "of what is in force")
	version("..4", main, "detectors: [{name: b, expr: up}]")
	require.Equal(t, "b", (<-applied).Detectors[0].Name, "what was in force is tried again after a mistake")
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.successful) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, second, testutil.ToFloat64(r.hash))

	time.Sleep(50 * time.Millisecond)
	require.Empty(t, applied, "without a change there is no reload")
}
