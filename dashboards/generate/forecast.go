package main

const (
	breach  = `forecast_time_to_breach_seconds{` + picked + `}`
	scaled  = `{scaler=~"$scaler"}`
	wanted  = `max without (anomaly_replica) (recommended_replicas` + scaled + `)`
	running = `max by (namespace, deployment) (kube_deployment_status_replicas)`
)

func forecastAndScaling() *dashboard {
	d := newDashboard("anomaly-exporter-forecast", "Forecast and scaling",
		"What will cross its bound and when, how many replicas are recommended and run, and what that costs. How good forecasts have been shows Is it right?",
		labelValues("detector", "Detector", `forecast_yhat{horizon!="0s"}`),
		labelValues("namespace", "Namespace", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		labelValues("pod", "Pod", `forecast_yhat{horizon!="0s",detector=~"$detector",namespace=~"$namespace"}`),
		oneOf("horizon", "Horizon", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		labelValues("scaler", "Scaler", `recommended_replicas`),
		variable{Name: "load", Label: "Load", Type: "textbox", Query: nothing, Current: choice{Text: nothing, Value: nothing}},
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

	d.row("Scaling", 9,
		graph("Replicas", "Recommended, and running according to kube-state-metrics where the scaler's labels name the deployment.", 16, "short",
			series("{{scaler}} recommended", wanted),
			series("{{deployment}} running", running+` and on (namespace, deployment) `+wanted)).fromZero().steppedLine(),
		stat("Recommended now", "Replicas, by scaler.", 4, "short", series("{{scaler}}", wanted)),
		stat("Missing now", "Replicas recommended and not running. Below zero, there are more than recommended.", 4, "short",
			series("{{scaler}}", wanted+` - on (namespace, deployment) group_left () `+running)).steps("green", from(1, "orange"), from(3, "red")).noValue("no deployment"),
	)
	carried := func(replicas string) string {
		return replicas + ` * on (scaler) group_left () max by (scaler) (anomaly_exporter_scaler_capacity_per_replica` + scaled + `)`
	}
	d.row("Load and capacity", 8,
		graph("What the fleet carries", "Replicas times what one carries, and the load. The load is not published: paste the scaler's load into the variable Load to draw it. Room above it is what the forecast asks for.", 24, "short",
			series("{{scaler}} recommended", carried(wanted)),
			series("{{scaler}} running", carried(`(`+wanted+` * 0 + on (namespace, deployment) group_left () `+running+`)`)),
			series("load", `$load`)).fromZero().override("load", fixed("text"), property{ID: "custom.lineWidth", Value: 2}),
	)
	d.row("Why this number", 7,
		timeline("What decided", "forecast: the load to come. current: the load now, because it is more, or because forecasts cannot be trusted. stabilization: waiting before going down. min and max: the bounds.", 24,
			series("{{scaler}} {{source}}", `max by (scaler, source) (recommended_replicas_source`+scaled+`)`)),
	)
	strategies := func(metric, span string) string {
		return `max by (scaler, strategy) (increase(anomaly_exporter_scaler_` + metric + scaled + `[` + span + `]))`
	}
	saved := func(against string) string {
		of := func(strategy string) string {
			return `sum(max by (scaler) (increase(anomaly_exporter_scaler_cost_total{scaler=~"$scaler",strategy="` + strategy + `"}[$__range])))`
		}
		return of(against) + ` - ` + of("recommended")
	}
	const needsCost = " Needs cost_per_replica_hour."
	d.row("What it costs", 8,
		graph("Cost per hour", "In the currency of cost_per_replica_hour: of the recommendation, of an HPA that sees the load now, and of a fleet for the largest load of the history."+needsCost, 8, "short",
			series("{{scaler}} {{strategy}}", strategies("cost_total", "1h"))).fromZero(),
		graph("Time with too few replicas", "Share of the last hour in which the load was over what the replicas carried that were there.", 8, "percentunit",
			series("{{scaler}} {{strategy}}", strategies("underprovisioned_seconds_total", "1h")+` / 3600`)).fromZero(),
		stat("Saved against a static fleet", "In this time range."+needsCost, 4, "short", series("", saved("static"))).noValue("no cost known"),
		stat("Saved against an HPA", "In this time range. Below zero, being ready costs that much more."+needsCost, 4, "short", series("", saved("reactive"))).noValue("no cost known"),
	)
	d.row("What it is made from", 7,
		graph("Replicas by strategy", "Mean of the last hour.", 8, "short",
			series("{{scaler}} {{strategy}}", strategies("replica_seconds_total", "1h")+` / 3600`)).fromZero(),
		graph("Changes of the recommendation", "Per hour.", 8, "short",
			series("{{scaler}} {{direction}}", `max by (scaler, direction) (increase(anomaly_exporter_scaling_decisions_total`+scaled+`[1h]))`)).fromZero(),
		stat("A replica carries", "Load, as configured or learned.", 4, "short", series("{{scaler}}", `max by (scaler) (anomaly_exporter_scaler_capacity_per_replica`+scaled+`)`)),
		stat("Horizon", "How far ahead the scaler looks, as configured or learned.", 4, "s", series("{{scaler}}", `max by (scaler) (anomaly_exporter_scaler_horizon_seconds`+scaled+`)`)),
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
