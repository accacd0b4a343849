package main

const (
	ofJob = `job=~"$job",instance=~"$instance"`
	// ofPicked selects metrics of detectors and scalers: they have the label detector or the label scaler.
	ofPicked = ofJob + `,detector=~"$detector",scaler=~"$scaler"`
	// eachPicked names a detector or scaler in a legend.
	eachPicked = "{{detector}}{{scaler}}"
	upExporter = ` and on (job, instance) anomaly_exporter_build_info`
)

func exporter() *dashboard {
	d := newDashboard("anomaly-exporter-exporter", "Anomaly exporter",
		"The exporter itself: whether it keeps up, and what it reads, fits, holds and costs. Pick detectors or scalers to "+
			"narrow it down, not both.",
		labelValues("job", "Job", `anomaly_exporter_build_info`),
		labelValues("instance", "Instance", `anomaly_exporter_build_info{job=~"$job"}`),
		labelValues("detector", "Detector", `anomaly_exporter_cycles_total{job=~"$job",instance=~"$instance"}`),
		labelValues("scaler", "Scaler", `anomaly_exporter_cycles_total{job=~"$job",instance=~"$instance"}`),
	)
	addHealth(d)
	addCycles(d)
	addFits(d)
	addRemoteRead(d)
	addCosts(d)
	return d
}

func addHealth(d *dashboard) {
	d.row("Health", 4,
		stat("Exporters up", "Exporters that Prometheus scrapes.", 3, "short",
			series("", `sum(up{`+ofJob+`}`+upExporter+`) or vector(0)`)).steps("red", from(1, "green")),
		stat("Shards missing", "Shards of which Prometheus scrapes no exporter. Their series have no results.", 3, "short",
			series("", `sum(max by (job) (anomaly_exporter_shards{job=~"$job"}) - `+
				`count by (job) (group by (job, shard) (anomaly_exporter_shards{job=~"$job"})))`)).
			steps("green", from(1, "red")),
		stat("Version", "The running version.", 3, "string",
			series("{{version}}", `count by (version) (anomaly_exporter_build_info{`+ofJob+`})`)).names(),
		stat("Config", "1 if the newest config file is in force.", 3, "short",
			series("", `min(anomaly_exporter_config_last_reload_successful{`+ofJob+`})`)).steps("red", from(1, "green")),
		stat("Config loaded", "When a config file was last loaded successfully.", 4, "dateTimeFromNow",
			series("", `1000 * max(anomaly_exporter_config_last_reload_success_timestamp_seconds{`+ofJob+`})`)),
		stat("Oldest results",
			"Age of the results of the slowest detector or scaler. Normal is up to a step, the query_offset and a cycle.",
			4, "s",
			series("", `time() - min(anomaly_exporter_last_step_timestamp_seconds{`+ofPicked+`})`)),
		stat("Results", "Series of results on /metrics, of all shards together.", 4, "short",
			series("", `sum(max by (shard) (anomaly_exporter_results{`+ofJob+`}))`)),
	)
}

func addCycles(d *dashboard) {
	perHour := func(metric string) string {
		return `sum by (detector, scaler) (increase(anomaly_exporter_` + metric + `{` + ofPicked + `}[1h]))`
	}
	once := func(metric string) string {
		return `max without (job, instance, anomaly_replica) (anomaly_exporter_` + metric + `{` + ofPicked + `})`
	}
	d.row("Cycles", 8,
		graph("Duration of the last cycle",
			"From its start until results are published. It must stay well below the step.",
			8, "s",
			series(eachPicked+" {{instance}}", `anomaly_exporter_cycle_duration_seconds{`+ofPicked+`}`)).fromZero(),
		graph("Age of results", "Time since the step of the results.", 8, "s",
			series(eachPicked+" {{instance}}", `time() - anomaly_exporter_last_step_timestamp_seconds{`+ofPicked+`}`)).
			fromZero(),
		graph("Cycles missed and failed, per hour",
			"Missed steps are computed later. Failed cycles are tried again. Incomplete: a query warned.", 8, "short",
			series(eachPicked+" missed", perHour("cycles_missed_total")),
			series(eachPicked+" failed", perHour("cycle_failures_total")),
			series(eachPicked+" incomplete", perHour("query_warnings_total"))).fromZero(),
	)
	d.row("Series and models", 8,
		graph("Series by state", "The series that the expressions return now, by state and reason.", 8, "short",
			series("{{state}} {{reason}}", `sum by (state, reason) (`+once("series")+`)`)).stacked().fromZero(),
		graph("Series refused", "Series over series_limit: the newest have no results.", 8, "short",
			series(eachPicked, `sum by (detector, scaler) (`+once("series_refused")+`)`)).fromZero(),
		graph("Models in service",
			"Forecast models. A combination counts as its model with the largest weight; peers are models of pools.", 8, "short",
			series("{{model}}", `sum by (model) (`+once("models")+`)`)).stacked().fromZero(),
	)
}

