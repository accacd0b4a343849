package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// Queries of the Anomalies dashboard. Two exporters publish the same numbers; the larger of equals is taken.
const (
	picked = `detector=~"$detector",namespace=~"$namespace",pod=~"$pod"`
	scores = `max without (anomaly_replica) (anomaly_score{` + picked + `})`
	states = `max without (anomaly_replica) (anomaly_model_state{` + picked + `})`
	// highest is the one picked series whose score is the highest at the end of the time range.
	highest = `topk(1, max without (anomaly_replica) (anomaly_score{` + picked + `} @ end()))`
	// highestInRange are the ten picked series with the highest scores at any time in the range.
	highestInRange = `topk(10, max without (anomaly_replica) ` +
		`(max_over_time(anomaly_score{` + picked + `}[$__range] @ end())))`
	// who names a series in a legend by the labels that usually tell one from another.
	who = "{{detector}} {{namespace}} {{service}} {{job}} {{container}} {{pod}} {{instance}}"
)

func anomalies() *page {
	p := newPage(uidAnomalies, "Anomalies",
		"What is unusual now, since when, and what was expected. Scores are calibrated: in normal behaviour, 0.6 occurs "+
			"once in 3.5 days, 0.8 once in 5 weeks, 0.9 once in 50 weeks.",
		someOf("detector", "Detector", `anomaly_score`),
		someOf("namespace", "Namespace", `anomaly_score{detector=~"$detector"}`),
		someOf("pod", "Pod", `anomaly_score{detector=~"$detector",namespace=~"$namespace"}`),
		filters(ofResults),
	)
	p.Annotations.List = []dashboard.AnnotationQuery{
		alerts(`,severity=~"warning|critical",anomaly_severity!="elevated"`), rollOuts(`{namespace=~"$namespace"}`),
	}
	addNow(p)
	addUnusual(p)
	addHighest(p)
	addUnscored(p)
	return p
}

func addNow(p *page) {
	p.row("Now", 4,
		number("Alerts firing", "Firing alerts of rules/, one per workload.", 3, units.Short,
			series("", `count(ALERTS{source="predictive_model",alertstate="firing"}) or vector(0)`)).
			Thresholds(steps("green", from(1, "red"))),
		number("Critical",
			"Scores of 0.9 or more. In normal behaviour, each series gets there once in 50 weeks.",
			3, units.Short,
			series("", `count(`+scores+` >= 0.9) or vector(0)`)).Thresholds(steps("green", from(1, "red"))),
		number("High", "Scores of 0.8 up to 0.9. In normal behaviour, each series gets there once in 5 weeks.", 3,
			units.Short,
			series("", `count(`+scores+` >= 0.8 < 0.9) or vector(0)`)).Thresholds(steps("green", from(1, "orange"))),
		number("Elevated", "Scores of 0.6 up to 0.8. In normal behaviour, each series gets there once in 3.5 days.", 3,
			units.Short,
			series("", `count(`+scores+` >= 0.6 < 0.8) or vector(0)`)).Thresholds(steps("green", from(1, "yellow"))),
		number("Next breach", "Time until the first of the picked series crosses its bound, by its median forecast.", 3,
			units.Seconds, series("", `min(`+breach+`)`)).
			Thresholds(untilBreach()).NoValue("none in sight").
			DataLinks(dataLinks(ofSeries.to(uidForecast, "Forecast and scaling"))),
		number("Series with a score", "Series that have a score now.", 3, units.Short, series("", `count(`+scores+`)`)),
		number("Series without a score", "Series that are learning, failed, muted or stale. The last row tells why.", 3,
			units.Short, series("", `count(`+states+`) or vector(0)`)),
		number("Steps behind",
			"Age of the oldest results, in steps of their detector. Up to 2 is normal. After 3 steps and five minutes, results "+
				"disappear: then nothing here is red, and nothing is known. unknown: no exporter is scraped, or a filter hides it.",
			3, units.Short,
			series("", `max((time() - anomaly_exporter_last_step_timestamp_seconds{detector=~"$detector"})`+
				` / anomaly_exporter_step_seconds)`)).
			Decimals(1).Thresholds(steps("green", from(3, "orange"), from(10, "red"))).NoValue("unknown").
			DataLinks(dataLinks(ofSeries.to(uidExporter, "Anomaly exporter"))),
	)
}

