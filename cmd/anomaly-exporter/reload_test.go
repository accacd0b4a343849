package main

import (
	"errors"
	"os"
	"testing"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

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
	}, prometheus.NewRegistry(), sourceOptions{metrics: remoteread.NewMetrics(nil), logger: log.NewNopLogger()})
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
