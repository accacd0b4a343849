package mcp

import (
	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxLimit bounds the results of an answer. Guard: maxAnswer rarely leaves room for as many.
const maxLimit = 200

// defaults are the values of arguments that are not given. A limit of 20, chosen: a series takes about 1 kB, so that a
// conversation has room for more. The schemas do not have them, because the SDK (1.8.0) panics when it sets a default
// in arguments that are null.
var defaults = map[string]string{"limit": "20", "format": "markdown"}

// A tool is an endpoint of the API.
type tool struct {
	name        string // of the endpoint
	title       string
	description string
	parameters  []string
	list        string // key of the list in the answer; "": there is none
}

// tools are the endpoints that a model may ask. All of them only read.
var tools = []tool{
	{
		"context", "Incident context",
		"What is wrong, in one document: anomalies grouped into incidents, suspects of being the cause, ranked with " +
			"reasons, bounds that will be crossed, what was rolled out recently, and alerts that are firing. Begin here.",
		[]string{"match", "format"},
		"",
	},
	{
		"anomalies", "Anomalies now",
		"What is anomalous now, as incidents: series of one workload that became anomalous together. The most severe come " +
			"first, then the rarest. Each series has value, expected range, score, since when, and a sentence. `scored` is " +
			"how many series were looked at, `highest` the highest score of all.",
		[]string{"match", "detector", "scaler", "severity", "limit", "offset"},
		"incidents",
	},
	{
		"series", "Series",
		"Series with value, expected range (lower, upper), score, return period, contributions, training window, and, if " +
			"there is no score, state and reason. With start, which needs arguments that only one series matches, also its " +
			"history: what was published step by step. A long history is thinned: of each `stepsPerPoint` steps the one with " +
			"the highest score is shown. Ask for a shorter range to see every step. With gone, series that have no value any " +
			"more, such as of a pod that was evicted: with start, as they were in the end.",
		[]string{"match", "detector", "scaler", "min_score", "gone", "start", "end", "limit", "offset"},
		"series",
	},
	{
		"forecast", "Forecasts and breaches",
		"Forecasts by horizon, and the bounds (such as a memory limit) that a series is forecast to cross, the soonest " +
			"first.",
		[]string{"match", "detector", "scaler", "limit", "offset"},
		"forecasts",
	},
	{
		"recommendations", "Recommendations of scalers",
		"Replicas, and CPU and memory requests, that scalers recommend, with the load, the running replicas and what " +
			"decided.",
		[]string{"match", "detector", "scaler", "limit", "offset"},
		"recommendations",
	},
	{
		"detectors", "Detectors and scalers",
		"The detectors and scalers that are configured: their PromQL, newest step, number of series by state, and how good " +
			"their forecasts have been. Tells which names the argument detector takes, and whether to believe a result.",
		[]string{"detector", "scaler", "limit", "offset"},
		"detectors",
	},
}

// A parameter is an argument of tools, and of the API.
type parameter struct {
	schema jsonschema.Schema
	api    string // its name in the API; "": the same
}

func (p parameter) as(name string) string {
	if p.api != "" {
		return p.api
	}
	return name
}

var parameters = map[string]parameter{
	"match": {list("Selectors over labels, as in Prometheus: {namespace=\"shop\", job=~\"cart.*\"}. A series matches " +
		"one of them. The name in front of the braces is that of the metric that was read. None: all series."), "match[]"},
	"detector": {list("Only these detectors, by name."), ""},
	"scaler":   {list("Only these scalers, by name."), ""},
	"severity": {jsonschema.Schema{
		Type: "string", Enum: []any{"high", "critical"}, Description: "The least severity of an incident.",
	}, ""},
	"min_score": {jsonschema.Schema{
		Type: "number", Minimum: new(float64(0)), Maximum: new(float64(1)),
		Description: "Only series with at least this score.",
	}, ""},
	"gone": {jsonschema.Schema{
		Type: "boolean", Description: "Series that have no value any more, instead of those that have one.",
	}, ""},
	"start": {jsonschema.Schema{
		Type: "string", Description: "Start of the history: RFC 3339 such as 2026-11-28T12:00:00Z, or seconds since 1970.",
	}, ""},
	"end": {jsonschema.Schema{
		Type: "string", Description: "End of the history; by default the newest step.",
	}, ""},
	"limit": {jsonschema.Schema{
		Type: "integer", Minimum: new(float64(1)), Maximum: new(float64(maxLimit)),
		Description: "The most results to return, by default 20. `total` in the answer is the number of all.",
	}, ""},
	"offset": {jsonschema.Schema{
		Type: "integer", Minimum: new(float64(0)),
		Description: "How many results to leave out first: the nextOffset of the last answer.",
	}, ""},
	"format": {jsonschema.Schema{
		Type: "string", Enum: []any{"markdown", "json"},
		Description: "markdown, the default, is short; json has all numbers and labels.",
	}, ""},
}

func list(description string) jsonschema.Schema {
	return jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, Description: description}
}

// definition describes the tool to clients.
func (t tool) definition() *sdk.Tool {
	schema := &jsonschema.Schema{
		Type: "object", Properties: map[string]*jsonschema.Schema{}, PropertyOrder: t.parameters,
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}, // none
	}
	for _, name := range t.parameters {
		p := parameters[name].schema
		schema.Properties[name] = &p
	}
	return &sdk.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: schema,
		Annotations: &sdk.ToolAnnotations{
			Title: t.title, ReadOnlyHint: true, IdempotentHint: true, DestructiveHint: new(bool), OpenWorldHint: new(bool),
		},
	}
}