func addUnusual(p *page) {
	const top = `topk(25, ` + scores + ` > 0)`
	const rarity = `max without (anomaly_replica) (anomaly_return_period_seconds{` + picked + `})`
	const tenYears = `10 * 31536000`
	// since is the start of the first five minutes of which all later ones had a score of 0.6 or more. As in alerts, a
	// pause of up to 15 minutes is passed over.
	const since = `1000 * (300 + max_over_time(timestamp(` +
		`max without (anomaly_replica) (max_over_time(anomaly_score{` + picked + `}[15m])) < 0.6)[6h:5m]))` +
		` and (` + scores + ` >= 0.6)`
	of := func(family string) target {
		return instant(`max without (anomaly_replica, horizon) (` + family + `) and ` + top)
	}
	p.row("What is unusual, and since when", 10,
		list("Most unusual series",
			"The 25 series with the highest scores over 0. since: the score has been 0.6 or more, pauses of up to 15 minutes "+
				"passed over; empty: it is less, or it has been for over 6 hours. once in: how long normal behaviour takes to "+
				"look as unusual; 10 years: that or longer. Values are in the unit of the series. Click a detector to narrow this "+
				"dashboard down to the series.",
			16, units.Short,
			instant(top), instant(since+` and `+top),
			instant(`clamp_max(`+rarity+`, `+tenYears+`) and `+top),
			of(`anomaly_observed{`+picked+`}`),
			of(`forecast_yhat_lower{horizon="0s",`+picked+`}`), of(`forecast_yhat_upper{horizon="0s",`+picked+`}`)).
			Transformations([]dashboard.DataTransformerConfig{merged(), columns(map[string]string{
				"Value #A": "score", "Value #B": "since", "Value #C": "once in",
				"Value #D": "value", "Value #E": "usual from", "Value #F": "usual to",
			}, "metric_name")}).
			SortBy(sortedBy("score", true)).Thresholds(severities()).
			OverrideByName("score", bar()).
			OverrideByName("since", properties{property("unit", units.DateTimeFromNow)}).
			OverrideByName("once in", properties{property("unit", units.Seconds)}).
			OverrideByName("detector", properties{linked(
				ofRow.to(uidAnomalies, "Only this series", "detector", "namespace", "pod"),
				ofRow.page(),
				ofRow.to(uidForecast, "Its forecast", "detector", "namespace", "pod"),
				ofRow.to(uidQuality, "How good this detector is", "detector"),
			)}),
		list("Alerts firing", "since: the condition of the alert holds. Click a detector to narrow this dashboard down.", 8,
			units.Short,
			instant(`1000 * max by (alertname, severity, detector, scaler, namespace, container, job) (ALERTS_FOR_STATE`+
				`{source="predictive_model"} and ignoring (alertstate) ALERTS{source="predictive_model",alertstate="firing"})`)).
			Transformations([]dashboard.DataTransformerConfig{columns(map[string]string{"Value": "since"})}).
			SortBy(sortedBy("since", true)).NoValue("none").
			OverrideByName("since", properties{property("unit", units.DateTimeFromNow)}).
			OverrideByName("detector", properties{linked(
				ofRow.to(uidAnomalies, "Only this detector", "detector", "namespace"),
				ofRow.to(uidForecast, "Its forecast", "detector", "namespace"),
			)}).
			OverrideByName("scaler", properties{linked(ofRow.to(uidForecast, "This scaler", "scaler"))}),
	)
	p.row("Scores over time", 8,
		graph("Highest scores over time", "The ten series with the highest scores at any time in the range.", 10, units.Short,
			series(who, scores+` and `+highestInRange)).Min(0).Max(1).
			DataLinks(dataLinks(
				ofSeries.to(uidAnomalies, "Only this series", "detector", "namespace", "pod"),
				ofSeries.page(),
				ofSeries.to(uidForecast, "Its forecast", "detector", "namespace", "pod"),
			)),
		graph("Highest score by detector", "Which kinds of signals are unusual.", 7, units.Short,
			series("{{detector}}", `max by (detector) (anomaly_score{`+picked+`})`)).Min(0).Max(1).
			DataLinks(dataLinks(
				ofSeries.to(uidAnomalies, "Only this detector", "detector"),
				ofSeries.to(uidQuality, "How good it is", "detector"),
			)),
		stacked(graph("Series by severity",
			"How many series are unusual at the same time. One series is a pod. All of them are something shared: a network.",
			7, units.Short,
			series("elevated", `count(`+scores+` >= 0.6 < 0.8) or vector(0)`),
			series("high", `count(`+scores+` >= 0.8 < 0.9) or vector(0)`),
			series("critical", `count(`+scores+` >= 0.9) or vector(0)`))).Min(0).
			OverrideByName("elevated", properties{fixed("yellow")}).
			OverrideByName("high", properties{fixed("orange")}).
			OverrideByName("critical", properties{fixed("red")}),
	)
}

