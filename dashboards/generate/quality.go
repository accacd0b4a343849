package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

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

func quality() *page {
	p := newPage(uidQuality, "Detection and forecast quality",
		"Precision, recall and lead time of the alerts, and the error, coverage and bias of the forecasts. The results of a "+
			"backtest are shown, too.",
		someOf("detector", "Detector", `anomaly_score`),
		filters(ofMetrics),
	)
	p.lookBack("now-7d")
	p.Annotations.List = []dashboard.AnnotationQuery{
		// A week of them hides the graphs: to be switched on, for what false alerts have in common.
		switchedOff(alerts(`,alertname!~"AnomalyExporter.*"`)), switchedOff(rollOuts(``)),
	}
	addOutcomes(p)
	addAccuracy(p)
	return p
}

func switchedOff(a dashboard.AnnotationQuery) dashboard.AnnotationQuery {
	a.Enable = false
	return a
}

func addOutcomes(p *page) {
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
	good := steps("red", from(0.5, "orange"), from(0.8, "green"))
	p.row("In this time range", 5,
		number("Precision", needsTruth+"Share of the alerts that belong to an incident.", 4, units.PercentUnit,
			series("", outcome("$__range", "true_positive")+` / `+outcome("$__range", ".*_positive"))).
			Min(0).Max(1).Thresholds(good).NoValue("no alert graded"),
		number("Recall", needsTruth+"Share of the incidents that had an alert.", 4, units.PercentUnit,
			series("", found("$__range")+` / (`+found("$__range")+` + `+outcome("$__range", "false_negative")+`)`)).
			Min(0).Max(1).Thresholds(good).NoValue("no incident"),
		number("Lead time",
			needsTruth+"Median time from the first alert to the start of the incident. Negative: the alert came later.",
			4, units.Seconds,
			series("", lead("0.5", "$__range", ""))).
			Thresholds(steps("red", from(0, "green"))).NoValue("no incident found"),
		number("False alerts per week", needsTruth+"Alerts that belong to no incident.", 4, units.Short,
			series("", outcome("$__range", "false_positive")+` * 604800 / $__range_s`)).
			Thresholds(steps("green", from(1, "yellow"), from(7, "orange"))),
		number("Incidents missed",
			needsTruth+"Incidents that ended without an alert, though one of their series had a score.",
			4, units.Short,
			series("", outcome("$__range", "false_negative"))).Thresholds(steps("green", from(1, "orange"))),
		number("Time over 0.8",
			"Share of all scores that were 0.8 or more. In normal behaviour it is 1 in 10,000 at steps of 5 minutes.",
			4, units.PercentUnit,
			series("", `avg(avg_over_time(`+over+`[$__range:5m]))`)).Thresholds(steps("green", from(0.005, "orange"))),
	)
	of := func(metric, labels string) target { return instant(increaseOf("$__range", metric, labels, "detector")) }
	p.row("Alerts", 9,
		list("Outcomes by detector",
			needsTruth+"True and false alerts, and incidents found and missed, in this time range.", 12, units.Short,
			of("outcomes_total", `,outcome="true_positive"`), of("outcomes_total", `,outcome="false_positive"`),
			of("lead_time_seconds_count", ""), of("outcomes_total", `,outcome="false_negative"`)).
			Transformations([]dashboard.DataTransformerConfig{joined("detector"), columns(map[string]string{
				"Value #A": "true alerts", "Value #B": "false alerts", "Value #C": "found", "Value #D": "missed",
			}, "Time 1", "Time 2", "Time 3", "Time 4")}).
			Decimals(0).
			OverrideByName("detector", properties{linked(
				ofRow.to(uidQuality, "Only this detector", "detector"), ofRow.to(uidAnomalies, "Its anomalies", "detector"),
			)}),
		stacked(graph("Outcomes per day",
			needsTruth+"An alert is graded when an incident has started or the lead window has passed. An incident is missed "+
				"once it has ended.",
			12, units.Short,
			series("{{outcome}}", `sum by (outcome) (`+increaseOf("1d", "outcomes_total", "", "detector, outcome")+`)`))).
			Min(0).
			OverrideByName("true_positive", properties{fixed("green")}).
			OverrideByName("false_positive", properties{fixed("orange")}).
			OverrideByName("false_negative", properties{fixed("red")}),
	)
	p.row("Lead time and false alerts", 8,
		graph("Lead time over the last day", needsTruth+"From the first alert to the start of the incident.", 12,
			units.Seconds,
			series("10th percentile", lead("0.1", "1d", "")),
			series("median", lead("0.5", "1d", "")),
			series("90th percentile", lead("0.9", "1d", ""))),
		graph("False alerts over the last week", needsTruth+"By detector.", 12, units.Short,
			series("{{detector}}", increaseOf("1w", "outcomes_total", `,outcome="false_positive"`, "detector"))).Min(0).
			DataLinks(dataLinks(ofSeries.to(uidAnomalies, "Its anomalies", "detector"))),
	)
}

func addAccuracy(p *page) {
	accuracy := func(metric string) target {
		return series("{{detector}}{{scaler}} {{horizon}}",
			`max by (detector, scaler, horizon) (anomaly_exporter_`+metric+ofDetector+`)`)
	}
	forecasts := dataLinks(ofSeries.to(uidForecast, "Its forecasts", "detector", "horizon"))
	p.row("Forecasts", 9,
		graph("Error (MASE)",
			"Forecast error relative to the error of the value of a day before, median over the series. Over 1 it is worse.",
			8, units.Short, accuracy("forecast_mase")).Min(0).DataLinks(forecasts),
		graph("Coverage",
			"Share of values within their forecast interval. An 80 % interval should hold 80 %.",
			8, units.PercentUnit, accuracy("forecast_interval_coverage_ratio")).Min(0).Max(1).DataLinks(forecasts),
		graph("Bias", "Mean error relative to the mean value, median over the series. Over zero, forecasts are too high.",
			8, units.PercentUnit, accuracy("forecast_bias_ratio")).DataLinks(forecasts),
	)
	newest := func(metric string) target {
		return instant(`max by (detector, scaler, horizon) ` +
			`(last_over_time(anomaly_exporter_` + metric + ofDetector + `[$__range]))`)
	}
	p.row("Forecasts at the end of the range", 8,
		list("By detector or scaler, and horizon",
			"The newest values of the graphs above. Compare the coverage with forecaster.level.", 24, units.Short,
			newest("forecast_mase"), newest("forecast_interval_coverage_ratio"), newest("forecast_bias_ratio")).
			Transformations([]dashboard.DataTransformerConfig{merged(), columns(map[string]string{
				"Value #A": "error", "Value #B": "coverage", "Value #C": "bias",
			})}).
			SortBy(sortedBy("error", true)).
			OverrideByName("coverage", properties{property("unit", units.PercentUnit)}).
			OverrideByName("bias", properties{property("unit", units.PercentUnit)}).
			OverrideByName("detector", properties{linked(
				ofRow.to(uidForecast, "Its forecasts", "detector", "horizon"),
			)}).
			OverrideByName("scaler", properties{linked(ofRow.to(uidForecast, "This scaler", "scaler"))}),
	)
}
