package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func TestParseTime_AcceptsTimesAndDurations(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-02T00:00:00Z":      time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		"2026-03-02T00:00:00+01:00": time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC),
		"1772409600":                time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		"1772409600.5":              time.Date(2026, 3, 2, 0, 0, 0, 500e6, time.UTC),
		"-7d":                       time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
		"1d12h":                     time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC),
	} {
		got, err := parseTime(text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%s is %s", text, got)
	}
	for _, text := range []string{"", "yesterday", "2026-03-02", "NaN", "+Inf", "1e300"} {
		_, err := parseTime(text, now)
		require.EqualError(t, err, fmt.Sprintf("%q is neither a time such as 2026-03-02T00:00:00Z or 1772409600, "+
			"nor a duration before now such as -7d", text))
	}
}

func TestProgressBar_IsOneForAll(t *testing.T) {
	var b strings.Builder
	begun := time.Now()
	bar := progressBar{w: &b, begun: begun}
	for _, now := range []struct {
		after time.Duration
		doing string
		done  int
	}{
		{0, "reading", 0},
		{30 * time.Second, "replaying", 300},
		{30*time.Second + 50*time.Millisecond, "replaying", 310}, // too soon
		{60 * time.Second, "reading more", 500},
		{120 * time.Second, "replaying more", 1000},
	} {
		bar.showAt(begun.Add(now.after), now.doing, now.done, 1000)
	}
	require.Equal(t, "\r\x1b[K[                    ] 0 %: reading"+
		"\r\x1b[K[======              ] 30 %, 1m10s left: replaying"+
		"\r\x1b[K[==========          ] 50 %, 1m0s left: reading more"+
		"\r\x1b[K[====================] 100 %, 0s left: replaying more", b.String())
	b.Reset()
	bar.clear()
	require.Equal(t, "\r\x1b[K", b.String())
}

func TestBacktest_ReportsOnStdoutAndWritesResults(t *testing.T) {
	end := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	sawtooth := servers.Series{
		Labels: labels.FromStrings("__name__", "load", "pod", "web-1"),
		Samples: func(yield func(int64, float64) bool) {
			for at := end.Add(-3 * 24 * time.Hour); !at.After(end); at = at.Add(5 * time.Minute) {
				if !yield(at.UnixMilli(), float64(at.Unix()/300%7)) {
					return
				}
			}
		},
	}
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) { yield(sawtooth) }))
	prometheus, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, prometheus.Stop()) })
	file := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf(`
remote_read: [{url: %s/api/v1/read}]
detectors:
  - {name: web, expr: load, step: 5m}
  - {name: none, expr: nothing}
`, prometheus.URL())
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	feedback := filepath.Join(filepath.Dir(file), "feedback.yml")
	torn := strings.ReplaceAll(confirmed, `"a"`, `"web-1"`) + "- {"
	require.NoError(t, os.WriteFile(feedback, []byte(torn), 0o600))

	const table = `from 2026-03-08T00:00:00Z to 2026-03-09T00:00:00Z\n\ndetector .*\nweb +1 +289 (?s:.*)`
	for _, tc := range []struct {
		name   string
		args   []string
		code   int
		stdout string // regular expressions for the whole
		stderr string
	}{
		{"a day", []string{"--start=2026-03-08T00:00:00Z", "--end=2026-03-09T00:00:00Z", "--detector=web"}, 0, table, ``},
		{
			"all detectors, compared with a truth and written to a file",
			[]string{"--start=1772928000", "--end=1773014400", "--truth=load > 100", "--truth.on=pod", "--output=all.om"},
			0,
			table + `\nnone +0 +0 +- .* no series\n(?s:.*)against the truth .*\nweb +0 +0 +- (?s:.*)`,
			"the truth had no value in this time\n",
		},
		{
			"compared with a truth that is about nothing of it",
			[]string{
				"--start=1772928000", "--end=1773014400", "--detector=web",
				`--truth=label_replace(load, "pod", "other", "", "") == 6`,
			},
			0,
			table + `\n(?s:.*)against the truth .*\nweb +0 +0 +- (?s:.*)`,
			`the truth had a value from 2026-03-08T01:\S+Z to \S+, which belongs to no series that had a score then; ` +
				`if they share no label but job and instance, name those to join on with --truth\.on\n`,
		},
		{
			"compared with what people confirmed",
			[]string{
				"--start=1772928000", "--end=1773014400", "--detector=web", "--feedback.file=" + feedback,
				`--truth=anomaly_feedback{verdict="confirmed"}`,
			},
			0,
			table + `\n(?s:.*)against the truth .*\nweb +1 +0 +0 % (?s:.*)`,
			`.*msg="Line of the feedback file is skipped" .*line=2 .*\n.*msg="Feedback loaded" .*verdicts=1\n`,
		},
		{
			"no feedback",
			[]string{"--feedback.file=none.yml"},
			1, ``,
			`feedback file: stat none\.yml: no such file or directory\n`,
		},
		{
			"with a page of charts",
			[]string{"--start=2026-03-08T00:00:00Z", "--end=2026-03-09T00:00:00Z", "--detector=web", "--report=web.html"},
			0, table, ``,
		},
		{
			"for programs",
			[]string{"--start=2026-03-08T00:00:00Z", "--end=2026-03-09T00:00:00Z", "--detector=web", "--format=json"},
			0, `{\n  "start": "2026-03-08T00:00:00Z",\n(?s:.*)\n      "name": "web",\n(?s:.*)}\n`, ``,
		},
		{
			"no such folder",
			[]string{"--report=none/web.html"},
			1, ``,
			`--report: open none/web\.html\..*: no such file or directory\n`,
		},
		{
			"no such detector",
			[]string{"--detector=wbe", "--report=no.html"},
			1, ``,
			`the configuration has no detector or scaler "wbe"; did you mean "web"\?\n`,
		},
		{"no such time", []string{"--start=soon"}, 1, ``, `--start: "soon" is neither .*\n`},
		{"truth that looks ahead", []string{"--truth=up offset -1h"}, 1, ``, `--truth: offset -1h looks ahead\n`},
		{"no file", []string{"--config.file=none.yml"}, 1, ``, `open none\.yml: no such file or directory; [^\n]*\n`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.HasPrefix(tc.args[0], "--config.file") {
				tc.args = append(tc.args, "--config.file="+file)
			}
			cmd := command(t, t.TempDir(), append([]string{"backtest"}, tc.args...)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the exit code is checked below
			require.Equal(t, tc.code, cmd.ProcessState.ExitCode(), stderr.String())
			require.Regexp(t, "^"+tc.stderr+"$", stderr.String())
			require.Regexp(t, "^"+tc.stdout+"$", stdout.String())
			left, err := filepath.Glob(filepath.Join(cmd.Dir, "no.html*"))
			require.NoError(t, err)
			require.Empty(t, left, "nothing is left of a report that fails")
			if tc.name == "with a page of charts" {
				written, err := os.ReadFile(filepath.Join(cmd.Dir, "web.html"))
				require.NoError(t, err)
				require.Contains(t, string(written), "<h1>Backtest of config.yml</h1>")
			}
			if tc.name == "all detectors, compared with a truth and written to a file" {
				written, err := os.ReadFile(filepath.Join(cmd.Dir, "all.om"))
				require.NoError(t, err)
				require.Contains(t, string(written), `anomaly_score{detector="web",metric_name="load",pod="web-1"} `)
			}
		})
	}
}
