package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const (
	breach  = `forecast_time_to_breach_seconds{` + picked + `}`
	likely  = `min without (anomaly_replica, horizon) (forecast_breach_probability{` + picked + `})`
	scaled  = `{scaler=~"$scaler"}`
	wanted  = `max without (anomaly_replica) (recommended_replicas` + scaled + `)`
	running = `max by (namespace, deployment) (kube_deployment_status_replicas)`
	// nothing is an expression without a result: the value of the variable load until somebody pastes an expression.
	nothing = `absent(vector(1))`
)

func forecastAndScaling() *page {
	p := newPage(uidForecast, "Forecast and scaling",
		"What will cross its bound and when, how many replicas are recommended and running, and what they cost. For how "+
			"good forecasts have been, see Detection and forecast quality.",
		someOf("detector", "Detector", `forecast_yhat{horizon!="0s"}`),
		someOf("namespace", "Namespace", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		someOf("pod", "Pod", `forecast_yhat{horizon!="0s",detector=~"$detector",namespace=~"$namespace"}`),
		oneOf("horizon", "Horizon", `forecast_yhat{horizon!="0s",detector=~"$detector"}`),
		someOf("scaler", "Scaler", `recommended_replicas`),
		dashboard.NewTextBoxVariableBuilder("load").Label("Load").DefaultValue(dashboard.StringOrMap{String: new(nothing)}).
			Current(dashboard.VariableOption{Text: text(nothing), Value: text(nothing)}).
			Description("The load of the scaler as PromQL, to be drawn beside the capacity of its replicas."),
		filters(ofResults),
	)
	p.Annotations.List = []dashboard.AnnotationQuery{
		alerts(`,alertname=~".*(Limit|Breach|Memory|Recommend).*"`), rollOuts(`{namespace=~"$namespace"}`),
	}
	addBreaches(p)
	addForecast(p)
	addReplicas(p)
	addSavings(p)
	return p
}

// untilBreach are the colours of the time until a bound is crossed.
func untilBreach() cog.Builder[dashboard.ThresholdsConfig] {
	return steps("red", from(3600, "orange"), from(4*3600, "yellow"), from(24*3600, "green"))
}

func addBreaches(p *page) {
	p.row("Limits ahead", 5,
		number("Next breach", "Time until the first of the picked series crosses its bound, by its median forecast.", 6,
			units.Seconds, series("", `min(`+breach+`)`)).Thresholds(untilBreach()).NoValue("none in sight"),
		number("Series that will cross", "Series whose median forecast crosses a bound within the longest horizon.", 6,
			units.Short, series("", `count(min without (anomaly_replica) (`+breach+`)) or vector(0)`)).
			Thresholds(steps("green", from(1, "orange"))),
		number("Most likely breach", "The highest probability of a breach within the shortest horizon.", 6,
			units.PercentUnit, series("", `max(`+likely+`)`)).
			Thresholds(steps("green", from(0.5, "orange"), from(0.8, "red"))).NoValue("no bounds"),
		number("Series with forecasts", "Series that have a forecast for any horizon.", 6, units.Short,
			series("", `count(count without (anomaly_replica, horizon) (forecast_yhat{horizon!="0s",`+picked+`}))`)),
	)
	const soonest = `min without (anomaly_replica) (` + breach + `)`
	p.row("Time until a bound is crossed", 8,
		list("Next to cross",
			"The 25 series that cross a bound first, by their median forecast. probability: that they cross it within the "+
				"shortest horizon. Click a detector for more about the series.",
			12, units.Short,
			instant(`bottomk(25, `+soonest+`)`),
			instant(`1000 * (time() + bottomk(25, `+soonest+`))`),
			instant(likely+` and bottomk(25, `+soonest+`)`)).
			Transformations([]dashboard.DataTransformerConfig{merged(), columns(map[string]string{
				"Value #A": "in", "Value #B": "at", "Value #C": "probability",
			}, "metric_name")}).
			SortBy(sortedBy("in", false)).
			OverrideByName("in", properties{property("unit", units.Seconds)}).
			OverrideByName("at", properties{property("unit", units.DatetimeISO)}).
			OverrideByName("probability", properties{property("unit", units.PercentUnit)}).
			OverrideByName("detector", properties{linked(
				ofRow.to(uidForecast, "Only this series", "detector", "namespace", "pod"),
				ofRow.page(),
				ofRow.to(uidAnomalies, "Its score", "detector", "namespace", "pod"),
			)}),
		graph("Time left",
			"Time until the median forecast crosses the bound, for the ten series that are first at the end of the range. "+
				"A straight line down means that the forecast does not change.",
			12, units.Seconds,
			series(who, soonest+` and bottomk(10, min without (anomaly_replica) (`+breach+` @ end()))`)).Min(0).
			DataLinks(dataLinks(
				ofSeries.to(uidForecast, "Only this series", "detector", "namespace", "pod"), ofSeries.page(),
			)),
	)
	p.row("Probability that a bound is crossed", 7,
		graph("Probability of a breach",
			"Within each horizon, for the picked series that is most likely to cross.",
			24, units.PercentUnit,
			series("{{bound}} within {{horizon}}", `max by (bound, horizon) (forecast_breach_probability{`+picked+`})`)).
			Min(0).Max(1),
	)
}

// addForecast shows one series: with several picked, the one that crosses a bound first, and without bounds in sight
// the one with the largest value that is expected now.
func addForecast(p *page) {
	const (
		first = `bottomk(1, min without (anomaly_replica, bound) (` + breach + ` @ end()))`
		one   = `(` + first + ` or topk(1, max without (anomaly_replica, horizon) ` +
			`(forecast_yhat{horizon="0s",` + picked + `} @ end())) unless on () ` + first + `)`
	)
	past := func(family string) string {
		return `max without (anomaly_replica, horizon) (` + family + `{horizon="$horizon",` + picked + `} offset $horizon)` +
			` and ` + one
	}
	ahead := func(family string) target {
		return instant(`max by (horizon) (max without (anomaly_replica) (` + family + `{` + picked + `})` +
			` and ignoring (horizon, probability) ` + one + `)`)
	}
	p.row("Forecast of one series: of those picked the first to cross a bound, else the largest", 10,
		inUnitOf(one, band(graph("Forecast of $horizon before, and value",
			"The band is the interval that was forecast for this moment, $horizon earlier. A value outside of it surprised the "+
				"forecast. An 80 % band should hold four steps of five.",
			16, units.Short,
			series("upper", past("forecast_yhat_upper")),
			series("lower", past("forecast_yhat_lower")),
			series("forecast", past("forecast_yhat")),
			series("expected", `max without (anomaly_replica, horizon) (forecast_yhat{horizon="0s",`+picked+`}) and `+one),
			series("observed", `max without (anomaly_replica) (anomaly_observed{`+picked+`}) and `+one)))).
			OverrideByName("forecast", properties{fixed("orange")}).
			DataLinks(dataLinks(
				ofSeries.page(), ofSeries.to(uidAnomalies, "Its score", "detector", "namespace", "pod"),
			)),
		inUnitOf(one, list("Forecast from now",
			"The forecast for each horizon. maximum: what the highest value until then stays below, with max_probability.",
			8, units.Short,
			ahead("forecast_yhat_lower"), ahead("forecast_yhat"), ahead("forecast_yhat_upper"), ahead("forecast_max"))).
			WithTransformation(joined("horizon")).
			WithTransformation(columns(map[string]string{
				"Value #A": "lower", "Value #B": "median", "Value #C": "upper", "Value #D": "maximum",
			}, "Time 1", "Time 2", "Time 3", "Time 4")),
	)
}

func addReplicas(p *page) {
	onPage := properties{linked(ofSeries.scaler())}
	p.row("Replicas", 9,
		graph("Recommended and running replicas",
			"Running replicas come from kube-state-metrics, if the labels of the scaler name the deployment.", 16, units.Short,
			series("{{scaler}} recommended", wanted),
			series("{{deployment}} running", running+` and on (namespace, deployment) `+wanted)).Min(0).
			LineInterpolation(common.LineInterpolationStepAfter).
			OverrideByQuery("A", onPage),
		number("Recommended now", "Replicas, by scaler.", 4, units.Short, series("{{scaler}}", wanted)).
			DataLinks(dataLinks(ofSeries.scaler())),
		number("Missing now",
			"Recommended replicas less running ones. Below zero, more are running than recommended.",
			4, units.Short,
			series("{{scaler}}", wanted+` - on (namespace, deployment) group_left () `+running)).
			Thresholds(steps("green", from(1, "orange"), from(3, "red"))).NoValue("no deployment").
			DataLinks(dataLinks(ofSeries.scaler())),
	)
	capacity := func(replicas string) string {
		return replicas + ` * on (scaler) group_left () ` +
			`max by (scaler) (anomaly_exporter_scaler_capacity_per_replica` + scaled + `)`
	}
	p.row("Load and capacity", 8,
		graph("Load and capacity of the replicas",
			"Replicas times the capacity of one, and the load. The load is not published. To draw it, paste the load of the "+
				"scaler into the variable Load. Capacity above the load is for what the forecast expects.",
			24, units.Short,
			series("{{scaler}} recommended", capacity(wanted)),
			series("{{scaler}} running", capacity(`(`+wanted+` * 0 + on (namespace, deployment) group_left () `+running+`)`)),
			series("load", `$load`)).Min(0).
			OverrideByName("load", properties{fixed("text"), property("custom.lineWidth", 2)}).
			OverrideByQuery("A", onPage).OverrideByQuery("B", onPage),
	)
	p.row("Reason for the recommendation", 7,
		timeline("Source of the recommendation",
			"forecast: the expected load. current: the load now, because it is higher, or because forecasts were not good "+
				"enough. stabilization: waiting before scaling down. min and max: the bounds.",
			24,
			series("{{scaler}} {{source}}", `max by (scaler, source) (recommended_replicas_source`+scaled+`)`)).
			DataLinks(dataLinks(ofSeries.scaler())),
	)
}

func addSavings(p *page) {
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
		needsCost = " In the currency of cost_per_replica_hour, which it needs."
		each      = "{{scaler}} {{strategy}}"
	)
	p.row("Cost", 8,
		graph("Cost per hour",
			"recommended: following the recommendation. reactive: an HPA on the load now. static: replicas for the highest "+
				"load of the history."+needsCost,
			8, units.Short,
			series(each, strategies("cost_total", "1h"))).Min(0),
		graph("Time with too few replicas",
			"Share of the last hour during which the load exceeded the capacity of the replicas of each strategy.",
			8, units.PercentUnit,
			series(each, strategies("underprovisioned_seconds_total", "1h")+` / 3600`)).Min(0),
		number("Savings against static replicas", "In this time range."+needsCost, 4, units.Short,
			series("", saved("static"))).NoValue("no cost known"),
		number("Savings against an HPA",
			"In this time range. Below zero, replicas that are ready in time cost that much more."+needsCost,
			4, units.Short,
			series("", saved("reactive"))).NoValue("no cost known"),
	)
	p.row("Inputs of the recommendation", 7,
		graph("Replicas by strategy", "Mean of the last hour.", 8, units.Short,
			series(each, strategies("replica_seconds_total", "1h")+` / 3600`)).Min(0),
		graph("Changes of the recommendation", "Per hour.", 8, units.Short,
			series("{{scaler}} {{direction}}",
				`sum by (scaler, direction) (max by (shard, scaler, direction) (`+
					`increase(anomaly_exporter_scaling_decisions_total`+scaled+`[1h])))`)).Min(0),
		number("Capacity per replica", "Load that one replica carries, as configured or learned.", 4, units.Short,
			series("{{scaler}}", `max by (scaler) (anomaly_exporter_scaler_capacity_per_replica`+scaled+`)`)),
		number("Horizon", "How far ahead the scaler looks, as configured or learned.", 4, units.Seconds,
			series("{{scaler}}", `max by (scaler) (anomaly_exporter_scaler_horizon_seconds`+scaled+`)`)),
	)
}
