package ui_test

import (
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui"
)

func TestSeries_AsksWhetherItWasAnAnomaly(t *testing.T) {
	file := verdict.NewFile(verdict.Options{Path: filepath.Join(t.TempDir(), "feedback.yml")})
	var who string
	var closed error
	h := pages(t, true, func(o *ui.Options) {
		o.Verdicts, o.Author = file, func(*http.Request) (string, error) { return who, closed }
	})
	path := "/series?detector=load&job=" + url.QueryEscape(hostile)
	status, body := get(t, h, path)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `<form class="say" method="post" action="/anomaly/feedback">`)
	require.Contains(t, body, `name="series" value="{detector=&#34;load&#34;, `+
		`job=&#34;\&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&#34;, `+
		`metric_name=&#34;load_bytes&#34;, namespace=&#34;shop&#34;}"`)
	require.Contains(t, body, `name="from" value="2026-03-07T11:05"`, "since it is anomalous")
	require.Contains(t, body, `name="to" value="2026-03-07T12:00"`)
	require.Contains(t, body, `<input name="who"`)
	require.Contains(t, body, `<a href="/anomaly/feedback">`)

	who = "alice"
	require.NoError(t, file.Append(verdict.Verdict{
		Series: labels.FromStrings("job", hostile), From: end, To: end.Add(1500 * time.Millisecond), Kind: verdict.Rejected,
		Comment: hostile,
	}))
	_, body = get(t, h, path)
	require.NotContains(t, body, `<input name="who"`, "who is known is not asked")
	for _, page := range []string{path, "/feedback"} {
		_, body := get(t, h, page)
		require.Contains(t, body, "<b>not an anomaly</b>")
		require.Contains(t, body, `name="to" value="2026-03-07T12:00:01.5Z"`, "exactly, to revoke it")
		require.Contains(t, body, ">Revoke</button>")
		require.Equal(t, page == path, strings.Contains(body, "The charts replay the past with these verdicts"))
		require.NotContains(t, body, "<script>alert")
	}
	_, body = get(t, h, "/series?detector=load&job=api")
	require.NotContains(t, body, ">Revoke</button>", "of another series")
	_, body = get(t, h, "/series?scaler=fleet")
	require.NotContains(t, body, "Was it an anomaly?")

	closed = errors.New("nobody may")
	for _, page := range []string{path, "/feedback"} {
		_, body := get(t, h, page)
		require.Contains(t, body, "nobody may")
		require.Contains(t, body, "<b>not an anomaly</b>")
		require.Zero(t, strings.Count(body, `method="post"`))
	}
}

func TestFeedback_ListsAllPageByPage(t *testing.T) {
	file := verdict.NewFile(verdict.Options{Path: filepath.Join(t.TempDir(), "feedback.yml")})
	h := pages(t, false, func(o *ui.Options) {
		o.Verdicts, o.Author = file, func(*http.Request) (string, error) { return "", nil }
	})
	for i := range 201 {
		require.NoError(t, file.Append(verdict.Verdict{
			Series: labels.FromStrings("job", "api"), From: end.Add(time.Duration(2*i) * time.Minute),
			To: end.Add(time.Duration(2*i+1) * time.Minute), Kind: verdict.Rejected,
		}))
	}
	_, body := get(t, h, "/feedback")
	require.Equal(t, 200, strings.Count(body, "<b>not an anomaly</b>"))
	require.Contains(t, body, `1 to 200 of 201 <a href="?offset=200" rel="next">next</a>`)
	_, body = get(t, h, "/feedback?offset=200")
	require.Equal(t, 1, strings.Count(body, "<b>not an anomaly</b>"))
	require.Contains(t, body, "2026-03-07 12:00 to 2026-03-07 12:01", "the oldest comes last")
	require.Contains(t, body, `201 to 201 of 201 <a href="?offset=0" rel="prev">before</a>`)
	_, body = get(t, h, "/series?detector=load&job=api&offset=200")
	require.Contains(t, body, "The newest 200 of 201.")
}
