package main

// Queries of the Anomalies dashboard. Two exporters publish the same numbers; the larger of equals is taken.
const (
	picked = `detector=~"$detector",namespace=~"$namespace",pod=~"$pod"`
	scores = `max without (anomaly_replica) (anomaly_score{` + picked + `})`
	// strangest is the one series, of those picked, whose score is the highest at the end of the time range.
	strangest = `topk(1, max without (anomaly_replica) (anomaly_score{` + picked + `} @ end()))`
	// who names a series in a legend by the labels that usually tell one from another.
	who = "{{detector}} {{namespace}} {{service}} {{job}} {{container}} {{pod}} {{instance}}"
	// nothing is an expression without a result: what the variable observed holds until somebody pastes an expression.
	nothing = `absent(vector(1))`
)

func anomalies() *dashboard {
	d := newDashboard("anomaly-exporter-anomalies", "Anomalies",
		"What is strange now, since when, and compared with what. Scores are calibrated: 0.6 is once in 3.5 days of normal life, 0.8 once in 5 weeks, 0.9 once in 16 weeks.",
		labelValues("detector", "Detector", `anomaly_score`),
		labelValues("namespace", "Namespace", `anomaly_score{detector=~"$detector"}`),
		labelValues("pod", "Pod", `anomaly_score{detector=~"$detector",namespace=~"$namespace"}`),
		variable{
			Name: "observed", Label: "Observed", Type: "textbox", Query: nothing,
			Current: choice{Text: nothing, Value: nothing},
		},
		filters(),
	)
	d.Annotations.List = append(d.Annotations.List, annotation{
		Name: "Alerts", Datasource: source(), Enable: true, IconColor: "red", Step: "60s",
		Expr:        `max by (alertname, severity, detector, namespace, container) (ALERTS{source="predictive_model",alertstate="firing",severity=~"high|critical"})`,
		TitleFormat: "{{alertname}}", TextFormat: "{{detector}} {{namespace}} {{container}} {{severity}}",
	})

	d.row("Now", 4,
		stat("Series scored", "Series that have a score now.", 4, "short", series("", `count(`+scores+`)`)),
		stat("No score", "Series that have none: learning, failed, muted or stale. The last row says why.", 4, "short",
			series("", `count(max without (anomaly_replica) (anomaly_model_state{`+picked+`})) or vector(0)`)),
		stat("Elevated", "Series at 0.6 or more and under 0.8: each is there once in 3.5 days of normal life.", 4, "short",
			series("", `count(`+scores+` >= 0.6 < 0.8) or vector(0)`)).steps("green", from(1, "yellow")),
		stat("High", "Series at 0.8 or more and under 0.9: each is there once in 5 weeks of normal life.", 4, "short",
			series("", `count(`+scores+` >= 0.8 < 0.9) or vector(0)`)).steps("green", from(1, "orange")),
		stat("Critical", "Series at 0.9 or more: each is there once in 16 weeks of normal life.", 4, "short",
			series("", `count(`+scores+` >= 0.9) or vector(0)`)).steps("green", from(1, "red")),
		stat("Alerts firing", "Alerts of rules/ that fire, one per workload.", 4, "short",
			series("", `count(ALERTS{source="predictive_model",alertstate="firing"}) or vector(0)`)).steps("green", from(1, "red")),
	)

	score := property{ID: "custom.cellOptions", Value: map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}}
	d.row("What is strange", 10,
		table("The strangest series", "The 25 highest scores now.", 12, "percentunit",
			instant(`topk(25, `+scores+`)`)).
			columns(map[string]string{"Value": "score"}).sorted("score", true).between(0, 1).severities().
			override("score", score, property{ID: "unit", Value: "short"}, property{ID: "decimals", Value: 2}),
		graph("Their scores over time", "The ten series that were strangest at some time in the range.", 12, "short",
			series(who, scores+` and topk(10, max without (anomaly_replica) (max_over_time(anomaly_score{`+picked+`}[$__range] @ end())))`)).
			between(0, 1),
	)
	d.row("Since when", 8,
		graph("Highest score per detector", "Which kind of signal is away from normal.", 12, "short",
			series("{{detector}}", `max by (detector) (anomaly_score{`+picked+`})`)).between(0, 1),
		graph("Series by severity", "How many series are strange at once: one is a pod, all are the network.", 12, "short",
			series("elevated", `count(`+scores+` >= 0.6 < 0.8) or vector(0)`),
			series("high", `count(`+scores+` >= 0.8 < 0.9) or vector(0)`),
			series("critical", `count(`+scores+` >= 0.9) or vector(0)`)).stacked().fromZero().
			override("elevated", fixed("yellow")).override("high", fixed("orange")).override("critical", fixed("red")),
	)

	one := func(family string) string {
		return `max without (anomaly_replica, horizon) (` + family + `{horizon="0s",` + picked + `}) and ` + strangest
	}
	d.row("The strangest series: pick a detector, a namespace or a pod to narrow it down", 10,
		graph("Expected and seen",
			"The range that was expected of the series, step by step, and the middle of it. What was seen is not published: paste the detector's expr into the variable Observed to draw it.",
			16, "short",
			series("upper", one("forecast_yhat_upper")),
			series("lower", one("forecast_yhat_lower")),
			series("expected", one("forecast_yhat")),
			series("seen", `($observed) and on (namespace, pod, container, service, job, instance) `+strangest)).band(),
		graph("Why", "Shares of the score by what made it strange. Only there while the score is over the detector's explain_threshold, and if it publishes contribution.", 8, "percentunit",
			series("{{feature}}", `max by (feature) (anomaly_score_contribution{`+picked+`} and ignoring (feature, anomaly_replica) `+strangest+`)`)).
			stacked().between(0, 1),
	)
	d.row("Its score", 7,
		graph("Score and onset", "The score stays up as long as the strangeness does. The onset, if published, is lowered by how much of the last day was strange already.", 24, "short",
			series("score", scores+` and `+strangest),
			series("onset", `max without (anomaly_replica) (anomaly_score_onset{`+picked+`}) and `+strangest)).between(0, 1),
	)

	d.row("Why there is no score", 8,
		graph("Series without a score", "By state and reason. Learning ends by itself; failed does not.", 12, "short",
			series("{{state}}: {{reason}}", `count by (state, reason) (max without (anomaly_replica) (anomaly_model_state{`+picked+`}))`)).stacked().fromZero(),
		table("Which", "Series without a score now.", 12, "short",
			instant(`max without (anomaly_replica) (anomaly_model_state{`+picked+`})`)).columns(map[string]string{}, "Value"),
	)
	return d
}