func addHighest(p *page) {
	one := func(family string) string {
		return `max without (anomaly_replica, horizon) (` + family + `{horizon="0s",` + picked + `}) and ` + highest
	}
	narrower := dataLinks(ofSeries.page(), ofSeries.to(uidForecast, "Its forecast", "detector", "namespace", "pod"))
	p.row("Series with the highest score: pick a detector, namespace or pod to narrow it down", 10,
		inUnitOf(highest, band(graph("Expected and observed",
			"The value of the series at each step, its expected range, and the median expected. The unit is that of the "+
				"detector, unless a filter hides it.",
			16, units.Short,
			series("upper", one("forecast_yhat_upper")),
			series("lower", one("forecast_yhat_lower")),
			series("expected", one("forecast_yhat")),
			series("observed", `max without (anomaly_replica) (anomaly_observed{`+picked+`}) and `+highest)))).
			DataLinks(narrower),
		stacked(graph("Contributions",
			"How much each feature contributes to the score. Shown while the score is over explain_threshold, if the detector "+
				"publishes contribution.",
			8, units.PercentUnit,
			series("{{feature}}", `max by (feature) (anomaly_score_contribution{`+picked+`} `+
				`and ignoring (feature, anomaly_replica) `+highest+`)`))).Min(0).Max(1),
	)
	p.row("Score of this series", 7,
		graph("Score and onset",
			"The score stays high as long as the values are unusual. The onset, if published, is lowered by how much of the "+
				"last day was unusual already.",
			24, units.Short,
			series("score", scores+` and `+highest),
			series("onset", `max without (anomaly_replica) (anomaly_score_onset{`+picked+`}) and `+highest)).Min(0).Max(1).
			DataLinks(narrower),
	)
}

func addUnscored(p *page) {
	p.row("Series without a score", 8,
		stacked(graph("By state and reason", "Learning ends by itself. Failed does not.", 12, units.Short,
			series("{{state}}: {{reason}}", `count by (state, reason) (`+states+`)`))).Min(0),
		list("Series, state and reason", "Each series without a score now.", 12, units.Short, instant(states)).
			Transformations([]dashboard.DataTransformerConfig{columns(map[string]string{}, "Value")}).
			OverrideByName("detector", properties{linked(
				ofRow.page(), ofRow.to(uidExporter, "Its cycles and reads", "detector"),
			)}),
	)
}
