package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// grafanaDashboard is what is needed of one here; package dashboards checks the rest.
type grafanaDashboard struct {
	Time   struct{ From string }
	Panels []struct {
		Title   string
		Targets []struct {
			Expr    string
			Instant bool
		}
	}
	Annotations struct {
		List []struct{ Name, Expr, Step string }
	}
	Templating struct {
		List []struct{ Name, Definition string }
	}
}

// dashboardQuery is a query as Grafana would ask it when the dashboard is opened.
type dashboardQuery struct {
	name, expr string
	span, step time.Duration // no step: now
}

// Every query of every panel, annotation and variable finds something in the demo's Prometheus, which has loaded a
// backtest of the last days. The alerts of the story take five minutes to fire: it is enough that they are pending.
func TestDashboards_HaveNoEmptyQueryInTheDemo(t *testing.T) {
	t.Parallel()
	client, err := api.NewClient(api.Config{Address: demoPrometheus(t)})
	require.NoError(t, err)
	files, err := filepath.Glob("../../dashboards/*.json")
	require.NoError(t, err)
	var missing []dashboardQuery
	for _, file := range files {
		missing = append(missing, queriesOf(t, file)...)
	}
	require.Greater(t, len(missing), 100)
	eventually(t, 5*time.Minute, func() error {
		var still []dashboardQuery
		var errs []error
		for _, q := range missing {
			if err := q.finds(t.Context(), v1.NewAPI(client)); err != nil {
				still, errs = append(still, q), append(errs, err)
			}
		}
		missing = still
		return errors.Join(errs...)
	})
}

// demoPrometheus starts the demo and returns the address of its Prometheus once the story has been seen.
func demoPrometheus(t *testing.T) string {
	t.Helper()
	run := exec.Command(buildDemo(t), "--timeout=5m")
	run.Dir = "../.."
	run.Stderr = os.Stderr
	stdout, err := run.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		require.NoError(t, run.Wait())
	})
	address := ""
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if found := regexp.MustCompile(`^Prometheus +(http://[^/]+)/`).FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
		}
		if strings.HasPrefix(lines.Text(), "The story goes on") {
			break
		}
	}
	require.NotEmpty(t, address)
	go func() {
		for lines.Scan() { // until it ends
			continue
		}
	}()
	return address
}

func queriesOf(t *testing.T, file string) []dashboardQuery {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var d grafanaDashboard
	require.NoError(t, json.Unmarshal(text, &d))
	since, err := model.ParseDuration(strings.TrimPrefix(d.Time.From, "now-"))
	require.NoError(t, err)
	name, span := filepath.Base(file)+": ", time.Duration(since)
	var all []dashboardQuery
	for _, p := range d.Panels {
		for i, target := range p.Targets {
			q := dashboardQuery{fmt.Sprintf("%s%s, query %d", name, p.Title, i), target.Expr, span, span / 360}
			if target.Instant {
				q.step = 0
			}
			all = append(all, q)
		}
	}
	for _, a := range d.Annotations.List {
		step, err := model.ParseDuration(a.Step)
		require.NoError(t, err)
		// The last roll-out of the story is 29 hours ago.
		all = append(all, dashboardQuery{name + a.Name, a.Expr, max(span, 30*time.Hour), time.Duration(step)})
	}
	for _, v := range d.Templating.List {
		if selector, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			all = append(all, dashboardQuery{name + v.Name, selector[:strings.LastIndex(selector, ",")], span, 0})
		}
		if query, ok := strings.CutPrefix(v.Definition, "query_result("); ok {
			all = append(all, dashboardQuery{name + v.Name, strings.TrimSuffix(query, ")"), span, 0})
		}
	}
	return all
}

var variable = regexp.MustCompile(`\$([a-z_]\w*)`)

// finds returns an error if the query finds nothing, over the time range with which the dashboard opens and with all
// series picked.
func (q dashboardQuery) finds(ctx context.Context, prometheus v1.API) error {
	now := time.Now()
	expr := strings.NewReplacer(
		`alertstate="firing"`, `alertstate=~"pending|firing"`,
		`,alertname=~"Anomaly(Exporter|Forecast).+"`, "", // nothing is wrong with the exporter of the demo
	).Replace(q.expr)
	expr = variable.ReplaceAllStringFunc(expr, func(v string) string {
		switch v[1:] {
		case "__rate_interval":
			return "1m" // four times the scrape interval, and some
		case "__range":
			return model.Duration(q.span).String()
		case "__range_s":
			return strconv.Itoa(int(q.span.Seconds()))
		case "horizon":
			return "1h"
		case "load": // of the scaler
			return `sum(rate(http_requests_total{job="frontend"}[5m]))`
		}
		return ".*"
	})
	var value model.Value
	var err error
	if q.step == 0 {
		value, _, _, err = prometheus.Query(ctx, expr, now)
	} else {
		value, _, _, err = prometheus.QueryRange(ctx, expr, v1.Range{Start: now.Add(-q.span), End: now, Step: q.step})
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", q.name, err, expr)
	}
	switch v := value.(type) {
	case model.Vector:
		if len(v) > 0 {
			return nil
		}
	case model.Matrix:
		if len(v) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s finds nothing: %s", q.name, expr)
}
