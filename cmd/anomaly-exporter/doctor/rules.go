package doctor

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// shipped are the files in rules/ and the alerts in each; of recording.yml what it records.
var shipped = map[string][]string{
	"anomalies.yml": {
		"AnomalyDetectedHighScore", "PredictivePodInstability",
	},
	"breaches.yml": {
		"LimitBreachImminent", "MemoryExhaustionWithErrors", "TimeToLimit",
	},
	"drift.yml": {
		"CorrelatedDrift", "SlowDrift",
	},
	"exporter.yml": {
		"AnomalyExporterConfigsDiffer", "AnomalyExporterCyclesMissed", "AnomalyExporterDetectorFailing",
		"AnomalyExporterDown",
		"AnomalyExporterModelsFailed", "AnomalyExporterReloadFailed", "AnomalyExporterRemoteReadErrors",
		"AnomalyExporterReplicaDown", "AnomalyExporterResultsDropped", "AnomalyExporterResultsWithheld",
		"AnomalyExporterSeriesGone", "AnomalyExporterSeriesRefused", "AnomalyExporterShardMissing",
		"AnomalyForecastIntervalsCollapsed", "AnomalyForecastsWorseThanNaive",
	},
	"recording.yml": {
		"anomaly:alert_budget:per_week", "anomaly:return_period_bar:seconds", "anomaly:scored_series:count",
		"predicted_anomaly_score", "predicted_return_period_seconds", "scaler:recommended_replicas:max",
		"workload:breach_probability:max", "workload:forecast_time_to_breach_seconds:min",
		"workload:predicted_anomaly_score:max", "workload:predicted_return_period_seconds:avg",
		"workload:predicted_return_period_seconds:sum",
	},
	"scaling.yml": {
		"RecommendationAtMaximum", "RecommendationMissing", "ReplicasFarFromRecommended",
	},
}

// results matches expressions that are about results.
var results = regexp.MustCompile(`\b(anomaly_(score|return_period)|predicted_|forecast_|recommended_)`)

// rule is a rule that is loaded.
type rule struct {
	name   string
	labels map[string]string // of an alert; nil: it records
	expr   string
}

// checkRules tells whether the rules in rules/ are loaded and healthy.
func (d *doctor) checkRules(ctx context.Context) {
	loaded, err := d.server.Rules(ctx, nil)
	if err != nil {
		d.failed(Warning, "rules", d.prometheus.Failed(err))
		return
	}
	names := map[string]bool{}
	for _, g := range loaded.Groups {
		for _, r := range g.Rules {
			one, health, problem := loadedRule(r)
			names[one.name] = true
			if results.MatchString(one.expr) || isShipped(one.name) {
				d.rules = append(d.rules, one)
				if health == string(v1.RuleHealthBad) {
					d.add(Error, "rules", "see the page Rules of Prometheus", "rule %s of %s fails: %s", one.name, g.File, problem)
				}
			}
		}
	}
	d.checkFiles(names)
}

func loadedRule(r any) (one rule, health, problem string) {
	switch r := r.(type) {
	case v1.AlertingRule:
		one = rule{r.Name, map[string]string{"alertname": r.Name}, r.Query}
		for name, value := range r.Labels {
			one.labels[string(name)] = string(value)
		}
		return one, string(r.Health), r.LastError
	case v1.RecordingRule:
		return rule{r.Name, nil, r.Query}, string(r.Health), r.LastError
	}
	return rule{}, "", ""
}

func isShipped(name string) bool {
	for _, rules := range shipped {
		if slices.Contains(rules, name) {
			return true
		}
	}
	return false
}

// checkFiles tells which of the files are loaded.
func (d *doctor) checkFiles(names map[string]bool) {
	var whole, missing []string
	parts := map[string][]string{} // what lacks of a file that is loaded
	for _, file := range slices.Sorted(maps.Keys(shipped)) {
		lacks := slices.DeleteFunc(slices.Clone(shipped[file]), func(name string) bool { return names[name] })
		switch len(lacks) {
		case 0:
			whole = append(whole, file)
		case len(shipped[file]):
			missing = append(missing, file)
		default:
			parts[file] = lacks
		}
	}
	alerts := slices.ContainsFunc(d.rules, func(r rule) bool { return r.labels != nil })
	switch {
	case len(whole)+len(parts) == 0 && alerts:
		d.add(OK, "rules", "", "none of rules/ is loaded, but other alerts on results are")
		return
	case len(whole)+len(parts) == 0:
		d.add(Error, "rules", "add the files in rules/ to rule_files", "no alert on results is loaded: nobody will be paged")
		return
	case slices.Contains(missing, "recording.yml"):
		d.add(Error, "rules", "add it to rule_files", "recording.yml is not loaded, and the other rules need it")
	}
	for file, lacks := range parts {
		d.add(Warning, "rules", "load the file of this release", "%s is loaded without %s", file, strings.Join(lacks, ", "))
	}
	for _, file := range missing {
		if file == "recording.yml" || file == "scaling.yml" && !d.has("scaler") {
			continue
		}
		d.add(Warning, "rules", "add it to rule_files if you want its alerts", "%s is not loaded", file)
	}
	if len(whole) > 0 {
		d.add(OK, "rules", "", "loaded: %s", strings.Join(whole, ", "))
	}
}

// has reports whether the exporter has a detector or scaler.
func (d *doctor) has(kind string) bool {
	for i := range d.detectors {
		if d.detectors[i].Kind == kind {
			return true
		}
	}
	return false
}

// checkAlertmanagers tells whether Prometheus sends alerts to anybody.
func (d *doctor) checkAlertmanagers(ctx context.Context) {
	known, err := d.server.AlertManagers(ctx)
	if err != nil {
		d.failed(Warning, "alertmanager", d.prometheus.Failed(err))
		return
	}
	if len(known.Active) == 0 {
		d.add(Warning, "alertmanager", "add alerting.alertmanagers to its configuration",
			"Prometheus knows no Alertmanager: it sends no alert")
		return
	}
	var urls []string
	for _, a := range known.Active {
		urls = append(urls, strings.TrimSuffix(strings.TrimSuffix(a.URL, "/api/v2/alerts"), "/"))
	}
	lost, err := d.query(ctx, "sum(increase(prometheus_notifications_errors_total[15m])) > 0")
	if err == nil && len(lost) > 0 {
		d.add(Error, "alertmanager", "see the log of Prometheus", "alerts to %s fail: %.0f in 15 minutes",
			strings.Join(urls, ", "), float64(lost[0].Value))
		return
	}
	d.add(OK, "alertmanager", "", "Prometheus sends alerts to %s", strings.Join(urls, ", "))
}
