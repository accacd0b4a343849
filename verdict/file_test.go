package verdict_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened is a File over a path in a new directory, and what it says.
type opened struct {
	*verdict.File
	path    string
	reg     *prometheus.Registry
	log     *bytes.Buffer
	changes [][]verdict.Verdict
}

func open(t *testing.T, content string) *opened {
	t.Helper()
	o := &opened{path: filepath.Join(t.TempDir(), "feedback.yml"), reg: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	if content != "" {
		o.write(t, content)
	}
	o.File = verdict.NewFile(verdict.Options{
		Path: o.path, Logger: log.NewLogfmtLogger(o.log), Registerer: o.reg,
		OnChange: func(s *verdict.Set) { o.changes = append(o.changes, s.All()) },
	})
	return o
}

func (o *opened) write(t *testing.T, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(o.path, []byte(content), 0o600))
}

func (o *opened) read(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(o.path)
	require.NoError(t, err)
	return string(b)
}

const line = `- {series: '{detector="load", pod="a"}', ` +
	"from: 2026-11-28T12:00:00Z, to: 2026-11-28T12:10:00Z, verdict: confirmed}\n"

func TestFile_AppendsLinesThatPeopleCanRead(t *testing.T) {
	o := open(t, "")
	require.NoError(t, o.Load(), "no file yet")
	require.Empty(t, o.Set().All())
	v := about(verdict.Rejected, `it's "a"`, 0, 10)
	v.Who, v.Comment = "alice", "two\nlines, \"quoted\""
	require.NoError(t, o.Append(about(verdict.Confirmed, "a", 0, 10)))
	require.NoError(t, o.Append(v))
	require.Equal(t, line+`- {series: '{detector="load", pod="it''s \"a\""}', from: 2026-11-28T12:00:00Z, `+
		`to: 2026-11-28T12:10:00Z, verdict: rejected, who: "alice", comment: "two\nlines, \"quoted\""}`+"\n", o.read(t))
	require.Equal(t, []verdict.Verdict{about(verdict.Confirmed, "a", 0, 10), v}, o.Set().All())
	require.Len(t, o.changes, 2)

	again := open(t, o.read(t))
	require.NoError(t, again.Load())
	require.Equal(t, o.Set(), again.Set(), "another process reads the same")
	v.Kind = verdict.Revoked
	require.NoError(t, again.Append(v))
	require.Equal(t, []verdict.Verdict{about(verdict.Confirmed, "a", 0, 10)}, again.Set().All())
	require.True(t, strings.HasPrefix(again.read(t), o.read(t)), "nothing is rewritten")
}

func TestFile_SkipsATornLineAndAppendsAfterIt(t *testing.T) {
	for cut := 1; cut < len(line); cut++ {
		o := open(t, line+strings.ReplaceAll(line, `"a"`, `"b"`)[:cut])
		require.NoError(t, o.Load())
		torn := 1
		if cut == len(line)-1 { // only the line break is missing
			torn = 0
		}
		require.Len(t, o.Set().Invalid, torn, cut)
		require.Len(t, o.Set().All(), 2-torn)
		require.Equal(t, torn, strings.Count(o.log.String(), "feedback.yml line=2 err="), "%s", o.log)
		require.NoError(t, o.Append(about(verdict.Confirmed, "c", 0, 10)))
		all := o.Set().All()
		require.Len(t, all, 3-torn)
		require.Equal(t, "c", all[len(all)-1].Series.Get("pod"))
		require.Len(t, o.Set().Invalid, torn)
		require.NoError(t, testutil.GatherAndCompare(o.reg, strings.NewReader(`
# HELP anomaly_exporter_feedback_invalid_lines Lines of the feedback file that are skipped because they are no verdicts.
# TYPE anomaly_exporter_feedback_invalid_lines gauge
anomaly_exporter_feedback_invalid_lines `+string(rune('0'+torn))+`
`), "anomaly_exporter_feedback_invalid_lines"))
	}
}

func TestFile_LogsTenInvalidLines(t *testing.T) {
	o := open(t, strings.Repeat("nonsense\n", 12))
	require.NoError(t, o.Load())
	require.Equal(t, 10, strings.Count(o.log.String(), "is skipped"))
	require.Contains(t, o.log.String(), "lines=2")
	o.log.Reset()
	require.NoError(t, o.Load())
	require.Empty(t, o.log.String(), "nothing has changed")
}

func TestFile_KeepsItsVerdictsIfItCannotBeRead(t *testing.T) {
	o := open(t, line)
	require.NoError(t, o.Load())
	successful := func(want string) {
		t.Helper()
		require.NoError(t, testutil.GatherAndCompare(o.reg, strings.NewReader(`
# HELP anomaly_exporter_feedback_last_reload_successful Whether the last attempt to read the feedback file succeeded (1) or failed (0).
# TYPE anomaly_exporter_feedback_last_reload_successful gauge
anomaly_exporter_feedback_last_reload_successful `+want+`
`), "anomaly_exporter_feedback_last_reload_successful"))
	}
	successful("1")
	o.write(t, strings.Repeat(" ", verdict.MaxSize+1))
	require.ErrorContains(t, o.Load(), "feedback.yml: larger than 1048576 bytes")
	require.Len(t, o.Set().All(), 1)
	successful("0")
	require.NoError(t, os.Remove(o.path))
	require.NoError(t, os.Mkdir(o.path, 0o700))
	require.ErrorContains(t, o.Load(), "is a directory")
	require.NoError(t, os.Remove(o.path))
	require.NoError(t, o.Load())
	require.Empty(t, o.Set().All(), "a file that was removed says nothing")
	successful("1")
}

func TestFile_RefusesWhatItCannotKeep(t *testing.T) {
	o := open(t, line+"#"+strings.Repeat(" ", verdict.MaxSize-2*len(line)-1)+"\n")
	before := o.read(t)
	require.ErrorIs(t, o.Append(about(verdict.Confirmed, "a-longer-name", 0, 10)), verdict.ErrFull)
	require.ErrorContains(t, o.Append(about("perhaps", "a", 0, 10)), `verdict: "perhaps"`)
	require.Equal(t, before, o.read(t))
	missing := verdict.NewFile(verdict.Options{Path: filepath.Join(t.TempDir(), "none", "feedback.yml")})
	require.ErrorContains(t, missing.Append(about(verdict.Confirmed, "a", 0, 10)), "no such file or directory")
}

func TestFile_AppendsOneAtATime(t *testing.T) {
	o := open(t, "")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			require.NoError(t, o.Append(about(verdict.Confirmed, string(rune('a'+i)), 0, 10)))
		})
	}
	wg.Wait()
	require.Len(t, o.Set().All(), 20)
	require.Empty(t, o.Set().Invalid)
}

func TestFile_RunReadsWhatPeopleEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, line)
		require.NoError(t, o.Load())
		done := make(chan error, 1)
		ctx := t.Context()
		go func() { done <- o.Run(ctx) }()
		o.write(t, line+strings.ReplaceAll(line, `"a"`, `"b"`))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, o.Set().All(), 2)
		require.NoError(t, os.WriteFile(o.path, bytes.Repeat([]byte(" "), verdict.MaxSize+1), 0o600))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, o.Set().All(), 2)
		require.Equal(t, 1, strings.Count(o.log.String(), "Cannot read feedback"), "once, however often it fails")
	})
}
