package outage_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/outage"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

var begin = time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)

type refused struct{ error }

func (refused) Temporary() bool { return true }

// fixture is a Log of errors and news, as by default.
type fixture struct {
	*outage.Log
	out bytes.Buffer
}

func newFixture() *fixture {
	f := &fixture{}
	f.Log = outage.New(level.NewFilter(log.NewLogfmtLogger(&f.out), level.AllowInfo()))
	return f
}

// fail lets a detector fail that has failed since the beginning, and later ones a second later each.
func (f *fixture) fail(i int, after time.Duration) {
	err := fmt.Errorf("query d%d: %w", i, refused{errors.New("remote read http://a: connection refused")})
	since := begin.Add(time.Duration(i) * time.Second)
	f.Failed(source(i), err, since, since.Add(after), time.Minute)
}

func (f *fixture) lines() []string {
	lines := strings.Split(strings.TrimSuffix(f.out.String(), "\n"), "\n")
	f.out.Reset()
	return lines
}

func source(i int) result.Source { return result.Source{Name: fmt.Sprintf("d%d", i)} }

// An hour without Prometheus is a line a minute, not one for each detector and attempt.
func TestLog_SaysOnceThatTheServerDoesNotAnswer(t *testing.T) {
	f := newFixture()
	for minute := range 60 {
		for i := range 14 {
			f.fail(i, time.Duration(minute)*time.Minute)
		}
	}
	lines := f.lines()
	require.Len(t, lines, 61)
	require.Equal(t, `level=error detector=d0 msg="Cycle failed, retrying" err="query d0: remote read http://a: `+
		`connection refused" since=2026-11-30T03:00:00Z in=1m0s`, lines[0])
	require.Equal(t, `level=error msg="Cycles fail as the server does not answer, retrying" failing=2 err="remote read `+
		`http://a: connection refused" since=2026-11-30T03:00:00Z in=1m0s`, lines[1])
	require.Contains(t, lines[2], " failing=14 ")
	for i := range 14 {
		f.Succeeded(source(i), begin.Add(time.Duration(i)*time.Second), begin.Add(time.Hour))
	}
	require.Equal(t, []string{`level=info msg="All cycles succeed again" failed_since=2026-11-30T03:00:00Z ` +
		`step=2026-11-30T04:00:00Z`}, f.lines())
}

// What only one detector has is its own, and so is a mistake in an expression.
func TestLog_SaysWhatFailsByItself(t *testing.T) {
	f := newFixture()
	for minute := range 3 {
		f.fail(1, time.Duration(minute)*time.Minute)
		f.Failed(source(2), errors.New("found duplicate series"), begin, begin, time.Minute)
	}
	f.Succeeded(source(1), begin, begin.Add(time.Hour))
	lines := f.lines()
	require.Len(t, lines, 7)
	require.Equal(t, 3, strings.Count(strings.Join(lines, "\n"), `detector=d1 msg="Cycle failed`))
	require.Equal(t, 3, strings.Count(strings.Join(lines, "\n"), `detector=d2 msg="Cycle failed`))
	require.Contains(t, lines[6], `level=info detector=d1 msg="Cycle succeeded again" failed_since=2026-11-30T03:00:00Z`)

	// A detector that is removed meanwhile does not keep the outage of the others open.
	f.fail(1, 0)
	f.fail(2, 0)
	f.Forget(source(2))
	f.Succeeded(source(1), begin, begin.Add(time.Hour))
	require.Contains(t, f.lines()[2], `msg="All cycles succeed again"`)
}
