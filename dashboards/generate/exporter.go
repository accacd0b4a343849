package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const (
	ofJob = `job=~"$job",instance=~"$instance"`
	// ofPicked selects metrics of detectors and scalers: they have the label detector or the label scaler.
	ofPicked = ofJob + `,detector=~"$detector",scaler=~"$scaler"`
	// eachPicked names a detector or scaler in a legend.
	eachPicked = "{{detector}}{{scaler}}"
	upExporter = ` and on (job, instance) anomaly_exporter_build_info`
	// aboutItself selects the alerts of rules/exporter.yml.
	aboutItself = `alertname=~"Anomaly(Exporter|Forecast).+"`
)

func exporter() *page {
	p := newPage(uidExporter, "Anomaly exporter",
		"The exporter itself: whether it keeps up, and what it reads, fits, holds and costs. Pick detectors or scalers to "+
			"narrow it down, not both.",
		someOf("job", "Job", `anomaly_exporter_build_info`),
		someOf("instance", "Instance", `anomaly_exporter_build_info{job=~"$job"}`),
		someOf("detector", "Detector", `anomaly_exporter_cycles_total{job=~"$job",instance=~"$instance"}`),
		someOf("scaler", "Scaler", `anomaly_exporter_cycles_total{job=~"$job",instance=~"$instance"}`),
		filters(ofMetrics),
	)
	loaded := event("Configuration loaded", "green",
		`1000 * anomaly_exporter_config_last_reload_success_timestamp_seconds{`+ofJob+`}`,
		"Configuration loaded", "{{instance}}: a start or a reload", "instance")
	loaded.UseValueForTime = new(true)
	p.Annotations.List = []dashboard.AnnotationQuery{alerts(`,` + aboutItself), rollOuts(``), loaded}
	addHealth(p)
	addCycles(p)
	addFits(p)
	addRemoteRead(p)
	addCosts(p)
	return p
}

func addHealth(p *page) {
	p.row("Health", 4,
		number("Alerts firing", "Firing alerts about the exporter and its forecasts.", 3, units.Short,
			series("", `count(ALERTS{source="predictive_model",alertstate="firing",`+aboutItself+`}) or vector(0)`)).
			Thresholds(steps("green", from(1, "red"))),
		number("Exporters up", "Exporters that Prometheus scrapes.", 3, units.Short,
			series("", `sum(up{`+ofJob+`}`+upExporter+`) or vector(0)`)).Thresholds(steps("red", from(1, "green"))),
		number("Shards missing", "Shards of which Prometheus scrapes no exporter. Their series have no results.", 3,
			units.Short,
			series("", `sum(max by (job) (anomaly_exporter_shards{job=~"$job"}) - `+
				`count by (job) (group by (job, shard) (anomaly_exporter_shards{job=~"$job"})))`)).
			Thresholds(steps("green", from(1, "red"))),
		number("Oldest results",
			"Age of the results of the slowest detector or scaler. Normal is up to a step, the query_offset and a cycle.",
			3, units.Seconds,
			series("", `time() - min(anomaly_exporter_last_step_timestamp_seconds{`+ofPicked+`})`)),
		number("Results", "Series of results on /metrics, of all shards together.", 3, units.Short,
			series("", `sum(max by (shard) (anomaly_exporter_results{`+ofJob+`}))`)),
		number("Config", "1 if the newest config file is in force.", 3, units.Short,
			series("", `min(anomaly_exporter_config_last_reload_successful{`+ofJob+`})`)).
			Thresholds(steps("red", from(1, "green"))),
		number("Config loaded", "When a config file was last loaded successfully.", 3, units.DateTimeFromNow,
			series("", `1000 * max(anomaly_exporter_config_last_reload_success_timestamp_seconds{`+ofJob+`})`)),
		number("Version", "The running version.", 3, units.String,
			series("{{version}}", `count by (version) (anomaly_exporter_build_info{`+ofJob+`})`)).
			TextMode(common.BigValueTextModeName).GraphMode(common.BigValueGraphModeNone),
	)
}

func addCycles(p *page) {
	perHour := func(metric string) string {
		return `sum by (detector, scaler) (increase(anomaly_exporter_` + metric + `{` + ofPicked + `}[1h]))`
	}
	once := func(metric string) string {
		return `max without (job, instance, anomaly_replica) (anomaly_exporter_` + metric + `{` + ofPicked + `})`
	}
	whose := dataLinks(
		ofSeries.to(uidAnomalies, "Anomalies of this detector", "detector"),
		ofSeries.to(uidForecast, "Forecast and scaling", "detector", "scaler"),
	)
	p.row("Cycles", 8,
		graph("Duration of the last cycle",
			"From its start until results are published. It must stay well below the step.",
			8, units.Seconds,
			series(eachPicked+" {{instance}}", `anomaly_exporter_cycle_duration_seconds{`+ofPicked+`}`)).Min(0).
			DataLinks(whose),
		graph("Age of results", "Time since the step of the results.", 8, units.Seconds,
			series(eachPicked+" {{instance}}", `time() - anomaly_exporter_last_step_timestamp_seconds{`+ofPicked+`}`)).
			Min(0).DataLinks(whose),
		graph("Cycles missed and failed, per hour",
			"Missed steps are computed later. Failed cycles are tried again. Incomplete: a query warned.", 8, units.Short,
			series(eachPicked+" missed", perHour("cycles_missed_total")),
			series(eachPicked+" failed", perHour("cycle_failures_total")),
			series(eachPicked+" incomplete", perHour("query_warnings_total"))).Min(0).DataLinks(whose),
	)
	p.row("Series and models", 8,
		stacked(graph("Series by state", "The series that the expressions return now, by state and reason.", 8, units.Short,
			series("{{state}} {{reason}}", `sum by (state, reason) (`+once("series")+`)`))).Min(0).
			DataLinks(dataLinks(ofSeries.to(uidAnomalies, "Which series have no score"))),
		graph("Series refused", "Series over series_limit: the newest have no results.", 8, units.Short,
			series(eachPicked, `sum by (detector, scaler) (`+once("series_refused")+`)`)).Min(0).DataLinks(whose),
		stacked(graph("Models in service",
			"Forecast models. A combination counts as its model with the largest weight; peers are models of pools.", 8,
			units.Short,
			series("{{model}}", `sum by (model) (`+once("models")+`)`))).Min(0),
	)
}

