// Package jsonreport writes the report of a backtest as JSON, for programs. It has what the report for people has, in
// base units. docs/backtesting.md describes it: keys are only added.
package jsonreport

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// The verdicts.
const (
	good    = "good"
	bad     = "bad"
	unknown = "unknown" // there is nothing to compare with
)

// number is null in JSON if it is not a number or not finite, which JSON cannot tell.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

type report struct {
	Start         time.Time  `json:"start"`
	End           time.Time  `json:"end"`
	Detectors     []detector `json:"detectors"`
	Budgets       []budget   `json:"budgets"`
	Scalers       []scaler   `json:"scalers"`
	Findings      []finding  `json:"findings"`
	FindingsTotal int        `json:"findings_total"`
}

type verdict struct {
	Verdict  string   `json:"verdict"`
	Problems []string `json:"problems"`
}

type detector struct {
	Name string `json:"name"`
	verdict
	Series        int        `json:"series"`
	Steps         int        `json:"steps"`
	StepSeconds   float64    `json:"step_seconds"`
	Over          number     `json:"over_share"`
	PerSeries     number     `json:"alerts_per_series_week"`
	PerWorkload   number     `json:"alerts_per_workload_week"`
	Unscored      int        `json:"steps_without_score"`
	Reason        string     `json:"steps_without_score_reason,omitempty"`
	Why           string     `json:"no_score_because,omitempty"`
	Alerts        []alert    `json:"alerts"`
	Breaches      []alert    `json:"breach_alerts"`
	Forecasts     []forecast `json:"forecasts"`
	AgainstTruth  *truth     `json:"truth"`
	TrueIncidents []period   `json:"incidents"`
}

type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

type alert struct {
	period
	Firing bool          `json:"firing"`
	Bound  string        `json:"bound,omitempty"`
	Labels labels.Labels `json:"labels"`
}

type forecast struct {
	HorizonSeconds float64 `json:"horizon_seconds"`
	verdict
	Outcomes int    `json:"outcomes"`
	Error    number `json:"relative_error"`
	Bias     number `json:"bias"`
	Coverage number `json:"coverage"`
	Level    number `json:"level"`
}

type truth struct {
	Incidents   int    `json:"incidents"`
	Found       int    `json:"found"`
	Recall      number `json:"recall"`
	Alerts      int    `json:"alerts"`
	True        int    `json:"true_alerts"`
	Precision   number `json:"precision"`
	LeadSeconds number `json:"lead_time_seconds"`
}

type budget struct {
	PerWeek    number            `json:"false_alerts_per_week"`
	BarSeconds number            `json:"bar_seconds"`
	Alerts     map[string]number `json:"alerts_per_week"` // by detector
}

type scaler struct {
	Name       string     `json:"name"`
	Series     int        `json:"series"`
	Steps      int        `json:"steps"`
	Up         int        `json:"changes_up"`
	Down       int        `json:"changes_down"`
	Strategies []strategy `json:"strategies"`
}

type strategy struct {
	Name         string `json:"strategy"`
	Replicas     number `json:"replicas"`
	ReplicaHours number `json:"replica_hours"`
	Cost         number `json:"cost"`
	UnderSeconds number `json:"too_few_seconds"`
	UnderShare   number `json:"too_few_share"`
}

type finding struct {
	Detector string        `json:"detector"`
	Labels   labels.Labels `json:"labels"`
	period
	Time          time.Time      `json:"time"`
	Score         number         `json:"score"`
	Alerted       bool           `json:"alerted"`
	Unit          string         `json:"unit"`
	Value         number         `json:"value"`
	Inputs        []input        `json:"inputs"`
	Expected      number         `json:"expected"`
	Lower         number         `json:"expected_lower"`
	Upper         number         `json:"expected_upper"`
	Contributions []contribution `json:"contributions"`
	Trend         trend          `json:"trend"`
	CountPerHour  number         `json:"count_per_hour"`
	Learned       period         `json:"learned"`
}

type input struct {
	Name  string `json:"name"`
	Unit  string `json:"unit"`
	Value number `json:"value"`
}

type contribution struct {
	Feature string `json:"feature"`
	Share   number `json:"share"`
}

type trend struct {
	Word    string `json:"word"` // as in anomaly_trend; "": unknown
	PerHour number `json:"per_hour"`
	Hours   int    `json:"hours"`
	Text    string `json:"text"`
}

