package main

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

func anomalies() *dashboard {
	d := newDashboard("anomaly-exporter-anomalies", "Anomalies",
		"What is unusual now, since when, and what was expected. Scores are calibrated: in normal behaviour, 0.6 occurs "+
			"once in 3.5 days, 0.8 once in 5 weeks, 0.9 once in 50 weeks.",
		labelValues("detector", "Detector", `anomaly_score`),
		labelValues("namespace", "Namespace", `anomaly_score{detector=~"$detector"}`),
		labelValues("pod", "Pod", `anomaly_score{detector=~"$detector",namespace=~"$namespace"}`),
		filters(),
	)
	d.Annotations.List = append(d.Annotations.List, annotation{
		Name: "Alerts", Datasource: source(), Enable: true, IconColor: "red", Step: "60s",
		Expr: `max by (alertname, severity, detector, namespace, container) ` +
			`(ALERTS{source="predictive_model",alertstate="firing",severity=~"warning|critical",anomaly_severity!="elevated"})`,
		TitleFormat: "{{alertname}}", TextFormat: "{{detector}} {{namespace}} {{container}} {{severity}}",
	})

	d.row("Now", 4,
		stat("Series with a score", "Series that have a score now.", 4, "short", series("", `count(`+scores+`)`)),
		stat("Series without a score",
			"Series that are learning, failed, muted or stale. The last row tells why.",
			4, "short",
			series("", `count(`+states+`) or vector(0)`)),
		stat("Elevated",
			"Scores of 0.6 up to 0.8. In normal behaviour, each series gets there once in 3.5 days.",
			4, "short",
			series("", `count(`+scores+` >= 0.6 < 0.8) or vector(0)`)).steps("green", from(1, "yellow")),
		stat("High", "Scores of 0.8 up to 0.9. In normal behaviour, each series gets there once in 5 weeks.", 4, "short",
			series("", `count(`+scores+` >= 0.8 < 0.9) or vector(0)`)).steps("green", from(1, "orange")),
		stat("Critical",
			"Scores of 0.9 or more. In normal behaviour, each series gets there once in 50 weeks.",
			4, "short",
			series("", `count(`+scores+` >= 0.9) or vector(0)`)).steps("green", from(1, "red")),
		stat("Alerts firing", "Firing alerts of rules/, one per workload.", 4, "short",
			series("", `count(ALERTS{source="predictive_model",alertstate="firing"}) or vector(0)`)).
			steps("green", from(1, "red")),
	)

	gauge := property{
		ID:    "custom.cellOptions",
		Value: map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
	}
	d.row("Most unusual series", 10,
		table("Highest scores now", "The 25 series with the highest scores.", 12, "percentunit",
			instant(`topk(25, `+scores+`)`)).
			columns(map[string]string{"Value": "score"}).sorted("score", true).between(0, 1).severities().
			override("score", gauge, property{ID: "unit", Value: "short"}, property{ID: "decimals", Value: 2}),
		graph("Highest scores over time", "The ten series with the highest scores at any time in the range.", 12, "short",
			series(who, scores+` and `+highestInRange)).between(0, 1),
	)
	d.row("Scores over time", 8,
		graph("Highest score by detector", "Which kinds of signals are unusual.", 12, "short",
			series("{{detector}}", `max by (detector) (anomaly_score{`+picked+`})`)).between(0, 1),
		graph("Series by severity",
			"How many series are unusual at the same time. One series is a pod. All of them are something shared: a network.",
			12, "short",
			series("elevated", `count(`+scores+` >= 0.6 < 0.8) or vector(0)`),
			series("high", `count(`+scores+` >= 0.8 < 0.9) or vector(0)`),
			series("critical", `count(`+scores+` >= 0.9) or vector(0)`)).stacked().fromZero().
			override("elevated", fixed("yellow")).override("high", fixed("orange")).override("critical", fixed("red")),
	)

	one := func(family string) string {
		return `max without (anomaly_replica, horizon) (` + family + `{horizon="0s",` + picked + `}) and ` + highest
	}
	d.row("Series with the highest score: pick a detector, namespace or pod to narrow it down", 10,
		graph("Expected and observed",
			"The value of the series at each step, its expected range, and the median expected.",
			16, "short",
			series("upper", one("forecast_yhat_upper")),
			series("lower", one("forecast_yhat_lower")),
			series("expected", one("forecast_yhat")),
			series("observed", `max without (anomaly_replica) (anomaly_observed{`+picked+`}) and `+highest)).band(),
		graph("Contributions",
			"How much each feature contributes to the score. Shown while the score is over explain_threshold, if the detector "+
				"publishes contribution.",
			8, "percentunit",
			series("{{feature}}", `max by (feature) (anomaly_score_contribution{`+picked+`} `+
				`and ignoring (feature, anomaly_replica) `+highest+`)`)).stacked().between(0, 1),
	)
	d.row("Score of this series", 7,
		graph("Score and onset",
			"The score stays high as long as the values are unusual. The onset, if published, is lowered by how much of the "+
				"last day was unusual already.",
			24, "short",
			series("score", scores+` and `+highest),
			series("onset", `max without (anomaly_replica) (anomaly_score_onset{`+picked+`}) and `+highest)).between(0, 1),
	)

	d.row("Series without a score", 8,
		graph("By state and reason", "Learning ends by itself. Failed does not.", 12, "short",
			series("{{state}}: {{reason}}", `count by (state, reason) (`+states+`)`)).stacked().fromZero(),
		table("Series, state and reason", "Each series without a score now.", 12, "short",
			instant(states)).columns(map[string]string{}, "Value"),
	)
	return d
}
