package result

// Family is a metric family that a detector or scaler publishes. All families are gauges.
type Family int

// The families, in the order in which they are published.
const (
	Score Family = iota
	ReturnPeriod
	Onset
	Contribution
	Observed
	Yhat
	YhatLower
	YhatUpper
	Max
	BreachProbability
	TimeToBreach
	BoundValue
	RecommendedReplicas
	RecommendedReplicasSource
	RecommendedCPUCores
	RecommendedMemoryBytes
	ModelState
	ModelInfo
	NumFamilies // number of families
)

var families = [NumFamilies]struct{ name, help string }{
	Score: {
		"anomaly_score",
		"How unusual the newest step of the series is, from 0 to 1, calibrated to a return period: 0.4 is " +
			"once in 8 hours of normal behaviour, 0.6 once in 3.5 days, 0.8 once in 5 weeks.",
	},
	ReturnPeriod: {
		"anomaly_return_period_seconds",
		"How long normal behaviour takes on average to look as unusual as the newest step of the series. The " +
			"score is its logarithm. At most 100,000 times the length of the history that was learned.",
	},
	Onset: {
		"anomaly_score_onset",
		"The anomaly score, lowered by how much of the last day was already anomalous.",
	},
	Contribution: {
		"anomaly_score_contribution",
		"Share of the anomaly score that a feature explains, from 0 to 1.",
	},
	Observed: {
		"anomaly_observed",
		"Value of the newest step of the series, which was scored, in the unit of the series.",
	},
	Yhat: {
		"forecast_yhat",
		"Median forecast of the series at the horizon, in the unit of the series; horizon 0s is the value " +
			"expected now.",
	},
	YhatLower: {
		"forecast_yhat_lower",
		"Lower end of the forecast interval at the horizon, in the unit of the series.",
	},
	YhatUpper: {
		"forecast_yhat_upper",
		"Upper end of the forecast interval at the horizon, in the unit of the series.",
	},
	Max: {
		"forecast_max",
		"Value that the maximum of the series from now to the horizon stays below with the given probability.",
	},
	BreachProbability: {
		"forecast_breach_probability",
		"Probability that the series crosses the bound within the horizon.",
	},
	TimeToBreach: {
		"forecast_time_to_breach_seconds",
		"Time until the median forecast crosses the bound; absent if it does not within the longest horizon.",
	},
	BoundValue: {
		"forecast_bound",
		"The bound that forecasts are compared with at the newest step, in the unit of the series.",
	},
	RecommendedReplicas: {
		"recommended_replicas",
		"Replicas needed for the load now and, by its forecast, over the horizon.",
	},
	RecommendedReplicasSource: {
		"recommended_replicas_source",
		"1 for what decided the recommendation: forecast, current, min, max or stabilization.",
	},
	RecommendedCPUCores: {
		"recommended_cpu_cores",
		"Recommended CPU request of the container, from its past and forecast usage.",
	},
	RecommendedMemoryBytes: {
		"recommended_memory_bytes",
		"Recommended memory request of the container, from its past and forecast usage and its out-of-memory " +
			"kills.",
	},
	ModelState: {
		"anomaly_model_state",
		"1 for a series that has no score or recommendation now, by state and reason.",
	},
	ModelInfo: {
		"anomaly_model_info",
		"1 for the forecast model in service; for a combination, its leading member.",
	},
}

// Name returns the family's metric name.
func (f Family) Name() string { return families[f].name }

// Help returns the family's help text, which has no line break.
func (f Family) Help() string { return families[f].help }
