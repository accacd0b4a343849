package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// report prints what an on-call engineer would want to know first. All of it comes from Prometheus.
func (d *demo) report(ctx context.Context) error {
	w := tabwriter.NewWriter(d.out, 0, 8, 2, ' ', 0)
	for _, part := range []func(context.Context, io.Writer) error{d.reportScores, d.reportBreaches, d.reportReplicas} {
		if err := part(ctx, w); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (d *demo) query(ctx context.Context, expr string) (model.Vector, error) {
	return d.prometheus.Query(ctx, expr, time.Now())
}

func (d *demo) reportScores(ctx context.Context, w io.Writer) error {
	scores, err := d.query(ctx, "topk(8, anomaly_score > 0.4)")
	if err != nil {
		return err
	}
	slices.SortFunc(scores, func(a, b *model.Sample) int { return cmp.Compare(b.Value, a.Value) })
	lower, err := d.query(ctx, `forecast_yhat_lower{horizon="0s"}`)
	if err != nil {
		return err
	}
	upper, err := d.query(ctx, `forecast_yhat_upper{horizon="0s"}`)
	if err != nil {
		return err
	}
	cfg, err := config.Load([]byte(exporterConfig), "anomaly-exporter.yml")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nMOST ANOMALOUS\tSCORE\tNOW\tEXPECTED")
	for _, s := range scores {
		now := math.NaN()
		for _, det := range cfg.Detectors {
			if det.Name == string(s.Metric["detector"]) {
				inputs, err := d.query(ctx, det.Expr.String())
				if err != nil {
					return err
				}
				now = valueOf(inputs, s.Metric, "")
			}
		}
		fmt.Fprintf(w, "%s\t%.2f\t%s\t%s to %s\n", title(s.Metric), float64(s.Value), number(now),
			number(valueOf(lower, s.Metric, "horizon")), number(valueOf(upper, s.Metric, "horizon")))
	}
	return nil
}

// valueOf returns the value of the sample whose labels, except the name and one more, are all among those of the
// metric.
func valueOf(samples model.Vector, metric model.Metric, except model.LabelName) float64 {
	for _, s := range samples {
		matches := true
		for name, value := range s.Metric {
			if name != model.MetricNameLabel && name != except && metric[name] != value {
				matches = false
			}
		}
		if matches {
			return float64(s.Value)
		}
	}
	return math.NaN()
}

func (d *demo) reportBreaches(ctx context.Context, w io.Writer) error {
	breaches, err := d.query(ctx, "bottomk(3, forecast_time_to_breach_seconds)")
	if err != nil {
		return err
	}
	slices.SortFunc(breaches, func(a, b *model.Sample) int { return cmp.Compare(a.Value, b.Value) })
	probabilities, err := d.query(ctx, "max without (horizon) (forecast_breach_probability)")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nNEXT BREACH\tIN\tPROBABILITY")
	for _, s := range breaches {
		in := time.Duration(float64(s.Value) * float64(time.Second)).Round(time.Minute)
		fmt.Fprintf(
			w, "%s\t%s\t%.0f%%\n", title(s.Metric), strings.TrimSuffix(in.String(), "0s"),
			100*valueOf(probabilities, s.Metric, ""),
		)
	}
	return nil
}

func (d *demo) reportReplicas(ctx context.Context, w io.Writer) error {
	recommended, err := d.query(ctx, "recommended_replicas")
	if err != nil {
		return err
	}
	running, err := d.query(ctx, "sum by (namespace, deployment) (kube_deployment_status_replicas)")
	if err != nil {
		return err
	}
	sources, err := d.query(ctx, "recommended_replicas_source == 1")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nREPLICAS\tRECOMMENDED\tRUNNING\tBECAUSE OF")
	for _, s := range recommended {
		because := ""
		for _, source := range sources {
			if source.Metric["scaler"] == s.Metric["scaler"] {
				because = string(source.Metric["source"])
			}
		}
		fmt.Fprintf(
			w, "%s\t%.0f\t%s\t%s\n", s.Metric["scaler"], float64(s.Value), number(valueOf(running, s.Metric, "")),
			because,
		)
	}
	return nil
}

func (d *demo) reportAddresses() {
	query := d.prometheus.URL() + "/api/v1/query?query=" + url.QueryEscape("topk(8, anomaly_score > 0.4)")
	fmt.Fprintf(d.out, `
the page          %s
its metrics       %s/metrics
Prometheus        %s
                  this build has only an API, and no pages
Alertmanager      %s
the shop          http://%s/metrics
`, d.exporter.URL(), d.exporter.URL(), query, d.alertmanager.URL(), d.shopAddr)
}

// title names a series by its detector and the labels that tell it apart.
func title(m model.Metric) string {
	var parts []string
	for _, name := range []model.LabelName{"container", "pod", "job", "pool"} {
		if v := m[name]; v != "" && !(name == "container" && m["pod"] != "") {
			parts = append(parts, string(v))
		}
	}
	return fmt.Sprintf("%s %s", m["detector"], strings.Join(parts, " "))
}

// number formats a value with three digits, and a suffix if it is large.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case abs >= 1e9:
		return fmt.Sprintf("%.3gG", v/1e9)
	case abs >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case abs >= 1e4:
		return fmt.Sprintf("%.3gk", v/1e3)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}
