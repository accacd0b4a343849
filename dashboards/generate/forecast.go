package main

const (
	breach  = `forecast_time_to_breach_seconds{` + picked + `}`
	scaled  = `{scaler=~"$scaler"}`
	wanted  = `max without (anomaly_replica) (recommended_replicas` + scaled + `)`
	running = `max by (namespace, deployment) (kube_deployment_status_replicas)`
	// nothing is an expression without a result: the value of the variable load until somebody pastes an expression.
	nothing = `absent(vector(1))`
)

func forecastAndScaling() *dashboard {
	d := newDashboard("anomaly-exporter-forecast", "Forecast and scaling",
		"What will cross its bound and when, how many replicas are recommended and running, and what they cost. For how "+
			"good forecasts have been, see Detection and forecast quality.",
		labelValues("detector", "Detector", `forecast_yhat{horizon!="0s"}`),
		labelValues("namespace", "Namespace", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		labelValues("pod", "Pod", `forecast_yhat{horizon!="0s",detector=~"$detector",namespace=~"$namespace"}`),
		oneOf("horizon", "Horizon", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		labelValues("scaler", "Scaler", `recommended_replicas`),
		variable{
			Name: "load", Label: "Load", Type: "textbox", Query: nothing,
			Current: choice{Text: nothing, Value: nothing},
		},
		filters(),
	)
	addBreaches(d)
	addForecast(d)
	addReplicas(d)
	addSavings(d)
	return d
}

func addBreaches(d *dashboard) {
	d.row("Bounds", 5,
		stat("Next breach", "Time until the first of the picked series crosses its bound, by its median forecast.", 6, "s",
			series("", `min(`+breach+`)`)).
			steps("red", from(3600, "orange"), from(4*3600, "yellow"), from(24*3600, "green")).noValue("none in sight"),
		stat("Series that will cross", "Series whose median forecast crosses a bound within the longest horizon.", 6, "short",
			series("", `count(min without (anomaly_replica) (`+breach+`)) or vector(0)`)).steps("green", from(1, "orange")),
		stat("Most likely breach", "The highest probability of a breach within the shortest horizon.", 6, "percentunit",
			series("", `max(min without (horizon) (forecast_breach_probability{`+picked+`}))`)).
			steps("green", from(0.5, "orange"), from(0.8, "red")).noValue("no bounds"),
		stat("Series with forecasts", "Series that have a forecast for any horizon.", 6, "short",
			series("", `count(count without (anomaly_replica, horizon) (forecast_yhat{horizon!="0s",`+picked+`}))`)),
	)
	first := `min without (anomaly_replica) (` + breach + `)` +
		` and bottomk(10, min without (anomaly_replica) (` + breach + ` @ end()))`
	d.row("Time until a bound is crossed", 8,
		table("Next to cross", "The 25 series that cross a bound first.", 12, "s",
			instant(`bottomk(25, min without (anomaly_replica) (`+breach+`))`)).
			columns(map[string]string{"Value": "in"}).sorted("in", false),
		graph("Time left",
			"Time until the median forecast crosses the bound, for the ten series that are first at the end of the range. "+
				"A straight line down means that the forecast does not change.",
			12, "s",
			series(who, first)).fromZero(),
	)
	d.row("Probability that a bound is crossed", 7,
		graph("Probability of a breach",
			"Within each horizon, for the picked series that is most likely to cross.",
			24, "percentunit",
			series("{{bound}} within {{horizon}}", `max by (bound, horizon) (forecast_breach_probability{`+picked+`})`)).
			between(0, 1),
	)
}

// addForecast shows one series: with several picked, the one with the largest value that is expected now.
func addForecast(d *dashboard) {
	largest := `topk(1, max without (anomaly_replica) (forecast_yhat{horizon="0s",` + picked + `} @ end()))`
	past := func(family string) string {
		return `max without (anomaly_replica, horizon) (` + family + `{horizon="$horizon",` + picked + `} offset $horizon)` +
			` and ignoring (horizon) ` + largest
	}
	ahead := func(family string) string {
		return `max by (horizon) (max without (anomaly_replica) (` + family + `{` + picked + `})` +
			` and ignoring (horizon, probability) ` + largest + `)`
	}
	d.row("Forecast of one series: the largest of those picked", 9,
		graph("Forecast of $horizon before, and expected value",
			"The band is the interval that was forecast for this moment, $horizon earlier. The line is the value that was "+
				"expected at the time. An 80 % band should hold four steps of five.",
			16, "short",
			series("upper", past("forecast_yhat_upper")),
			series("lower", past("forecast_yhat_lower")),
			series("forecast", past("forecast_yhat")),
			series("expected", `max without (anomaly_replica) (forecast_yhat{horizon="0s",`+picked+`}) and `+largest)).band(),
		table("Forecast from now",
			"The forecast for each horizon. maximum: what the highest value until then stays below, with max_probability.",
			8, "short",
			instant(ahead("forecast_yhat_lower")), instant(ahead("forecast_yhat")),
			instant(ahead("forecast_yhat_upper")), instant(ahead("forecast_max"))).
			joined("horizon").columns(map[string]string{
			"Value #A": "lower", "Value #B": "median", "Value #C": "upper", "Value #D": "maximum",
		}, "Time 1", "Time 2", "Time 3", "Time 4"),
	)
}

func addReplicas(d *dashboard) {
	d.row("Replicas", 9,
		graph("Recommended and running replicas",
			"Running replicas come from kube-state-metrics, if the labels of the scaler name the deployment.", 16, "short",
			series("{{scaler}} recommended", wanted),
			series("{{deployment}} running", running+` and on (namespace, deployment) `+wanted)).fromZero().steppedLine(),
		stat("Recommended now", "Replicas, by scaler.", 4, "short", series("{{scaler}}", wanted)),
		stat("Missing now",
			"Recommended replicas less running ones. Below zero, more are running than recommended.",
			4, "short",
			series("{{scaler}}", wanted+` - on (namespace, deployment) group_left () `+running)).
			steps("green", from(1, "orange"), from(3, "red")).noValue("no deployment"),
	)
	capacity := func(replicas string) string {
		return replicas + ` * on (scaler) group_left () ` +
			`max by (scaler) (anomaly_exporter_scaler_capacity_per_replica` + scaled + `)`
	}
	d.row("Load and capacity", 8,
		graph("Load and capacity of the replicas",
			"Replicas times the capacity of one, and the load. The load is not published. To draw it, paste the load of the "+
				"scaler into the variable Load. Capacity above the load is for what the forecast expects.",
			24, "short",
			series("{{scaler}} recommended", capacity(wanted)),
			series("{{scaler}} running", capacity(`(`+wanted+` * 0 + on (namespace, deployment) group_left () `+running+`)`)),
			series("load", `$load`)).fromZero().override("load", fixed("text"), property{ID: "custom.lineWidth", Value: 2}),
	)
	d.row("Reason for the recommendation", 7,
		timeline("Source of the recommendation",
			"forecast: the expected load. current: the load now, because it is higher, or because forecasts were not good "+
				"enough. stabilization: waiting before scaling down. min and max: the bounds.",
			24,
			series("{{scaler}} {{source}}", `max by (scaler, source) (recommended_replicas_source`+scaled+`)`)),
	)
}

func addSavings(d *dashboard) {
	strategies := func(metric, span string) string {
		return `sum by (scaler, strategy) (max by (shard, scaler, strategy) ` +
			`(increase(anomaly_exporter_scaler_` + metric + scaled + `[` + span + `])))`
	}
	saved := func(against string) string {
		of := func(strategy string) string {
			return `sum(max by (shard, scaler) (increase(` +
				`anomaly_exporter_scaler_cost_total{scaler=~"$scaler",strategy="` + strategy + `"}[$__range])))`
		}
		return of(against) + ` - ` + of("recommended")
	}
	const (
		needsCost = " Needs cost_per_replica_hour."
		each      = "{{scaler}} {{strategy}}"
	)
	d.row("Cost", 8,
		graph("Cost per hour",
			"In the currency of cost_per_replica_hour. recommended: following the recommendation. reactive: an HPA on the load "+
				"now. static: replicas for the highest load of the history."+needsCost,
			8, "short",
			series(each, strategies("cost_total", "1h"))).fromZero(),
		graph("Time with too few replicas",
			"Share of the last hour during which the load exceeded the capacity of the replicas of each strategy.",
			8, "percentunit",
			series(each, strategies("underprovisioned_seconds_total", "1h")+` / 3600`)).fromZero(),
		stat("Savings against static replicas", "In this time range."+needsCost, 4, "short",
			series("", saved("static"))).noValue("no cost known"),
		stat("Savings against an HPA",
			"In this time range. Below zero, replicas that are ready in time cost that much more."+needsCost,
			4, "short",
			series("", saved("reactive"))).noValue("no cost known"),
	)
	d.row("Inputs of the recommendation", 7,
		graph("Replicas by strategy", "Mean of the last hour.", 8, "short",
			series(each, strategies("replica_seconds_total", "1h")+` / 3600`)).fromZero(),
		graph("Changes of the recommendation", "Per hour.", 8, "short",
			series("{{scaler}} {{direction}}",
				`sum by (scaler, direction) (max by (shard, scaler, direction) (`+
					`increase(anomaly_exporter_scaling_decisions_total`+scaled+`[1h])))`)).fromZero(),
		stat("Capacity per replica", "Load that one replica carries, as configured or learned.", 4, "short",
			series("{{scaler}}", `max by (scaler) (anomaly_exporter_scaler_capacity_per_replica`+scaled+`)`)),
		stat("Horizon", "How far ahead the scaler looks, as configured or learned.", 4, "s",
			series("{{scaler}}", `max by (scaler) (anomaly_exporter_scaler_horizon_seconds`+scaled+`)`)),
	)
}

// noValue is shown where there is no result.
func (p panel) noValue(text string) panel {
	p.FieldConfig.Defaults.NoValue = text
	return p
}

// steppedLine draws each value until the next one, for whole numbers.
func (p panel) steppedLine() panel {
	p.FieldConfig.Defaults.Custom["lineInterpolation"] = "stepAfter"
	return p
}

// joined makes one row of all targets' rows that agree in a column.
func (p panel) joined(column string) panel {
	p.Transformations = append(p.Transformations, transformation{
		ID: "joinByField", Options: map[string]any{"byField": column, "mode": "outer"},
	})
	return p
}

// timeline shows during which times something was true.
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
