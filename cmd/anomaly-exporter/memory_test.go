//go:build linux && !race

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// The memory limit that check-config prints is enough: a start with it stays within it. The CPU that it prints is near
// what the start takes.
// (The race detector needs several times the memory.)
func TestCheckConfig_EstimatesMemoryAndCPU(t *testing.T) {
	if testing.Short() {
		t.Skip("fits 500 series")
	}
	end, dir := time.Now(), t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for i := range 500 {
			l := labels.FromStrings("__name__", "load", "pod", fmt.Sprint("pod-", i))
			if !yield(servers.Series{Labels: l, Samples: func(yield func(int64, float64) bool) {
				for at := end.Add(-14 * 24 * time.Hour); at.Before(end.Add(time.Hour)); at = at.Add(time.Minute) {
					if !yield(at.UnixMilli(), float64(at.Unix()/60*int64(i+7)%1009)) {
						return
					}
				}
			}}) {
				return
			}
		}
	}))
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{
		Dir: dir, Flags: []string{"--storage.tsdb.retention.time=30d"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	file := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("remote_read: [{url: %s/api/v1/read}]\ndetectors: [{name: load, expr: load}]\n", p.URL())
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	var stdout, stderr bytes.Buffer
	o := checkOptions{files: []string{file}, output: "text", timeout: checkTimeout}
	good, err := checkConfig(t.Context(), o, testQueries(), &stdout, &stderr)
	require.NoError(t, err)
	require.True(t, good)
	said := regexp.MustCompile(`memory limit to set: about ([0-9.]+) MiB for 500 series now`)
	m := said.FindStringSubmatch(stdout.String())
	require.NotNil(t, m, stdout.String())
	limit, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)

	said = regexp.MustCompile(`a start with 500 series takes about ([0-9]+) s of CPU: [0-9]+ s on [0-9]+ cores?\n`)
	m = said.FindStringSubmatch(stdout.String())
	require.NotNil(t, m, stdout.String())
	estimate, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)

	// With the limit, as from a cgroup, and without any: what is read at once is bounded all the same.
	for _, environment := range [][]string{{fmt.Sprintf("GOMEMLIMIT=%dKiB", int(0.9*limit*1024))}, {"AUTOMEMLIMIT=off"}} {
		cost := costOfStart(t, file, environment)
		t.Logf("%s: limit %.0f MiB, peak %.0f MiB; estimated %.0f s of CPU, took %.1f s",
			environment, limit, cost.peak, estimate, cost.cpu)
		require.Less(t, cost.peak, limit, "MiB, with %s", environment)
		require.Less(t, cost.cpu, 5*estimate, "seconds of CPU; machines differ")
		require.Greater(t, cost.cpu, estimate/5, "seconds of CPU")
	}
}

type startCost struct{ peak, cpu float64 } // MiB, seconds

// costOfStart returns what a start takes until the exporter is ready.
func costOfStart(t *testing.T, file string, environment []string) startCost {
	t.Helper()
	cmd := command(t, t.TempDir(), "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	cmd.Env = append(cmd.Env, environment...)
	var logged syncBuffer
	cmd.Stderr = &logged
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}()
	address := regexp.MustCompile(`address=(127\.0\.0\.1:[0-9]+)`)
	require.Eventually(t, func() bool {
		at := address.FindStringSubmatch(logged.String())
		if at == nil {
			return false
		}
		resp, err := http.Get("http://" + at[1] + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 3*time.Minute, 100*time.Millisecond)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	require.NoError(t, err)
	kib := func(name string) float64 {
		found := regexp.MustCompile(name + `:\s+([0-9]+) kB`).FindSubmatch(status)
		require.NotNil(t, found, name)
		v, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		return v
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	require.NoError(t, err)
	_, after, found := bytes.Cut(stat, []byte(") ")) // the name of the program is in brackets
	require.True(t, found)
	var ticks float64 // hundredths of a second
	for _, field := range bytes.Fields(after)[11:13] {
		n, err := strconv.ParseFloat(string(field), 64)
		require.NoError(t, err)
		ticks += n
	}
	// The pages of the program's own file can be dropped.
	return startCost{peak: (kib("VmHWM") - kib("RssFile")) / 1024, cpu: ticks / 100}
}
