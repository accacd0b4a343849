package doctor

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// started is when a process began: no two exporters have the same.
const started = "process_start_time_seconds"

// checkScrape tells whether Prometheus scrapes this exporter, and what becomes of its results.
func (d *doctor) checkScrape(ctx context.Context) {
	scraped, err := d.query(ctx, started+" and on (job, instance) anomaly_exporter_build_info")
	if err != nil {
		d.failed(Error, "scrape", d.prometheus.Failed(err))
		return
	}
	mine := d.startTime(ctx)
	var others []string
	for _, s := range scraped {
		// Both have passed through text, with all digits of the number.
		if mine == 0 || float64(s.Value) == mine {
			target := labels.FromStrings("job", string(s.Metric["job"]), "instance", string(s.Metric["instance"]))
			d.add(OK, "scrape", "", "Prometheus scrapes it as %s", target)
			d.checkResults(ctx, target)
			return
		}
		others = append(others, string(s.Metric["instance"]))
	}
	if message, remedy, ok := d.badTarget(ctx); ok {
		d.add(Error, "scrape", remedy, "%s", message)
		return
	}
	if len(others) > 0 {
		d.add(Error, "scrape", "add it to the targets, or wait for a scrape if it has just been started",
			"Prometheus does not scrape this exporter, but %s", strings.Join(others, ", "))
		return
	}
	d.add(Error, "scrape", "add a job with honor_labels: true and its address to scrape_configs",
		"Prometheus scrapes no anomaly-exporter")
}

// startTime returns when the exporter began, as it says on /metrics; 0: it does not say.
func (d *doctor) startTime(ctx context.Context) float64 {
	body, err := d.exporter.Open(ctx, "metrics", url.Values{})
	if err != nil {
		return 0
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), started+" "); ok {
			v, _ := strconv.ParseFloat(text, 64)
			return v
		}
	}
	return 0
}

// badTarget looks among the targets for one that looks like the exporter and is down.
func (d *doctor) badTarget(ctx context.Context) (message, remedy string, ok bool) {
	targets, err := d.server.Targets(ctx)
	if err != nil {
		return "", "", false // servers other than Prometheus have none
	}
	for _, t := range targets.Active {
		u, err := url.Parse(t.ScrapeURL)
		if err != nil || u.Host != d.exporter.URL().Host && !strings.Contains(t.ScrapePool, "anomaly-exporter") {
			continue
		}
		switch t.Health {
		case v1.HealthUnknown:
			return fmt.Sprintf("Prometheus has not scraped %s yet", t.ScrapeURL), "wait for a scrape", true
		case v1.HealthBad:
			return fmt.Sprintf("the scrape of %s fails: %s", t.ScrapeURL, t.LastError),
				"can Prometheus reach that address, and has it the credentials?", true
		}
	}
	return "", "", false
}

// checkResults tells whether the results of each detector are in Prometheus with their labels, and join the series that
// they are about.
func (d *doctor) checkResults(ctx context.Context, target labels.Labels) {
	kept, joined := 0, 0
	for i := range d.detectors {
		s := &d.detectors[i]
		one, metric, ok := d.example(ctx, s)
		if !ok {
			continue
		}
		if !d.checkLabels(ctx, s, one, metric, target) {
			continue
		}
		kept++
		if d.checkJoin(ctx, s, one, metric) {
			joined++
		}
	}
	if kept > 0 {
		d.add(OK, "labels", "", "results of %d detectors and scalers keep their labels: honor_labels is in force", kept)
	}
	if joined > 0 {
		d.add(OK, "joins", "", "results of %d detectors and scalers join the series that they are about", joined)
	}
}

