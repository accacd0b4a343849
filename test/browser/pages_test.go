package browser_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestPages_WorkInABrowserAndAgreeWithScrapes(t *testing.T) {
	_, err := browserPath()
	require.NoError(t, err)
	d := startDemo(t)
	open := startBrowser(t)
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) { clickThrough(open(t, d, l), d) })
	}
	t.Run("the past is what Prometheus scraped", func(t *testing.T) { compareWithScrapes(t, d) })
	t.Run("alerts link to pages", func(t *testing.T) { followAlerts(t, d) })
}

// clickThrough goes from the overview to a series and to a scaler, as people do.
func clickThrough(b *tab, d demo) {
	t := b.t
	b.open(d.page)
	overview := b.text("main")
	eventually(t, time.Minute, func() error { // a busy machine takes longer than the page waits for
		if overview = b.text("main"); strings.Contains(overview, "or earlier") {
			b.open(d.page)
			return errors.New("it is not known since when anomalies last that began before the exporter")
		}
		return nil
	})
	for _, what := range []string{"cache_hit_ratio", "pool_wait", "pod_restarts", "memory_vs_limit", "frontend"} {
		require.Contains(t, overview, what)
	}
	b.fine("overview")

	b.click(`//a[contains(., "pool_wait of shop/api/orders")]`)
	require.Contains(t, b.text("h1"), "pool_wait of shop/api/orders is ")
	b.drawn(2)
	require.Contains(t, b.text("#promql + pre + p"), "Open in Prometheus")
	b.fine("series")
	b.click(`//nav[@aria-label="Range"]/a[. = "24h"]`)
	require.Equal(t, "24h", b.text(`[aria-current="true"]`))
	b.drawn(2)
	if !b.look.bare {
		keepsZoom(b)
	} else {
		require.Regexp(t, `(?m)^\d\d:\d\d\s+\S+`, b.text("#past"))
	}

	looksAround(b)

	b.click(`//a[. = "Now"]`)
	b.click(`//a[contains(., "frontend of shop/frontend")]`)
	require.Contains(t, b.text("h1"), "frontend of shop/frontend needs ")
	b.drawn(3)
	require.Contains(t, b.text("#strategies + .scroll"), "reactive")
	b.fine("scaler")
	b.click(`//nav[@aria-label="Range"]/a[. = "6h"]`)
	b.drawn(3)
	b.click(`//nav[@aria-label="Lay over the chart"]/a[. = "yesterday"]`)
	run(b, chromedp.SetValue(chromedp.CSS(`#at`), time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04")))
	b.click(`//button[. = "Look"]`)
	require.Contains(t, b.text(".past"), "This is the past")
	b.drawn(3)
	if !b.look.bare {
		require.Contains(t, b.text("#load .u-legend"), "yesterday")
	}
	b.fine("scaler-past")

	// The filter keeps the state in the address.
	b.click(`//a[. = "Now"]`)
	run(b, chromedp.SetValue(chromedp.CSS(`[name="match"]`), `{job="api"}`))
	b.click(`//button[. = "Filter"]`)
	require.Contains(t, run(b, chromedp.Location()), "match=%7Bjob%3D%22api%22%7D")
	require.NotContains(t, b.text("main"), "pod_restarts of shop/worker")
	b.fine("filtered")

	b.click(`//a[. = "Status"]`)
	require.Contains(t, b.text("#servers ~ *"), "/api/v1/read")
	require.Contains(t, b.text("#cycles + .scroll"), "pool_wait")
	b.fine("status")
	b.click(`//a[. = "Now"]`)
	b.click(`//a[. = "memory_vs_limit"]`)
	require.Contains(t, b.text("h1"), "series of memory_vs_limit")
	b.fine("list")
	b.click(`//a[contains(., "series that are gone")]`)
	b.click(`(//tbody//a)[1]`)
	require.Contains(t, b.text(".past"), "This series is gone")
	b.drawn(2)
	b.fine("gone")

	// The playground needs JavaScript, and says so.
	b.open(d.page + "/playground?of=detector/pool_wait&days=1")
	if b.look.bare {
		require.Contains(t, b.text("noscript"), "Running it needs JavaScript")
		b.fine("playground")
		return
	}
	edit := `(() => { const e = document.getElementById('yaml'); e.value = e.value.replace('0.01', '0.5'); return e.value; })()`
	require.Contains(t, evaluate[string](b, edit), "min_deviation: 0.5")
	evaluate[bool](b, `document.getElementById('run').click() ?? true`)
	eventually(t, 2*time.Minute, func() error {
		if said := b.text("#status") + b.text("#problems"); said != "Done. The outcome is below." {
			return errors.New(said)
		}
		return nil
	})
	b.drawn(4) // two of each side
	require.Contains(t, b.text("#outcome"), "pool_wait of shop/api/orders")
	b.fine("playground")
}

// looksAround lays earlier values and roll-outs over the charts of a series, and looks at it as it was an hour ago.
func looksAround(b *tab) {
	t := b.t
	b.click(`//nav[@aria-label="Range"]/a[. = "7d"]`)
	b.click(`//nav[@aria-label="Lay over the chart"]/a[. = "yesterday"]`)
	b.click(`//nav[@aria-label="Lay over the chart"]/a[. = "roll-outs"]`)
	require.Contains(t, run(b, chromedp.Location()), "overlay=1d%2Crollouts")
	b.drawn(2)
	require.Contains(t, b.text("#marks"), `roll-out`)
	require.Contains(t, b.text("#marks"), `deployment="payments"`)
	if !b.look.bare {
		require.Contains(t, b.text("#value .u-legend"), "yesterday")
		require.Contains(t, b.text(".keys"), "roll-out")
		require.Regexp(t, `^high at \d+ of \d+ steps, in \d+ period`, b.text("#counted"))
	}
	b.fine("overlays")

	b.click(`//nav[@aria-label="Range"]/a[. = "6h"]`)
	at := time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04")
	run(b, chromedp.SetValue(chromedp.CSS(`#at`), at))
	b.click(`//button[. = "Look"]`)
	require.Contains(t, b.text(".past"), "This is the past: the page as it was at "+strings.Replace(at, "T", " ", 1))
	require.Contains(t, run(b, chromedp.Location()), "overlay=1d%2Crollouts", "it stays")
	b.drawn(2)
	b.fine("past")
	if !b.look.bare {
		click := `(() => {
			const over = document.querySelector('#value .u-over'), r = over.getBoundingClientRect();
			for (const kind of ['mousemove', 'mousedown', 'mouseup', 'click']) {
				over.dispatchEvent(new MouseEvent(kind, {
					bubbles: true, button: 0, clientX: r.left + 0.3 * r.width, clientY: r.top + 50,
				}));
			}
			return true;
		})()`
		eventually(t, 10*time.Second, func() error {
			evaluate[bool](b, click)
			if !evaluate[bool](b, `document.getElementById('then').href.includes('at=')`) {
				return errors.New("a click on the chart offers no time")
			}
			return nil
		})
		earlier := b.text("#then")
		b.click(`//a[@id="then"]`)
		require.Contains(t, b.text(".past"), strings.TrimPrefix(earlier, "as it was at "))
		b.drawn(2)
	}
	b.click(`//a[. = "Back to now"]`)
	require.NotContains(t, run(b, chromedp.Location()), "at=")
	require.NotContains(t, b.text("main"), "This is the past")
}

// keepsZoom drags over a chart, and opens the address again.
func keepsZoom(b *tab) {
	drag := `(() => {
		const over = document.querySelector('#value .u-over'), at = over.getBoundingClientRect();
		for (const [kind, share] of [['mousedown', 0.3], ['mousemove', 0.5], ['mouseup', 0.5]]) {
			(kind === 'mouseup' ? document : over).dispatchEvent(new MouseEvent(kind, {
				bubbles: true, button: 0, clientX: at.left + share * at.width, clientY: at.top + 50,
				movementX: share * at.width, movementY: 0,
			}));
		}
		return true;
	})()`
	require.True(b.t, evaluate[bool](b, drag))
	var zoomed string
	eventually(b.t, 10*time.Second, func() error {
		if zoomed = evaluate[string](b, "location.href"); !strings.Contains(zoomed, "#from=") {
			return errors.New(zoomed + " does not tell what is zoomed to")
		}
		return nil
	})
	b.open("about:blank")
	b.open(zoomed)
	b.drawn(2)
	require.Equal(b.t, zoomed, evaluate[string](b, "location.href"), "the whole range would clear it")
}

// compareWithScrapes compares the replayed past with what Prometheus scraped from the exporter, to the bit.
func compareWithScrapes(t *testing.T, d demo) {
	for _, tc := range []struct {
		metric, step, endpoint, match string
		replayed                      func(answer) (times []int64, values []*float64)
	}{
		{
			`recommended_replicas{scaler="frontend"}`, `anomaly_exporter_last_step_timestamp_seconds{scaler="frontend"}`,
			"recommendations", `{scaler="frontend"}`,
			func(a answer) ([]int64, []*float64) {
				h := a.Data.Recommendations[0].History
				return h.Time, h.Strategies[0].Replicas
			},
		},
		{
			`anomaly_score{detector="pool_wait",pool="orders"}`,
			`anomaly_exporter_last_step_timestamp_seconds{detector="pool_wait"}`,
			"series", `{detector="pool_wait",pool="orders"}`,
			func(a answer) ([]int64, []*float64) {
				h := a.Data.Series[0].History
				return h.Time, h.Score
			},
		},
		{
			`forecast_yhat_upper{detector="pool_wait",pool="orders",horizon="0s"}`,
			`anomaly_exporter_last_step_timestamp_seconds{detector="pool_wait"}`,
			"series", `{detector="pool_wait",pool="orders"}`,
			func(a answer) ([]int64, []*float64) {
				h := a.Data.Series[0].History
				return h.Time, h.Upper
			},
		},
	} {
		t.Run(tc.metric, func(t *testing.T) {
			eventually(t, 5*time.Minute, func() error {
				scraped := scrapes(t, d, tc.metric, tc.step)
				if len(scraped) < 3 {
					return fmt.Errorf("only %d steps have been scraped", len(scraped))
				}
				query := url.Values{"match[]": {tc.match}, "start": {strconv.FormatInt(time.Now().Unix()-3600, 10)}}
				var a answer
				get(t, d.page+"/api/v1/"+tc.endpoint+"?"+query.Encode(), &a)
				times, values := tc.replayed(a)
				compared := 0
				for i, step := range times {
					if want, ok := scraped[step]; ok && values[i] != nil {
						require.Equal(t, math.Float64bits(want), math.Float64bits(*values[i]), "at %d", step)
						compared++
					}
				}
				if compared < 3 {
					return fmt.Errorf("only %d steps were compared", compared)
				}
				return nil
			})
		})
	}
}

// answer is what the API answers.
type answer struct {
	Data struct {
		Recommendations []struct {
			History struct {
				Time       []int64
				Strategies []struct{ Replicas []*float64 }
			}
		}
		Series []struct {
			History struct {
				Time         []int64
				Score, Upper []*float64
			}
		}
	}
}

// scrapes returns what Prometheus scraped of a metric, by the step that a gauge of the same scrape tells.
func scrapes(t *testing.T, d demo, metric, step string) map[int64]float64 {
	t.Helper()
	samples := func(selector string) map[string]float64 {
		var a struct {
			Data struct {
				Result []struct{ Values [][2]any }
			}
		}
		get(t, d.prometheus+"/api/v1/query?"+url.Values{"query": {selector + "[10m]"}}.Encode(), &a)
		found := map[string]float64{}
		for _, series := range a.Data.Result {
			for _, sample := range series.Values {
				v, err := strconv.ParseFloat(sample[1].(string), 64)
				require.NoError(t, err)
				found[fmt.Sprint(sample[0])] = v
			}
		}
		return found
	}
	steps, byStep := samples(step), map[int64]float64{}
	for at, v := range samples(metric) {
		if s, ok := steps[at]; ok {
			byStep[int64(s)] = v
		}
	}
	return byStep
}

// followAlerts opens the links of the alerts that are firing.
func followAlerts(t *testing.T, d demo) {
	type alert struct {
		Labels, Annotations map[string]string
	}
	var linked []string
	eventually(t, 10*time.Minute, func() error {
		var alerts []alert
		get(t, d.alertmanager+"/api/v2/alerts", &alerts)
		linked = nil
		for _, a := range alerts {
			if a.Labels["source"] == "predictive_model" && !strings.HasPrefix(a.Labels["alertname"], "AnomalyExporter") {
				require.NotEmpty(t, a.Annotations["page_url"], a)
				linked = append(linked, a.Annotations["page_url"])
			}
		}
		if !slices.ContainsFunc(linked, func(l string) bool { return strings.Contains(l, "/series?") }) {
			return fmt.Errorf("no alert links to a series: %v", alerts)
		}
		return nil
	})
	for _, link := range linked {
		require.True(t, strings.HasPrefix(link, d.page+"/"), link)
		resp, err := http.Get(link)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, link)
	}
}
