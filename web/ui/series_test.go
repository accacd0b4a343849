package ui_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

func TestSeries_ShowsThePast(t *testing.T) {
	h := pages(t, true)
	for _, at := range []string{"2026-03-07T11:33:00Z", "2026-03-07T11:30", "2026-03-07T11:30Z"} {
		status, body := get(t, h, "/series?detector=load&job=api&range=1h&at="+url.QueryEscape(at))
		require.Equal(t, http.StatusOK, status)
		require.Regexp(t, `<h1><span class="pill [a-z]+">[a-z]+</span> load of shop/api is 9\.\d+ GiB; usual now is `+
			`4\.\d+ to 4\.\d+ GiB\. Since 11:05 \(25 min\)\.`, body)
		require.Contains(t, body, "<b>This is the past</b>: the page as it was at 2026-03-07 11:30 UTC, 31 min ago. "+
			`<a href="?detector=load&amp;job=api&amp;range=1h">Back to now</a>`)
		require.Contains(t, body, "end=2026-03-07T11%3A3")
		require.Contains(t, body, "anomaly-exporter context --config.file=FILE --at=2026-03-07T11:30:00Z "+
			"--match=&#39;{namespace=&#34;shop&#34;}&#39;")
		require.NotContains(t, body, "Nothing else is scored", "only this series was replayed")
		require.NotContains(t, body, "amtool", "the past cannot be silenced")
		require.Contains(t, body, `name="at" value="2026-03-07T11:30"`)
		require.Contains(t, body, "range=24h", "zooming stays in the past")
	}
	_, body := get(t, h, "/series?detector=load&job=api&at=2026-03-07T10:30")
	require.Regexp(t, `load of shop/api is 4\.\d+ GiB; usual now is 4\.\d+ to 4\.\d+ GiB\.`, body)
	require.NotContains(t, body, "Since 1", "it was as usual then")
	_, body = get(t, h, "/series?detector=load&job=api&at=2030-01-01T00:00")
	require.Contains(t, body, "Since 11:05")
	require.NotContains(t, body, "This is the past")

	status, body := get(t, h, "/series?detector=load&job=api&at=yesterday")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "is not a time such as")
	status, body = get(t, h, "/series?detector=load&job=api&at=2025-01-01T00:00")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "at: load of shop/api had no value in the 6 h before")
	require.Contains(t, body, `<a href="/anomaly/series?detector=load&amp;job=api`)
}

func TestSeries_MarksWhatHappened(t *testing.T) {
	h := pages(t, true)
	const address = "/series?detector=load&range=6h&job="
	_, body := get(t, h, address+"api")
	require.NotContains(t, body, "What happened")
	require.Contains(t, body, `<a href="?detector=load&amp;job=api&amp;overlay=1d&amp;range=6h">yesterday</a>`)

	_, body = get(t, h, address+"api&overlay=1d,alerts")
	require.Contains(t, body, `<a href="?detector=load&amp;job=api&amp;overlay=alerts&amp;range=6h" `+
		`aria-current="true">yesterday</a>`)
	require.Contains(t, body, `overlay=1d&amp;start=2026`, "the API is asked for what is a line only")
	from := end.Unix() - 50*60
	// Until five minutes after its last sample, as PromQL has it.
	require.Contains(t, body, fmt.Sprintf(`<tr data-kind="alerts" data-from="%d" data-to="%d">`, from, from+30*60))
	require.NotContains(t, body, "<script>alert")
	_, body = get(t, h, address+url.QueryEscape(hostile)+"&overlay=rollouts")
	require.Contains(t, body, "Nothing in this range.")

	const wrong = `context: {alerts: 'label_replace(load_bytes, "job", "$1", "job", "(")'}` + "\n"
	broken := strings.Replace(testConfig, "outcomes:", wrong+"outcomes:", 1)
	_, body = get(t, pagesOf(t, broken, true), address+"api&overlay=alerts")
	require.Contains(t, body, "Not known: ")
}

