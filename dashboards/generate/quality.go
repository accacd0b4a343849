package main

const (
	ofDetector = `{detector=~"$detector"}`
	needsTruth = "Needs outcomes.truth in the configuration. "
)

// increaseOf is the increase of a counter about detectors in a range. Of two exporters of the same shard, the larger is
// taken; those of shards add up.
func increaseOf(span, metric, labels, by string) string {
	selector := `anomaly_exporter_` + metric + `{detector=~"$detector"` + labels + `}`
	return `sum by (` + by + `) (max by (shard, ` + by + `) (increase(` + selector + `[` + span + `])))`
}

func quality() *dashboard {
	d := newDashboard("anomaly-exporter-quality", "Detection and forecast quality",
		"Precision, recall and lead time of the alerts, and the error, coverage and bias of the forecasts. The results of a "+
			"backtest are shown, too.",
		labelValues("detector", "Detector", `anomaly_score`),
		filters(),
	)
	d.Time.From = "now-7d"

	outcome := func(span, which string) string {
		return `sum(` + increaseOf(span, "outcomes_total", `,outcome=~"`+which+`"`, "detector, outcome") + `)`
	}
	found := func(span string) string {
		return `sum(` + increaseOf(span, "lead_time_seconds_count", "", "detector") + `)`
	}
	lead := func(q, span, by string) string {
		return `histogram_quantile(` + q + `, sum by (` + by + `le) (` +
			increaseOf(span, "lead_time_seconds_bucket", "", "detector, le") + `))`
	}
	over := `(max without (anomaly_replica) (anomaly_score` + ofDetector + `) >= bool 0.8)`
	d.row("In this time range", 5,
		stat("Precision", needsTruth+"Share of the alerts that belong to an incident.", 4, "percentunit",
			series("", outcome("$__range", "true_positive")+` / `+outcome("$__range", ".*_positive"))).between(0, 1).
			steps("red", from(0.5, "orange"), from(0.8, "green")).noValue("no alert graded"),
		stat("Recall", needsTruth+"Share of the incidents that had an alert.", 4, "percentunit",
			series("", found("$__range")+` / (`+found("$__range")+` + `+outcome("$__range", "false_negative")+`)`)).
			between(0, 1).steps("red", from(0.5, "orange"), from(0.8, "green")).noValue("no incident"),
		stat("Lead time",
			needsTruth+"Median time from the first alert to the start of the incident. Negative: the alert came later.",
			4, "s",
			series("", lead("0.5", "$__range", ""))).steps("red", from(0, "green")).noValue("no incident found"),
		stat("False alerts per week", needsTruth+"Alerts that belong to no incident.", 4, "short",
			series("", outcome("$__range", "false_positive")+` * 604800 / $__range_s`)).
			steps("green", from(1, "yellow"), from(7, "orange")),
		stat("Incidents missed",
			needsTruth+"Incidents that ended without an alert, though one of their series had a score.",
			4, "short",
			series("", outcome("$__range", "false_negative"))).steps("green", from(1, "orange")),
		stat("Time over 0.8",
			"Share of all scores that were 0.8 or more. In normal behaviour it is 1 in 10,000 at steps of 5 minutes.",
			4, "percentunit",
			series("", `avg(avg_over_time(`+over+`[$__range:5m]))`)).steps("green", from(0.005, "orange")),
	)
	d.row("Alerts", 9,
		table("Outcomes by detector",
			needsTruth+"True and false alerts, and incidents found and missed, in this time range.", 12, "short",
			instant(increaseOf("$__range", "outcomes_total", `,outcome="true_positive"`, "detector")),
			instant(increaseOf("$__range", "outcomes_total", `,outcome="false_positive"`, "detector")),
			instant(increaseOf("$__range", "lead_time_seconds_count", "", "detector")),
			instant(increaseOf("$__range", "outcomes_total", `,outcome="false_negative"`, "detector"))).
			joined("detector").columns(map[string]string{
			"Value #A": "true alerts", "Value #B": "false alerts", "Value #C": "found", "Value #D": "missed",
		}, "Time 1", "Time 2", "Time 3", "Time 4"),
		graph("Outcomes per day",
			needsTruth+"An alert is graded when an incident has started or the lead window has passed. An incident is missed "+
				"once it has ended.",
			12, "short",
			series("{{outcome}}", `sum by (outcome) (`+increaseOf("1d", "outcomes_total", "", "detector, outcome")+`)`)).
			stacked().fromZero().
			override("true_positive", fixed("green")).override("false_positive", fixed("orange")).
			override("false_negative", fixed("red")),
	)
	d.row("Lead time and false alerts", 8,
		graph("Lead time over the last day", needsTruth+"From the first alert to the start of the incident.", 12, "s",
			series("10th percentile", lead("0.1", "1d", "")),
			series("median", lead("0.5", "1d", "")),
			series("90th percentile", lead("0.9", "1d", ""))),
		graph("False alerts over the last week", needsTruth+"By detector.", 12, "short",
			series("{{detector}}", increaseOf("1w", "outcomes_total", `,outcome="false_positive"`, "detector"))).fromZero(),
	)

	accuracy := func(metric string) string {
		return `max by (detector, scaler, horizon) (anomaly_exporter_` + metric + ofDetector + `)`
	}
	const legend = "{{detector}}{{scaler}} {{horizon}}"
	d.row("Forecasts", 9,
		graph("Error (MASE)",
			"Forecast error relative to the error of the value of a day before, median over the series. Over 1 it is worse.",
			8, "short",
			series(legend, accuracy("forecast_mase"))).fromZero(),
		graph("Coverage",
			"Share of values within their forecast interval. An 80 % interval should hold 80 %.",
			8, "percentunit",
			series(legend, accuracy("forecast_interval_coverage_ratio"))).between(0, 1),
		graph("Bias", "Mean error relative to the mean value, median over the series. Over zero, forecasts are too high.",
			8, "percentunit",
			series(legend, accuracy("forecast_bias_ratio"))),
	)
	newest := func(metric string) target {
		return instant(`max by (detector, scaler, horizon) ` +
			`(last_over_time(anomaly_exporter_` + metric + ofDetector + `[$__range]))`)
	}
	d.row("Forecasts at the end of the range", 8,
		table("By detector or scaler, and horizon",
			"The newest values of the graphs above. Compare the coverage with forecaster.level.", 24, "short",
			newest("forecast_mase"), newest("forecast_interval_coverage_ratio"), newest("forecast_bias_ratio")).
			merged().columns(map[string]string{"Value #A": "error", "Value #B": "coverage", "Value #C": "bias"}).
			sorted("error", true).
			override("coverage", property{ID: "unit", Value: "percentunit"}).
			override("bias", property{ID: "unit", Value: "percentunit"}),
	)
	return d
}

// merged makes one row of all targets' rows that agree in their labels.
func (p panel) merged() panel {
	p.Transformations = append(p.Transformations, transformation{ID: "merge", Options: map[string]any{}})
	return p
}
