package main

const (
	ofDetector = `{detector=~"$detector"}`
	truth      = "Needs outcomes.truth in the configuration. "
)

// over is how much a counter about detectors grew in a range. Two exporters count the same: the larger is taken.
func over(span, metric, labels, by string) string {
	return `max by (` + by + `) (increase(anomaly_exporter_` + metric + `{detector=~"$detector"` + labels + `}[` + span + `]))`
}

func isItRight() *dashboard {
	d := newDashboard("anomaly-exporter-right", "Is it right?",
		"How often alerts were right, how long before the incident they came, and how good the forecasts were. It also shows what a backtest has written.",
		labelValues("detector", "Detector", `anomaly_score`),
		filters(),
	)
	d.Time.From = "now-7d"

	outcome := func(span, which string) string {
		return `sum(` + over(span, "outcomes_total", `,outcome=~"`+which+`"`, "detector, outcome") + `)`
	}
	found := func(span string) string { return `sum(` + over(span, "lead_time_seconds_count", "", "detector") + `)` }
	lead := func(q, span, by string) string {
		return `histogram_quantile(` + q + `, sum by (` + by + `le) (` + over(span, "lead_time_seconds_bucket", "", "detector, le") + `))`
	}
	d.row("In this time range", 5,
		stat("Right", truth+"Share of the alerts that were of an incident: precision.", 4, "percentunit",
			series("", outcome("$__range", "true_positive")+` / `+outcome("$__range", ".*_positive"))).between(0, 1).steps("red", from(0.5, "orange"), from(0.8, "green")).noValue("no alert graded"),
		stat("Found", truth+"Share of the incidents that an alert was of: recall.", 4, "percentunit",
			series("", found("$__range")+` / (`+found("$__range")+` + `+outcome("$__range", "false_negative")+`)`)).between(0, 1).steps("red", from(0.5, "orange"), from(0.8, "green")).noValue("no incident"),
		stat("Lead time", truth+"From the first alert to the beginning of the incident, the median. Negative: the alert came later.", 4, "s",
			series("", lead("0.5", "$__range", ""))).steps("red", from(0, "green")).noValue("no incident found"),
		stat("False alerts per week", truth+"Alerts that were of no incident.", 4, "short",
			series("", outcome("$__range", "false_positive")+` * 604800 / $__range_s`)).steps("green", from(1, "yellow"), from(7, "orange")),
		stat("Incidents missed", truth+"That ended without an alert, though a series with a score belongs to them.", 4, "short",
			series("", outcome("$__range", "false_negative"))).steps("green", from(1, "orange")),
		stat("Time over 0.8", "Share of all scores that were 0.8 or more. In normal life it is 1 in 10,000 at steps of 5 minutes.", 4, "percentunit",
			series("", `avg(avg_over_time((max without (anomaly_replica) (anomaly_score`+ofDetector+`) >= bool 0.8)[$__range:5m]))`)).steps("green", from(0.005, "orange")),
	)
	d.row("Alerts", 9,
		table("By detector", truth+"How many alerts were right and wrong, and how many incidents were found and missed, in this time range.", 12, "short",
			instant(over("$__range", "outcomes_total", `,outcome="true_positive"`, "detector")), instant(over("$__range", "outcomes_total", `,outcome="false_positive"`, "detector")),
			instant(over("$__range", "lead_time_seconds_count", "", "detector")), instant(over("$__range", "outcomes_total", `,outcome="false_negative"`, "detector"))).
			joined("detector").columns(map[string]string{"Value #A": "right", "Value #B": "false", "Value #C": "found", "Value #D": "missed"}, "Time 1", "Time 2", "Time 3", "Time 4"),
		graph("What was decided, per day", truth+"An alert is right or false once an incident has begun, or the lead window has passed; an incident is missed once it is over.", 12, "short",
			series("{{outcome}}", `sum by (outcome) (`+over("1d", "outcomes_total", "", "detector, outcome")+`)`)).stacked().fromZero().
			override("true_positive", fixed("green")).override("false_positive", fixed("orange")).override("false_negative", fixed("red")),
	)
	d.row("How early, and how often for nothing", 8,
		graph("Lead time of the last day", truth+"From the first alert to the beginning of an incident.", 12, "s",
			series("one of ten is later than", lead("0.1", "1d", "")), series("median", lead("0.5", "1d", "")), series("one of ten is earlier than", lead("0.9", "1d", ""))),
		graph("False alerts of the last week", truth+"By detector.", 12, "short",
			series("{{detector}}", over("1w", "outcomes_total", `,outcome="false_positive"`, "detector"))).fromZero(),
	)

	quality := func(metric string) string {
		return `max by (detector, horizon) (anomaly_exporter_` + metric + ofDetector + `)`
	}
	d.row("Forecasts", 9,
		graph("Error", "Relative to that of the value a day before, median over the series. Over 1 the forecast is worse than that.", 8, "short",
			series("{{detector}} {{horizon}}", quality("forecast_mase"))).fromZero(),
		graph("Coverage", "Share of values that were within their interval. An 80 % interval should hold 80 %.", 8, "percentunit",
			series("{{detector}} {{horizon}}", quality("forecast_interval_coverage_ratio"))).between(0, 1),
		graph("Bias", "Mean error relative to the mean value, median over the series. Over zero, forecasts are too high.", 8, "percentunit",
			series("{{detector}} {{horizon}}", quality("forecast_bias_ratio"))),
	)
	newest := func(metric string) target {
		return instant(`max by (detector, horizon) (last_over_time(anomaly_exporter_` + metric + ofDetector + `[$__range]))`)
	}
	d.row("Forecasts at the end", 8,
		table("By detector and horizon", "The newest values of the graphs above. What an interval should hold is forecaster.level.", 24, "short",
			newest("forecast_mase"), newest("forecast_interval_coverage_ratio"), newest("forecast_bias_ratio")).
			merged().columns(map[string]string{"Value #A": "error", "Value #B": "coverage", "Value #C": "bias"}).sorted("error", true).
			override("coverage", property{ID: "unit", Value: "percentunit"}).override("bias", property{ID: "unit", Value: "percentunit"}),
	)
	return d
}

// merged makes one row of all targets' rows that agree in their labels.
func (p panel) merged() panel {
	p.Transformations = append(p.Transformations, transformation{ID: "merge", Options: map[string]any{}})
	return p
}
