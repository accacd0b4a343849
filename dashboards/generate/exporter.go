package main

const (
	ofJob     = `job=~"$job",instance=~"$instance"`
	ofTask    = ofJob + `,detector=~"$detector"`
	readRates = `(rate(anomaly_exporter_remote_read_`
)

func exporter() *dashboard {
	d := newDashboard("anomaly-exporter-exporter", "Anomaly exporter",
		"The exporter itself: whether it keeps up, what it reads, what it fits, what it holds, and what it costs.",
		labelValues("job", "Job", `anomaly_exporter_build_info`),
		labelValues("instance", "Instance", `anomaly_exporter_build_info{job=~"$job"}`),
		labelValues("detector", "Detector or scaler", `anomaly_exporter_cycles_total{job=~"$job",instance=~"$instance"}`),
	)
	d.row("Health", 4,
		stat("Exporters up", "Exporters that were scraped.", 4, "short",
			series("", `sum(up{`+ofJob+`} and on (job, instance) anomaly_exporter_build_info) or vector(0)`)).steps("red", from(1, "green")),
		stat("Version", "The version that runs.", 4, "string", series("{{version}}", `count by (version) (anomaly_exporter_build_info{`+ofJob+`})`)).names(),
		stat("Config", "1 if the newest config file is in force.", 4, "short",
			series("", `min(anomaly_exporter_config_last_reload_successful{`+ofJob+`})`)).steps("red", from(1, "green")),
		stat("Config loaded", "When a config file was last loaded with success.", 4, "dateTimeFromNow",
			series("", `1000 * max(anomaly_exporter_config_last_reload_success_timestamp_seconds{`+ofJob+`})`)),
		stat("Oldest results", "Age of the step that the slowest detector speaks of: up to a step, the query_offset and a cycle.", 4, "s",
			series("", `time() - min(anomaly_exporter_last_step_timestamp_seconds{`+ofTask+`})`)),
		stat("Results", "Series of results on /metrics.", 4, "short", series("", `max(anomaly_exporter_results{`+ofJob+`})`)),
	)
	d.row("Cycles", 8,
		graph("Duration of the last cycle", "From its start to publishing. It must stay well under the step.", 8, "s",
			series("{{detector}} {{instance}}", `anomaly_exporter_cycle_duration_seconds{`+ofTask+`}`)).fromZero(),
		graph("Age of results", "How long ago the step was that the results speak of.", 8, "s",
			series("{{detector}} {{instance}}", `time() - anomaly_exporter_last_step_timestamp_seconds{`+ofTask+`}`)).fromZero(),
		graph("Cycles missed and failed, per hour", "Missed steps are caught up later. Failed cycles are tried again.", 8, "short",
			series("{{detector}} missed", `sum by (detector) (increase(anomaly_exporter_cycles_missed_total{`+ofTask+`}[1h]))`),
			series("{{detector}} failed", `sum by (detector) (increase(anomaly_exporter_cycle_failures_total{`+ofTask+`}[1h]))`),
			series("{{detector}} incomplete", `sum by (detector) (increase(anomaly_exporter_query_warnings_total{`+ofTask+`}[1h]))`)).fromZero(),
	)
	d.row("Series and models", 8,
		graph("Series by state", "What the expressions return now, and what has become of it.", 8, "short",
			series("{{state}} {{reason}}", `sum by (state, reason) (max without (job, instance, anomaly_replica) (anomaly_exporter_series{`+ofTask+`}))`)).stacked().fromZero(),
		graph("Series refused", "Over series_limit: the newest are neither scored nor forecast.", 8, "short",
			series("{{detector}}", `max by (detector) (anomaly_exporter_series_refused{`+ofTask+`})`)).fromZero(),
		graph("Models in service", "Forecast models; of a combination, the one with the largest weight. peers are pools of siblings.", 8, "short",
			series("{{model}}", `sum by (model) (max without (job, instance, anomaly_replica) (anomaly_exporter_models{`+ofTask+`}))`)).stacked().fromZero(),
	)
	d.row("Fits", 8,
		graph("Fits per second", "Refits are spread over the series; a step up is a restart or a reload.", 12, "ops",
			series("{{model}}", `sum by (model) (rate(anomaly_exporter_fit_duration_seconds_count{`+ofJob+`}[$__rate_interval]))`)).fromZero(),
		graph("Duration of a fit", "Of one model to one series.", 12, "s",
			series("{{model}} p50", `histogram_quantile(0.5, sum by (model, le) (rate(anomaly_exporter_fit_duration_seconds_bucket{`+ofJob+`}[$__rate_interval])))`),
			series("{{model}} p99", `histogram_quantile(0.99, sum by (model, le) (rate(anomaly_exporter_fit_duration_seconds_bucket{`+ofJob+`}[$__rate_interval])))`)).fromZero(),
	)
	d.row("Remote-read", 8,
		graph("Requests", "By the HTTP status of the answer; error where there was none.", 8, "reqps",
			series("{{url}} {{code}}", `sum by (url, code) `+readRates+`requests_total{`+ofJob+`}[$__rate_interval]))`)).fromZero(),
		graph("Errors", "Failed requests, corrupt chunks, series left out.", 8, "ops",
			series("{{url}} {{reason}}", `sum by (url, reason) `+readRates+`errors_total{`+ofJob+`}[$__rate_interval]))`)).fromZero(),
		graph("Duration of a request", "To the end of its answer.", 8, "s",
			series("{{url}} p50", `histogram_quantile(0.5, sum by (url, le) `+readRates+`request_duration_seconds_bucket{`+ofJob+`}[$__rate_interval])))`),
			series("{{url}} p99", `histogram_quantile(0.99, sum by (url, le) `+readRates+`request_duration_seconds_bucket{`+ofJob+`}[$__rate_interval])))`)).fromZero(),
		graph("Samples read", "After a start the whole history, then only the newest minutes.", 8, "cps",
			series("{{url}}", `sum by (url) `+readRates+`samples_total{`+ofJob+`}[$__rate_interval]))`)).fromZero(),
		graph("Bytes read", "As they were on the wire.", 8, "Bps",
			series("{{url}}", `sum by (url) `+readRates+`bytes_total{`+ofJob+`}[$__rate_interval]))`)).fromZero(),
		graph("Requests under way", "Bounded by --query.max-concurrency.", 8, "short",
			series("{{instance}}", `anomaly_exporter_remote_read_in_flight{`+ofJob+`}`)).fromZero(),
	)
	d.row("Results and costs", 8,
		graph("Results left out", "Dropped for their labels, per minute, and kept back by sample_limit.", 8, "short",
			series("dropped: {{reason}}", `60 * sum by (reason) (rate(anomaly_exporter_results_dropped_total{`+ofJob+`}[$__rate_interval]))`),
			series("kept back: {{kind}}", `max by (kind) (anomaly_exporter_results_withheld{`+ofJob+`})`)).fromZero(),
		graph("Rendering", "Time to turn new results into what a scrape copies.", 8, "s",
			series("{{instance}}", `rate(anomaly_exporter_render_duration_seconds_sum{`+ofJob+`}[$__rate_interval]) / rate(anomaly_exporter_render_duration_seconds_count{`+ofJob+`}[$__rate_interval])`)).fromZero(),
		graph("CPU", "Cores in use.", 8, "short",
			series("{{instance}}", `rate(process_cpu_seconds_total{`+ofJob+`}[$__rate_interval]) and on (job, instance) anomaly_exporter_build_info`)).fromZero(),
		graph("Memory", "Resident, and the part of it that is Go's heap.", 12, "bytes",
			series("{{instance}} resident", `process_resident_memory_bytes{`+ofJob+`} and on (job, instance) anomaly_exporter_build_info`),
			series("{{instance}} heap", `go_memstats_heap_inuse_bytes{`+ofJob+`} and on (job, instance) anomaly_exporter_build_info`)).fromZero(),
		graph("Goroutines", "Level, unless something leaks.", 12, "short",
			series("{{instance}}", `go_goroutines{`+ofJob+`} and on (job, instance) anomaly_exporter_build_info`)).fromZero(),
	)
	return d
}

// names shows the names of series instead of their values.
func (p panel) names() panel {
	p.Options["textMode"], p.Options["graphMode"] = "name", "none"
	return p
}