func addFits(d *dashboard) {
	quantile := func(q string) string {
		return quantileBy("model", q, `rate(anomaly_exporter_fit_duration_seconds_bucket{`+ofJob+`}[$__rate_interval])`)
	}
	d.row("Fits", 8,
		graph("Fits per second", "Refits are spread over the series. A peak is a restart or a reload.", 12, "ops",
			series("{{model}}", `sum by (model) `+
				`(rate(anomaly_exporter_fit_duration_seconds_count{`+ofJob+`}[$__rate_interval]))`)).fromZero(),
		graph("Duration of a fit", "Time to fit one model to one series.", 12, "s",
			series("{{model}} p50", quantile("0.5")),
			series("{{model}} p99", quantile("0.99"))).fromZero(),
	)
}

func addRemoteRead(d *dashboard) {
	rate := func(metric string) string {
		return `rate(anomaly_exporter_remote_read_` + metric + `{` + ofJob + `}[$__rate_interval])`
	}
	d.row("Remote-read", 8,
		graph("Requests", "By HTTP status. error: there was no answer.", 8, "reqps",
			series("{{url}} {{code}}", `sum by (url, code) (`+rate("requests_total")+`)`)).fromZero(),
		graph("Errors", "Failed requests, corrupt chunks, and series left out.", 8, "ops",
			series("{{url}} {{reason}}", `sum by (url, reason) (`+rate("errors_total")+`)`)).fromZero(),
		graph("Duration of a request", "Until its answer has been read.", 8, "s",
			series("{{url}} p50", quantileBy("url", "0.5", rate("request_duration_seconds_bucket"))),
			series("{{url}} p99", quantileBy("url", "0.99", rate("request_duration_seconds_bucket")))).fromZero(),
		graph("Samples read", "The whole history after a start, then only the newest minutes.", 8, "cps",
			series("{{url}}", `sum by (url) (`+rate("samples_total")+`)`)).fromZero(),
		graph("Bytes read", "As transferred, compressed.", 8, "Bps",
			series("{{url}}", `sum by (url) (`+rate("bytes_total")+`)`)).fromZero(),
		graph("Requests in flight", "Limited by --query.max-concurrency.", 8, "short",
			series("{{instance}}", `anomaly_exporter_remote_read_in_flight{`+ofJob+`}`)).fromZero(),
	)
}

func addCosts(d *dashboard) {
	rate := func(metric string) string { return `rate(` + metric + `{` + ofJob + `}[$__rate_interval])` }
	d.row("Results and resources", 8,
		graph("Results left out", "Dropped for their labels, per minute, and withheld by sample_limit.", 8, "short",
			series("dropped: {{reason}}", `60 * sum by (reason) (`+rate("anomaly_exporter_results_dropped_total")+`)`),
			series("withheld: {{kind}}", `sum by (kind) (max by (shard, kind) (anomaly_exporter_results_withheld{`+ofJob+`}))`)).
			fromZero(),
		graph("Rendering", "Time to render new results into the text that scrapes copy.", 8, "s",
			series("{{instance}}", rate("anomaly_exporter_render_duration_seconds_sum")+` / `+
				rate("anomaly_exporter_render_duration_seconds_count"))).fromZero(),
		graph("CPU", "Cores in use.", 8, "short",
			series("{{instance}}", rate("process_cpu_seconds_total")+upExporter)).fromZero(),
		graph("Memory", "Resident memory, and the Go heap in it.", 12, "bytes",
			series("{{instance}} resident", `process_resident_memory_bytes{`+ofJob+`}`+upExporter),
			series("{{instance}} heap", `go_memstats_heap_inuse_bytes{`+ofJob+`}`+upExporter)).fromZero(),
		graph("Goroutines", "Constant, unless something leaks.", 12, "short",
			series("{{instance}}", `go_goroutines{`+ofJob+`}`+upExporter)).fromZero(),
	)
}

// quantileBy is a quantile of a histogram, by one label.
func quantileBy(label, q, buckets string) string {
	return `histogram_quantile(` + q + `, sum by (` + label + `, le) (` + buckets + `))`
}

// names shows the names of series instead of their values.
func (p panel) names() panel {
	p.Options["textMode"], p.Options["graphMode"] = "name", "none"
	return p
}
