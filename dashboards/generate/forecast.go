package main

const (
	breach  = `forecast_time_to_breach_seconds{` + picked + `}`
	scaled  = `{scaler=~"$scaler"}`
	wanted  = `max without (anomaly_replica) (recommended_replicas` + scaled + `)`
	running = `max by (namespace, deployment) (kube_deployment_status_replicas)`
)

func forecastAndScaling() *dashboard {
	d := newDashboard("anomaly-exporter-forecast", "Forecast and scaling",
		"What will cross its bound and when, how good forecasts have been, and how many replicas are recommended and run.",
		labelValues("detector", "Detector", `forecast_yhat{horizon!="0s"}`),
		labelValues("namespace", "Namespace", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		labelValues("pod", "Pod", `forecast_yhat{horizon!="0s",detector=~"$detector",namespace=~"$namespace"}`),
		oneOf("horizon", "Horizon", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		labelValues("scaler", "Scaler", `recommended_replicas`),
		filters(),
	)
	d.row("Bounds", 5,
		stat("Next breach", "Time until the first of the picked series crosses its bound, by the middle of its forecast.", 6, "s",
			series("", `min(`+breach+`)`)).steps("red", from(3600, "orange"), from(4*3600, "yellow"), from(24*3600, "green")).noValue("none in sight"),
		stat("Series that will cross", "Series whose forecast crosses a bound within the longest horizon.", 6, "short",
			series("", `count(min without (anomaly_replica) (`+breach+`)) or vector(0)`)).steps("green", from(1, "orange")),
		stat("Most likely breach", "The highest probability of a breach within the shortest horizon.", 6, "percentunit",
			series("", `max(min without (horizon) (forecast_breach_probability{`+picked+`}))`)).steps("green", from(0.5, "orange"), from(0.8, "red")).noValue("no bounds"),
		stat("Series with forecasts", "Series that have a forecast for some horizon.", 6, "short",
			series("", `count(count without (anomaly_replica, horizon) (forecast_yhat{horizon!="0s",`+picked+`}))`)),
	)
	d.row("What crosses its bound", 8,
		table("Next to cross", "The 25 series that cross a bound first.", 12, "s",
			instant(`bottomk(25, min without (anomaly_replica) (`+breach+`))`)).
			columns(map[string]string{"Value": "in"}).sorted("in", false),
		graph("Time left", "Until the middle of the forecast crosses the bound, for the ten series that are first at the end of the range. A straight line down is a forecast that holds.", 12, "s",
			series(who, `min without (anomaly_replica) (`+breach+`) and bottomk(10, min without (anomaly_replica) (`+breach+` @ end()))`)).fromZero(),
	)
	d.row("How likely", 7,
		graph("Probability of a breach", "Within each horizon, of the picked series that is most likely to cross.", 24, "percentunit",
			series("{{bound}} within {{horizon}}", `max by (bound, horizon) (forecast_breach_probability{`+picked+`})`)).between(0, 1),
	)

	// One series: with several left, the one whose forecast is largest.
	largest := `topk(1, max without (anomaly_replica) (forecast_yhat{horizon="0s",` + picked + `} @ end()))`
	past := func(family string) string {
		return `max without (anomaly_replica, horizon) (` + family + `{horizon="$horizon",` + picked + `} offset $horizon) and ignoring (horizon) ` + largest
	}
	ahead := func(family string) string {
		return `max by (horizon) (max without (anomaly_replica) (` + family + `{` + picked + `}) and ignoring (horizon, probability) ` + largest + `)`
	}
	d.row("Forecast of one series: the largest of those picked", 9,
		graph("What was forecast $horizon before, and what was expected at the time",
			"The band is the interval that was forecast for this moment, $horizon earlier. The line is what the newest values made likely by then. Four steps of five should lie in an 80 % band.",
			16, "short",
			series("upper", past("forecast_yhat_upper")),
			series("lower", past("forecast_yhat_lower")),
			series("forecast", past("forecast_yhat")),
			series("expected", `max without (anomaly_replica) (forecast_yhat{horizon="0s",`+picked+`}) and `+largest)).band(),
		table("From now on", "The forecast for each horizon, and what the maximum until then stays under with the detector's max_probability.", 8, "short",
			instant(ahead("forecast_yhat_lower")), instant(ahead("forecast_yhat")), instant(ahead("forecast_yhat_upper")), instant(ahead("forecast_max"))).
			joined("horizon").columns(map[string]string{"Value #A": "lower", "Value #B": "middle", "Value #C": "upper", "Value #D": "maximum"}, "Time 1", "Time 2", "Time 3", "Time 4"),
	)

	quality := func(metric string) string {
		return `max by (detector, horizon) (anomaly_exporter_` + metric + `{detector=~"$detector"})`
	}
	d.row("How good forecasts have been", 8,
		graph("Error", "Relative to that of the value a day before, median over the series. Over 1 the forecast is worse than that.", 8, "short",
			series("{{detector}} {{horizon}}", quality("forecast_mase"))).fromZero(),
		graph("Coverage", "Share of values that were within their interval. An 80 % interval should hold 80 %.", 8, "percentunit",
			series("{{detector}} {{horizon}}", quality("forecast_interval_coverage_ratio"))).between(0, 1),
		graph("Bias", "Mean error relative to the mean value, median over the series. Over zero, forecasts are too high.", 8, "percentunit",
			series("{{detector}} {{horizon}}", quality("forecast_bias_ratio"))),
	)

	d.row("Scaling", 9,
		graph("Replicas", "Recommended, and running according to kube-state-metrics where the scaler's labels name the deployment.", 16, "short",
			series("{{scaler}} recommended", wanted),
			series("{{deployment}} running", running+` and on (namespace, deployment) `+wanted)).fromZero().steppedLine(),
		stat("Recommended now", "Replicas, by scaler.", 4, "short", series("{{scaler}}", wanted)),
		stat("Missing now", "Replicas recommended and not running. Below zero, there are more than recommended.", 4, "short",
			series("{{scaler}}", wanted+` - on (namespace, deployment) group_left () `+running)).steps("green", from(1, "orange"), from(3, "red")).noValue("no deployment"),
	)
	d.row("Why this number", 7,
		timeline("What decided", "forecast: the load to come. current: the load now, because it is more, or because forecasts cannot be trusted. stabilization: waiting before going down. min and max: the bounds.", 24,
			series("{{scaler}} {{source}}", `max by (scaler, source) (recommended_replicas_source`+scaled+`)`)),
	)
	return d
}

// noValue is shown where there is no result.
func (p panel) noValue(text string) panel {
	p.FieldConfig.Defaults.NoValue = text
	return p
}

// steppedLine holds each value until the next, as whole numbers do.
func (p panel) steppedLine() panel {
	p.FieldConfig.Defaults.Custom["lineInterpolation"] = "stepAfter"
	return p
}

// joined makes one row of all targets' rows that agree in a column.
func (p panel) joined(column string) panel {
	p.Transformations = append(p.Transformations, transformation{ID: "joinByField", Options: map[string]any{"byField": column, "mode": "outer"}})
	return p
}

// timeline shows from when to when something was the case.
func timeline(title, description string, width int, t target) panel {
	p := newPanel("state-timeline", title, description, width, "short", []target{t})
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 70, "lineWidth": 0}
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "fixed", "fixedColor": "blue"}
	p.Options = map[string]any{
		"mergeValues": true, "showValue": "never", "rowHeight": 0.8,
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false},
		"tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
	return p
}