func addFits(p *page) {
	quantile := func(q string) string {
		return quantileBy("model", q, `rate(anomaly_exporter_fit_duration_seconds_bucket{`+ofJob+`}[$__rate_interval])`)
	}
	p.row("Fits", 8,
		graph("Fits per second", "Refits are spread over the series. A peak is a restart or a reload.", 12,
			units.OpsPerSecond,
			series("{{model}}", `sum by (model) `+
				`(rate(anomaly_exporter_fit_duration_seconds_count{`+ofJob+`}[$__rate_interval]))`)).Min(0),
		graph("Duration of a fit", "Time to fit one model to one series.", 12, units.Seconds,
			series("{{model}} p50", quantile("0.5")),
			series("{{model}} p99", quantile("0.99"))).Min(0),
	)
}

func addRemoteRead(p *page) {
	rate := func(metric string) string {
		return `rate(anomaly_exporter_remote_read_` + metric + `{` + ofJob + `}[$__rate_interval])`
	}
	p.row("Remote-read", 8,
		graph("Requests", "By HTTP status. error: there was no answer.", 8, units.RequestsPerSecond,
			series("{{url}} {{code}}", `sum by (url, code) (`+rate("requests_total")+`)`)).Min(0),
		graph("Errors", "Failed requests, corrupt chunks, and series left out.", 8, units.OpsPerSecond,
			series("{{url}} {{reason}}", `sum by (url, reason) (`+rate("errors_total")+`)`)).Min(0),
		graph("Duration of a request", "Until its answer has been read.", 8, units.Seconds,
			series("{{url}} p50", quantileBy("url", "0.5", rate("request_duration_seconds_bucket"))),
			series("{{url}} p99", quantileBy("url", "0.99", rate("request_duration_seconds_bucket")))).Min(0),
		graph("Samples read", "The whole history after a start, then only the newest minutes.", 8, units.CountsPerSecond,
			series("{{url}}", `sum by (url) (`+rate("samples_total")+`)`)).Min(0),
		graph("Bytes read", "As transferred, compressed.", 8, units.BytesPerSecondIEC,
			series("{{url}}", `sum by (url) (`+rate("bytes_total")+`)`)).Min(0),
		graph("Requests in flight", "Limited by --query.max-concurrency.", 8, units.Short,
			series("{{instance}}", `anomaly_exporter_remote_read_in_flight{`+ofJob+`}`)).Min(0),
	)
}

func addCosts(p *page) {
	rate := func(metric string) string { return `rate(` + metric + `{` + ofJob + `}[$__rate_interval])` }
	p.row("Results and resources", 8,
		graph("Results left out", "Dropped for their labels, per minute, and withheld by sample_limit.", 8, units.Short,
			series("dropped: {{reason}}", `60 * sum by (reason) (`+rate("anomaly_exporter_results_dropped_total")+`)`),
			series("withheld: {{kind}}", `sum by (kind) (max by (shard, kind) (anomaly_exporter_results_withheld{`+ofJob+`}))`)).
			Min(0),
		graph("Rendering", "Time to render new results into the text that scrapes copy.", 8, units.Seconds,
			series("{{instance}}", rate("anomaly_exporter_render_duration_seconds_sum")+` / `+
				rate("anomaly_exporter_render_duration_seconds_count"))).Min(0),
		graph("CPU", "Cores in use.", 8, units.Short,
			series("{{instance}}", rate("process_cpu_seconds_total")+upExporter)).Min(0),
		graph("Memory", "Resident memory, and the Go heap in it.", 12, units.BytesIEC,
			series("{{instance}} resident", `process_resident_memory_bytes{`+ofJob+`}`+upExporter),
			series("{{instance}} heap", `go_memstats_heap_inuse_bytes{`+ofJob+`}`+upExporter)).Min(0),
		graph("Goroutines", "Constant, unless something leaks.", 12, units.Short,
			series("{{instance}}", `go_goroutines{`+ofJob+`}`+upExporter)).Min(0),
	)
}

// quantileBy is a quantile of a histogram, by one label.
func quantileBy(label, q, buckets string) string {
	return `histogram_quantile(` + q + `, sum by (` + label + `, le) (` + buckets + `))`
}