func TestSeries_ComparesWithAStraightLineAndOffersTexts(t *testing.T) {
	status, body := get(t, pages(t, true), "/series?detector=load&job="+url.QueryEscape(hostile))
	require.Equal(t, http.StatusOK, status)
	require.Regexp(t, `id="straight" class="calm" data-from="\d+" data-begin="[^"]+" data-to="\d+" data-end="[^"]+">`+
		`To compare: a straight line through the last 1 h [a-z ]+the upper bound`, body)
	require.Regexp(t, `<th>alerts of its detector</th><td>0 true, 2 false, 0 undecided`, body)
	require.Regexp(t, `<th>inside the forecast interval</th><td>1h: \d+ % of its values, should be 80 %</td>`, body)

	require.Regexp(t, `is not expected to be crossed\. How likely: 0 % within 1h\.</p>`, body)
	require.Regexp(t, `<th>learned from</th><td>\d Mar \d\d:\d\d to 7 Mar \d\d:\d\d UTC; no gaps</td>`, body)

	texts := regexp.MustCompile(`(?s)<pre>(- .*?)</pre>`).FindAllStringSubmatch(body, -1)
	require.Len(t, texts, 2)
	set := verdict.Parse(unescape(texts[0][1]) + "\n" + unescape(texts[1][1]) + "\n")
	require.Empty(t, set.Invalid)
	require.Equal(t, hostile, set.All()[0].Series.Get("job"))
	require.Equal(t, verdict.Confirmed, set.All()[0].Kind, "of two about the same steps, the newest counts")

	words := regexp.MustCompile(`(?s)<pre>(amtool.*?)</pre>`).FindStringSubmatch(body)
	require.Equal(t, `amtool silence add --duration=2h --comment='known' 'detector="load"' `+
		`'job="\"><script>alert(1)</script>'\''"' 'metric_name="load_bytes"' 'namespace="shop"'`, unescape(words[1]))
}

func TestSeries_SaysWhereAStraightLineCrosses(t *testing.T) {
	cases := [][2]string{
		{"{upper: 30}", "crosses the upper bound at 12:30"},
		{"{upper: 61}", "does not cross the upper bound within 1 h"},
		{"{upper: -1}", "is beyond the upper bound"},
		{"{lower: -1}", "does not cross the lower bound within 1 h"},
		{"{lower: 1, upper: 59.9}", "is beyond the lower bound and crosses the upper bound at 12:59"},
	}
	text := "remote_read: [{url: http://localhost:9090/api/v1/read}]\n" +
		"global: {history: 3d, step: 5m, query_offset: 0s}\ndetectors:\n"
	for i, tc := range cases {
		text += fmt.Sprintf("  - {name: line%d, expr: line, bounds: %s, forecaster: {horizons: [1h]}}\n", i, tc[0])
	}
	h := pagesOf(t, text, false)
	for i, tc := range cases {
		_, body := get(t, h, fmt.Sprintf("/series?detector=line%d", i))
		require.Contains(t, body, "a straight line through the last 1 h "+tc[1]+".", tc[0])
	}
}

func TestSeries_ComparesSiblings(t *testing.T) {
	text := strings.Replace(testConfig, "expr: load_bytes,", "expr: load_bytes, pool_by: [namespace], history: 3d,", 1)
	h := pagesOf(t, text, false)
	_, body := get(t, h, "/series?detector=load&job=api")
	require.Contains(t, body, "<b>load of shop/api</b> (this one)")
	require.Equal(t, 1, strings.Count(body, `class="self"`))
	section := body[strings.Index(body, `id="siblings"`):]
	require.Equal(t, 2, strings.Count(section[:strings.Index(section, "</section>")], "<svg"))
}

func unescape(text string) string { return html.UnescapeString(text) }

func TestSeries_ListsThoseOfADetectorPageByPage(t *testing.T) {
	_, body := get(t, pages(t, true), "/")
	require.Contains(t, body, `<a href="/anomaly/series?detector=load">load</a>`)
	require.Contains(t, body, `href="/anomaly/api/v1/series?detector=load&amp;format=csv&amp;limit=10000"`)
	h := pagesOf(t, strings.Replace(testConfig, "expr: load_bytes,", "expr: many,", 1), false)
	status, body := get(t, h, "/series?detector=load")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "The 150 series of load")
	require.Equal(t, 100, strings.Count(body, "many of")+strings.Count(body, ">load of"))
	require.Contains(t, body, `1 to 100 of 150 <a href="?detector=load&amp;offset=100" rel="next">next</a>`)
	require.Contains(t, body, "its history is shorter than min_history, or too short for a model; wait")
	status, body = get(t, h, "/series?detector=load&offset=100")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `101 to 150 of 150 <a href="?detector=load&amp;offset=0" rel="prev">before</a>`)
	for _, offset := range []string{"-1", "x", "1000"} {
		status, _ = get(t, h, "/series?detector=load&offset="+offset)
		require.Equal(t, http.StatusOK, status)
	}
}

func TestSeries_ShowsInputsWithTheirUnits(t *testing.T) {
	joint := "inputs: {memory: max by (job) (load_bytes), twice: 2 * max by (job) (load_bytes)}, by: [job],"
	h := pagesOf(t, strings.Replace(testConfig, "expr: load_bytes, bounds: {upper: 2e10}, forecaster: {horizons: [1h]}",
		joint, 1), false)
	_, body := get(t, h, "/series?detector=load&job=api")
	require.Regexp(t, `<th>memory</th><td class="n">4\.\d+ GiB</td>`, body)
	require.Contains(t, body, "<td>all inputs together, compared with how they went together before; fitted every 6h</td>")
}