// example returns a series of a detector, and a metric that tells about it.
func (d *doctor) example(ctx context.Context, s *view.Detector) (one *view.Series, metric string, ok bool) {
	name, _, _ := strings.Cut(s.Name, "/") // scaler/cpu
	var answer struct {
		Series []view.Series `json:"series"`
	}
	if s.Step == nil || d.exporter.API(ctx, "series", url.Values{s.Kind: {name}, "limit": {"1000"}}, &answer) != nil {
		return nil, "", false
	}
	of := func(state bool) int {
		return slices.IndexFunc(answer.Series, func(r view.Series) bool {
			return r.Source == s.Name && r.Kind == s.Kind && (r.State != "") == state
		})
	}
	i := of(false)
	switch {
	case i < 0:
		if i = of(true); i < 0 {
			return nil, "", false
		}
		metric = "anomaly_model_state"
	case s.Kind == "detector":
		metric = "anomaly_score"
	case strings.HasSuffix(s.Name, "/cpu"):
		metric = "recommended_cpu_cores"
	case strings.HasSuffix(s.Name, "/memory"):
		metric = "recommended_memory_bytes"
	default:
		metric = "recommended_replicas"
	}
	return &answer.Series[i], metric, true
}

// selector returns a selector of the results with exactly these values of the labels that a scrape might change.
func selector(metric string, of map[string]string) string {
	want := map[string]string{"job": "", "instance": ""}
	maps.Copy(want, of)
	matchers := []string{}
	for name, value := range want {
		if model.LegacyValidation.IsValidLabelName(name) { // others may be escaped
			matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, name, value).String())
		}
	}
	slices.Sort(matchers)
	return metric + "{" + strings.Join(matchers, ",") + "}"
}

// checkLabels tells whether a result is in Prometheus with its own labels.
func (d *doctor) checkLabels(
	ctx context.Context, s *view.Detector, one *view.Series, metric string, target labels.Labels,
) bool {
	found, err := d.count(ctx, selector(metric, one.Labels))
	if err != nil {
		d.failed(Error, "labels", d.prometheus.Failed(err))
		return false
	}
	if found > 0 {
		return true
	}
	renamed, err := d.query(ctx, fmt.Sprintf("topk(1, %s{%s=%q, job=%q, instance=%q})",
		metric, s.Kind, one.Labels[s.Kind], target.Get("job"), target.Get("instance")))
	switch {
	case err == nil && len(renamed) > 0:
		d.add(Error, "labels", "set honor_labels: true in the job "+strconv.Quote(target.Get("job")),
			"the scrape overwrites job and instance of results of %s %s", s.Kind, s.Name)
	default:
		d.add(Warning, "labels", "wait for a scrape; or does the job drop them, or publish leave them out?",
			"%s of %s %s is not in Prometheus with the labels %s", metric, s.Kind, s.Name, labels.FromMap(one.Labels))
	}
	return false
}

// added are labels that results have and their series do not, or not with this meaning.
var added = []string{"detector", "scaler", "metric_name"}

// checkJoin tells whether results join the series of the expression of their detector, on the labels that both have.
func (d *doctor) checkJoin(ctx context.Context, s *view.Detector, one *view.Series, metric string) bool {
	if len(s.Expressions) == 0 {
		return false
	}
	expr := "(" + s.Expressions[0] + "\n)"
	some, err := d.query(ctx, "topk(1, "+expr+")")
	if err != nil {
		d.failed(Warning, "joins", d.prometheus.Failed(err))
		return false
	}
	if len(some) == 0 {
		d.add(Warning, "joins", "does the exporter read from another server than --prometheus.url?",
			"the expression of %s %s has no series in Prometheus", s.Kind, s.Name)
		return false
	}
	var on []string
	for name := range some[0].Metric {
		_, has := one.Labels[string(name)]
		if has && !slices.Contains(added, string(name)) && model.LegacyValidation.IsValidLabelName(string(name)) {
			on = append(on, string(name))
		}
	}
	slices.Sort(on)
	results := fmt.Sprintf("%s{%s=%q}", metric, s.Kind, one.Labels[s.Kind])
	joined, err := d.count(ctx, fmt.Sprintf("%s and on (%s) %s", results, strings.Join(on, ", "), expr))
	if err != nil {
		d.failed(Warning, "joins", d.prometheus.Failed(err))
		return false
	}
	if joined == 0 {
		d.add(Error, "joins", "does the scrape, or labels of the configuration, change one of these labels?",
			"no result of %s %s joins its series on (%s)", s.Kind, s.Name, cmp.Or(strings.Join(on, ", "), "no label"))
	}
	return joined > 0
}