// Write writes a report as JSON.
func Write(w io.Writer, r *backtest.Report) error {
	out := report{
		Start: r.Start.UTC(), End: r.End.UTC(), FindingsTotal: r.Found,
		Detectors: []detector{}, Budgets: []budget{}, Scalers: []scaler{}, Findings: []finding{},
	}
	for i := range r.Detectors {
		out.Detectors = append(out.Detectors, newDetector(&r.Detectors[i]))
	}
	for _, b := range r.Budgets {
		one := budget{number(b.PerWeek), number(b.Bar), map[string]number{}}
		for i, alerts := range b.Alerts {
			one.Alerts[r.Detectors[i].Name] = number(alerts)
		}
		out.Budgets = append(out.Budgets, one)
	}
	for _, s := range r.Scalers {
		one := scaler{s.Name, s.Series, s.Steps, s.Up, s.Down, nil}
		for i, c := range s.Strategies {
			one.Strategies = append(one.Strategies, strategy{
				replicas.Strategy(i).String(), number(c.Replicas), number(c.ReplicaHours), number(c.Cost),
				number(c.Under.Seconds()), number(c.UnderShare),
			})
		}
		out.Scalers = append(out.Scalers, one)
	}
	for i := range r.Findings {
		out.Findings = append(out.Findings, newFinding(&r.Findings[i]))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// verdictOn returns the verdict on what has problems.
func verdictOn(problems []string) verdict {
	if len(problems) == 0 {
		return verdict{good, []string{}}
	}
	return verdict{bad, problems}
}

func newDetector(d *backtest.Detector) detector {
	out := detector{
		Name: d.Name, verdict: verdictOn(d.Problems()), Series: d.Series, Steps: d.Steps, StepSeconds: d.Step.Seconds(),
		Over: number(d.Over), PerSeries: number(d.PerWeek), PerWorkload: number(d.PerWorkload()),
		Unscored: d.Unscored, Reason: d.Reason, Why: d.Why,
		Alerts: []alert{}, Breaches: []alert{}, Forecasts: []forecast{}, TrueIncidents: []period{},
	}
	if d.Unknown() {
		out.Verdict = unknown
	}
	for _, a := range d.Fired {
		out.Alerts = append(out.Alerts, alert{period{a.Start.UTC(), a.End.UTC()}, a.Firing, "", a.Labels})
	}
	for _, a := range d.Breaches {
		out.Breaches = append(out.Breaches, alert{period{a.Start.UTC(), a.End.UTC()}, a.Firing, a.Bound, a.Labels})
	}
	for _, i := range d.Incidents {
		out.TrueIncidents = append(out.TrueIncidents, period{i.Start.UTC(), i.End.UTC()})
	}
	for i := range d.Horizons {
		h := &d.Horizons[i]
		v := verdictOn(h.Problems())
		if h.Forecasts == 0 {
			v.Verdict = unknown
		}
		out.Forecasts = append(out.Forecasts, forecast{
			h.Horizon.Seconds(), v, h.Forecasts, number(h.Error), number(h.Bias), number(h.Coverage), number(h.Level),
		})
	}
	if t := d.Truth; t != nil {
		lead := math.NaN()
		if t.Found > 0 {
			lead = t.Lead.Seconds()
		}
		out.AgainstTruth = &truth{
			t.Incidents, t.Found, number(t.Recall()), t.Alerts, t.True, number(t.Precision()), number(lead),
		}
	}
	return out
}

func newFinding(f *backtest.Finding) finding {
	out := finding{
		Detector: f.Detector, Labels: f.Labels, period: period{f.Start.UTC(), f.Start.Add(f.Duration).UTC()},
		Time: f.Time.UTC(), Score: number(f.Score), Alerted: f.Alerted, Unit: f.Unit, Value: number(f.Seen),
		Expected: number(f.Expected), Lower: number(f.Lower), Upper: number(f.Upper),
		Inputs: []input{}, Contributions: []contribution{}, CountPerHour: number(f.PerHour),
		Learned: period{f.From.UTC(), f.To.UTC()},
		Trend: trend{f.Trend.Word, number(f.Trend.PerHour), f.Trend.For, f.Trend.Text(func(v float64) string {
			return humanize.Quantity(v, f.TrendUnit())
		})},
	}
	for _, in := range f.Inputs {
		out.Inputs = append(out.Inputs, input{in.Name, in.Unit, number(in.Value)})
	}
	for _, c := range f.Contributions {
		out.Contributions = append(out.Contributions, contribution{c.Feature, number(c.Share)})
	}
	return out
}
